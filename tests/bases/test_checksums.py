"""Each publisher's file of checksums, in the form that publisher writes."""

import pytest

from bases.catalogue import catalogue
from bases.checksums import digest_in
from bases.fetching.network import checked_url
from bases.published import digest_published
from cowweb.errors import DomainError
from tests.support.https import https_server

A, B = "ab" * 32, "CD" * 32
LONG, OTHER = "12" * 64, "34" * 64
DEBIAN = f"{OTHER}  debian-12-genericcloud-amd64.json\n{LONG}  debian-12-genericcloud-amd64.qcow2\n"
UBUNTU = (
    f"{B.lower()} *ubuntu-24.04-server-cloudimg-amd64.squashfs\n{A} *ubuntu-24.04-server-cloudimg-amd64.img\n"
)
FEDORA = f"""-----BEGIN PGP SIGNED MESSAGE-----
Hash: SHA256

# Fedora-Cloud-Base-Generic-44-1.7.x86_64.qcow2: 513800192 bytes
SHA256 (Fedora-Cloud-Base-Generic-44-1.7.x86_64.qcow2) = {A}
# Fedora-Cloud-Base-UEFI-UKI-42-1.1.x86_64.qcow2: 1 bytes
SHA256 (Fedora-Cloud-Base-UEFI-UKI-42-1.1.x86_64.qcow2) = {B}
-----BEGIN PGP SIGNATURE-----

iQIzBAEBCAAdFiEE
-----END PGP SIGNATURE-----
"""
ROCKY = f"# Rocky-9-GenericCloud-Base.latest.x86_64.qcow2: 609812480 bytes\nSHA256 (Rocky-9-GenericCloud-Base.latest.x86_64.qcow2) = {A}\n"
SUSE = f"{A}  Leap-16.0-Minimal-VM.x86_64-16.0.0-Cloud-Build18.7.qcow2\n"
SAMPLES = {
    "debian-12": (DEBIAN, f"sha512:{LONG}"),
    "ubuntu-24-04": (UBUNTU, f"sha256:{A}"),
    "fedora-44": (FEDORA, f"sha256:{A}"),
    "alpine-3-23": (f"{LONG}\n", f"sha512:{LONG}"),
    "rocky-9": (ROCKY, f"sha256:{A}"),
    "opensuse-leap-16-0": (SUSE, f"sha256:{A}"),
}


@pytest.mark.parametrize("key", SAMPLES)
def test_the_publishers_form_is_read(key):
    image = next(image for image in catalogue() if image.key == key)
    text, digest = SAMPLES[key]
    name = image.url.rpartition("/")[2]
    found = digest_in(
        text.replace("\n", "\r\n") if key == "debian-12" else text,
        file=name,
        form=image.format,
        algorithm=image.algorithm,
        renamed=image.renamed or image.format == "bare",
    )
    assert found == digest


def test_every_image_of_the_catalogue_is_complete():
    assert {image.os.split()[0] for image in catalogue()} >= {
        *("Debian", "Ubuntu", "Fedora", "Alpine", "Rocky", "openSUSE")
    }
    for image in catalogue():
        for url in filter(None, (image.url, image.sums, image.signature)):
            assert checked_url(url).scheme == "https"
        assert image.format in ("gnu", "bsd", "bare") and image.algorithm in ("sha256", "sha512")


@pytest.mark.parametrize(
    ("text", "form", "words"),
    [
        ("", "gnu", "have no sha256"),
        (f"{A}  other.qcow2\n", "gnu", "have no sha256"),
        (f"{A}  d.qcow2\n{B}  d.qcow2\n", "gnu", "more than one"),
        (f"{A[:-1]}  d.qcow2\n", "gnu", "have no sha256"),
        (f"{A}  ../d.qcow2\n", "gnu", "have no sha256"),
        (f"SHA512 (d.qcow2) = {LONG}\n", "bsd", "have no sha256"),
        ("<html>Not found</html>", "bsd", "have no sha256"),
    ],
)
def test_what_gives_no_one_digest_is_refused(text, form, words):
    with pytest.raises(DomainError, match=words):
        digest_in(text, file="d.qcow2", form=form, algorithm="sha256")


def test_lines_outside_a_signed_text_do_not_count():
    slipped_in = f"SHA256 (d.qcow2) = {B}\n" + FEDORA.replace("Fedora-Cloud-Base-Generic-44-1.7.x86_64", "d")
    assert digest_in(slipped_in, file="d.qcow2", form="bsd", algorithm="sha256") == f"sha256:{A}"
    twice = FEDORA + FEDORA
    with pytest.raises(DomainError, match="not known"):
        digest_in(twice, file="d.qcow2", form="bsd", algorithm="sha256")


def test_the_digest_is_asked_of_the_publisher():
    image = next(image for image in catalogue() if image.key == "rocky-9")
    with https_server({}) as server:
        path = "/" + image.sums.rpartition("/")[2]
        here = type(image)(**{**{f: getattr(image, f) for f in image.__slots__}, "sums": server.url(path)})
        with pytest.raises(DomainError, match="answered 404"):
            digest_published(here, network=server.network)
    with https_server({path: ROCKY.encode()}) as server:
        here = type(image)(**{**{f: getattr(image, f) for f in image.__slots__}, "sums": server.url(path)})
        assert digest_published(here, network=server.network).digest == f"sha256:{A}"
