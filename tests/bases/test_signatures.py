"""A publisher's signature is checked with real keys: a good one is named, everything else is refused."""

import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from django.core.cache import cache

from bases import reach
from bases.catalogue import Image
from bases.fetching import Network
from bases.published import digest_published
from bases.signatures import how_checked, keyring_of
from cowweb.errors import DomainError
from tests.support.https import https_server

pytestmark = pytest.mark.slow

A, B = "ab" * 32, "cd" * 32
SUMS = f"{A}  disk.qcow2\n".encode()
OTHER = f"{B}  disk.qcow2\n".encode()
BSD = f"SHA256 (disk.qcow2) = {A}\n".encode()


class Publisher:
    """A key of its own, made for the test, and what it signs."""

    def __init__(self, name: str) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="gpg-"))  # the agent's socket needs a short path
        self.gpg("--quick-gen-key", f"{name} <{name}@images.test>", "ed25519", "sign", "never")

    def gpg(self, *words: str, data: bytes = b"") -> bytes:
        argv = ["gpg", "--homedir", str(self.home), "--batch", "--quiet", "--passphrase", "", *words]
        return subprocess.run(argv, input=data, capture_output=True, check=True, timeout=60).stdout

    def detached(self, data: bytes, *armour: str) -> bytes:
        return self.gpg(*armour, "--detach-sign", data=data)

    def in_place(self, data: bytes) -> bytes:
        return self.gpg("--clearsign", data=data)

    def end(self) -> None:
        argv = ["gpgconf", "--homedir", str(self.home), "--kill", "all"]
        subprocess.run(argv, check=False, timeout=20)
        shutil.rmtree(self.home, ignore_errors=True)


@pytest.fixture(scope="module")
def publishers():
    if not shutil.which("gpg"):
        pytest.skip("gpg is not there: install the package gpg")
    made = [Publisher("right"), Publisher("wrong")]
    yield made
    for one in made:
        one.end()


@pytest.fixture(autouse=True)
def keyrings(settings, tmp_path):
    settings.COWWEB_KEYRINGS = tmp_path / "keyrings"
    settings.COWWEB_KEYRINGS.mkdir()
    return settings.COWWEB_KEYRINGS


def image_of(server, **more) -> Image:
    facts = {"format": "gnu", "signature": server.url("/SUMS.gpg"), **more}
    places = {"url": server.url("/disk.qcow2"), "sums": server.url("/SUMS")}
    return Image(key="mine", name="Mine", os="", algorithm="sha256", ssh_user="root", **places, **facts)


def asked(files: dict[str, bytes], **more):
    with https_server(files) as server:
        return digest_published(image_of(server, **more), network=server.network)


@pytest.mark.parametrize("suffix", [".gpg", ".asc"])
@pytest.mark.parametrize("armour", [(), ("--armor",)])
def test_a_good_signature_is_checked_and_names_its_key(publishers, keyrings, suffix, armour):
    right, _ = publishers
    export = ("--armor",) if suffix == ".asc" else ()
    (keyrings / f"mine{suffix}").write_bytes(right.gpg(*export, "--export"))
    found = asked({"/SUMS": SUMS, "/SUMS.gpg": right.detached(SUMS, *armour)})
    assert found.digest == f"sha256:{A}"
    fingerprint = right.gpg("--with-colons", "--list-keys").decode().split("fpr:::::::::")[1][:40]
    assert found.signature == f"Signature checked: by right <right@images.test>, key {fingerprint}"


def test_a_signature_by_another_key_of_another_text_or_none_is_refused(publishers, keyrings):
    right, wrong = publishers
    (keyrings / "mine.gpg").write_bytes(right.gpg("--export"))
    for signature, why in (
        (wrong.detached(SUMS), "no signature by a known key, only by"),
        (right.detached(OTHER), "it is not a signature of this text"),
        (b"nothing", "no signature by a known key"),
    ):
        with pytest.raises(DomainError, match=f"refused with the keys of mine.gpg: .*{why}"):
            asked({"/SUMS": SUMS, "/SUMS.gpg": signature})
    with pytest.raises(DomainError):  # and where it is missing
        asked({"/SUMS": SUMS})


def test_of_a_text_that_is_signed_in_place_only_what_is_signed_counts(publishers, keyrings):
    right, wrong = publishers
    (keyrings / "images.test.gpg").write_bytes(right.gpg("--export"))
    signed = {"format": "bsd", "signature": "", "signed": True}
    around = f"SHA256 (disk.qcow2) = {B}\n".encode()
    text = right.in_place(BSD)
    assert asked({"/SUMS": text}, **signed).digest == f"sha256:{A}"
    for forged in (around + text, text + around):
        try:
            assert asked({"/SUMS": forged}, **signed).digest == f"sha256:{A}"
        except DomainError as error:
            assert "refused" in str(error)
    for bad in (text.replace(A.encode(), B.encode()), wrong.in_place(BSD), BSD):
        with pytest.raises(DomainError, match="refused"):
            asked({"/SUMS": bad}, **signed)


def test_a_file_that_is_no_keyring_is_refused(publishers, keyrings):
    right, _ = publishers
    files = {"/SUMS": SUMS, "/SUMS.gpg": right.detached(SUMS)}
    for data in (
        b"no keys",
        b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n?!\n-----END PGP PUBLIC KEY BLOCK-----\n",
    ):
        (keyrings / "mine.asc").write_bytes(data)
        with pytest.raises(DomainError):
            asked(files)


def test_without_keys_the_digest_alone_is_checked_and_that_is_said(keyrings):
    found = asked({"/SUMS": SUMS}, keyring="/nowhere/keys.gpg", keyring_package="mine-keyring")
    assert found.digest == f"sha256:{A}"
    assert found.signature == (
        "Checked by digest only until its keys are here: install mine-keyring, or put them into keyrings/mine.asc"
    )
    assert asked({"/SUMS": SUMS}, signature="").signature.endswith(
        "no signature over its checksums is known here"
    )


def test_a_packages_keyring_is_taken_where_no_curator_chose_another(keyrings, tmp_path):
    packaged = tmp_path / "keys.gpg"
    packaged.write_bytes(b"x")
    with https_server({}) as server:
        image = image_of(server, keyring=str(packaged))
    assert keyring_of(image) == packaged
    assert how_checked(image) == "by digest and signature, with the keys of keys.gpg"
    (keyrings / "mine.asc").write_bytes(b"x")
    assert keyring_of(image) == keyrings / "mine.asc"


def offline(host: str, port: int) -> list[str]:
    raise OSError(-3, "Temporary failure in name resolution")


@pytest.mark.django_db
def test_a_machine_without_the_internet_says_so_before_anything_is_imported(
    admin, member, client, monkeypatch
):
    monkeypatch.setattr("bases.arrivals.outside.network", lambda: Network(resolve=offline))
    cache.delete(reach.KEY)
    client.force_login(admin)
    page = client.get("/bases/_catalogue/").content.decode()
    assert "_catalogue/_reach/" in page and "by digest only: no signature" in page
    for path in ("/bases/_catalogue/_reach/", "/bases/_catalogue/?reach=1"):
        page = client.get(path).content.decode()
        assert "reaches none of the publishers" in page and "Temporary failure in name resolution" in page
    client.force_login(member)
    assert client.get("/bases/_catalogue/_reach/").status_code == 403
    cache.delete(reach.KEY)


def test_a_publisher_that_answers_is_told_from_one_that_does_not(monkeypatch):
    with https_server({}) as server:
        monkeypatch.setattr(reach, "HTTPS", server.port)
        answers = reach.tried("images.test", server.network)
        unknown = reach.tried("nowhere.test", server.network)
    assert (answers.answers, unknown.answers) == (True, False)
    assert "cannot find nowhere.test" in unknown.why
