"""Images arrive by upload and by address, and all pass the same gate."""

import hashlib
import json

import pytest
from django.test import Client

from audit.models import AuditEntry
from bases.arrivals import Wanted, import_begin, import_cancel, outside
from bases.models import BaseImage, Import
from bases.uploads import chunk_received
from cowweb.errors import ConflictError, DomainError, ForbiddenError
from tests.support.https import https_server
from tests.support.jobs import worked

pytestmark = pytest.mark.slow


@pytest.fixture
def data(image):
    return image.read_bytes()


@pytest.fixture
def server(data):
    with https_server({"/disk.qcow2": data, "/page": b"<html>" * 1000}) as made:
        outside.network = lambda: made.network
        yield made
        outside.network = type(outside)().network


def by_url(url, actor, **more):
    return import_begin(Wanted(name="web", way="url", url=url, **more), actor=actor)


def upload(data, actor, **more):
    wanted = {"name": "web", "way": "upload", "file_name": "mine.qcow2", "size": len(data), **more}
    return import_begin(Wanted(**wanted), actor=actor)


def outcome():
    return AuditEntry.objects.get(action="import_base").outcome


def test_an_image_from_an_address_becomes_a_base(server, actor, data):
    arriving = by_url(server.url("/disk.qcow2"), actor, facts={"memory_mb": 256, "os": "Test 1"})
    worked()
    arriving.refresh_from_db()
    assert (arriving.state, arriving.failure) == ("done", "")
    assert arriving.digest == hashlib.sha256(data).hexdigest()
    assert (arriving.received, arriving.size) == (len(data), len(data))
    base = BaseImage.objects.get(name="web")
    assert (base.status, base.memory_mb, base.os, base.current.seed) == ("ready", 256, "Test 1", "nocloud")
    assert base.current.origin == server.url("/disk.qcow2")
    assert not arriving.path.exists()
    assert outcome().result == "done"


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_a_digest_that_is_given_must_match(server, actor, data, algorithm):
    right = getattr(hashlib, algorithm)(data).hexdigest()
    wrong = right.translate(str.maketrans("0123456789abcdef", "123456789abcdef0"))
    arriving = by_url(server.url("/disk.qcow2"), actor, digest=wrong)
    worked()
    arriving.refresh_from_db()
    assert (arriving.state, BaseImage.objects.count()) == ("failed", 0)
    assert f"Its {algorithm} is {right}, and should be {wrong}" in arriving.failure
    assert outcome().reason == arriving.failure
    assert not arriving.path.exists()
    by_url(server.url("/disk.qcow2"), actor, digest=f"{algorithm}:{right}")
    worked()
    assert BaseImage.objects.get().status == "ready"


def test_a_site_may_want_a_digest_always(server, actor, settings):
    settings.COWWEB_IMPORT_DIGEST = True
    with pytest.raises(DomainError, match="only with the image"):
        by_url(server.url("/disk.qcow2"), actor)


@pytest.mark.parametrize(
    ("path", "words"), [("/page", "is no qcow2"), ("/none", "answered 404"), ("//", "answered 404")]
)
def test_what_is_no_image_leaves_the_reason_and_nothing_else(server, actor, site, path, words):
    arriving = by_url(server.url(path), actor)
    worked()
    arriving.refresh_from_db()
    assert arriving.state == "failed"
    assert words in arriving.failure or "qcow2" in arriving.failure
    assert not BaseImage.objects.exists()
    assert list(site.COWWEB_ARRIVALS.iterdir()) == []


def test_the_site_takes_only_so_much(server, actor, settings):
    settings.COWWEB_IMPORT_MAX_BYTES = 1000
    arriving = by_url(server.url("/disk.qcow2"), actor)
    worked()
    arriving.refresh_from_db()
    assert arriving.failure == "It is more than this site takes: 1,000 bytes"
    with pytest.raises(DomainError, match="is not from 1 to 1,000 bytes"):
        upload(b"x" * 1001, actor)


def test_without_the_internet_it_says_so(actor, settings, site):
    with https_server({}) as made:
        outside.network = lambda: made.network
        arriving = by_url("https://cloud.debian.org/x.qcow2", actor)
        worked()
        outside.network = type(outside)().network
    arriving.refresh_from_db()
    assert arriving.failure.startswith("This machine cannot find cloud.debian.org")


def test_a_fetch_is_cancelled_and_nothing_is_left(server, actor, site):
    arriving = by_url(server.url("/disk.qcow2"), actor)
    import_cancel(arriving=arriving, actor=actor)
    worked()
    arriving.refresh_from_db()
    assert (arriving.state, list(site.COWWEB_ARRIVALS.iterdir())) == ("cancelled", [])
    with pytest.raises(ConflictError, match="is over"):
        import_cancel(arriving=arriving, actor=actor)


def test_one_import_of_a_name_at_a_time(server, actor):
    by_url(server.url("/disk.qcow2"), actor)
    with pytest.raises(ConflictError, match="being imported already"):
        by_url(server.url("/disk.qcow2"), actor)


def test_an_upload_comes_in_chunks_and_becomes_the_next_revision(demo, second_image, actor):
    data = second_image.read_bytes()
    arriving = upload(data, actor, name="demo")
    for at in range(0, len(data), 70_000):
        assert chunk_received(arriving, offset=at, chunk=data[at : at + 70_000], actor=actor) > at
    worked()
    base = BaseImage.objects.get(name="demo")
    assert (base.current.number, base.current.origin) == (2, "mine.qcow2 (uploaded)")
    assert base.current.disk.read_bytes() == data
    assert not arriving.path.exists()


def test_an_upload_goes_on_where_it_was_and_nowhere_else(actor, data, site):
    arriving = upload(data, actor)
    chunk_received(arriving, offset=0, chunk=data[:1000], actor=actor)
    for wrong in (0, 999, 1001):
        with pytest.raises(ConflictError, match="is not where it goes on: 1000"):
            chunk_received(arriving, offset=wrong, chunk=data[1000:2000], actor=actor)
    with pytest.raises(DomainError, match="More came than"):
        chunk_received(arriving, offset=1000, chunk=data[1000:] + b"x", actor=actor)
    assert arriving.path.stat().st_size == 1000
    chunk_received(arriving, offset=1000, chunk=data[1000:], actor=actor)
    worked()
    assert BaseImage.objects.get(name="web").status == "ready"


def test_an_upload_is_cancelled_and_takes_nothing_more(actor, data):
    arriving = upload(data, actor)
    chunk_received(arriving, offset=0, chunk=data[:1000], actor=actor)
    import_cancel(arriving=arriving, actor=actor)
    with pytest.raises(ConflictError, match="it is cancelled"):
        chunk_received(arriving, offset=1000, chunk=data[1000:], actor=actor)
    assert (arriving.path.exists(), outcome().result) == (False, "refused")


def test_a_job_that_is_done_again_after_a_crash_registers_once(server, actor, data):
    arriving = upload(data, actor)
    chunk_received(arriving, offset=0, chunk=data, actor=actor)
    kept = arriving.path.read_bytes()
    worked()
    Import.objects.update(state="checking")
    arriving.path.write_bytes(kept)
    from bases.finishing import import_finished

    import_finished(arriving.pk)
    assert BaseImage.objects.get().revisions.count() == 1
    arriving.refresh_from_db()
    assert arriving.state == "done"


def test_only_curators_import(member_actor, actor, data):
    with pytest.raises(ForbiddenError):
        upload(data, member_actor)
    arriving = upload(data, actor)
    with pytest.raises(ForbiddenError):
        chunk_received(arriving, offset=0, chunk=data, actor=member_actor)


# The doors


@pytest.fixture
def browser(admin):
    client = Client()
    client.force_login(admin)
    return client


def chunk(browser, pk, offset, body):
    return browser.post(
        f"/bases/_imports/{pk}/chunk/?offset={offset}", body, content_type="application/octet-stream"
    )


def test_a_browser_uploads_in_chunks_and_after_a_reload_goes_on(browser, data):
    form = {"name": "web", "memory": "256M", "cpus": "1", "file_name": "d.qcow2", "size": len(data)}
    answer = browser.post("/bases/_imports/_upload/", form)
    page = answer.headers["Location"]
    pk = Import.objects.get().pk
    assert page == f"/bases/_imports/{pk}/"
    assert chunk(browser, pk, 0, data[:50_000]).json() == {"received": 50_000, "state": "receiving"}
    conflict = chunk(browser, pk, 0, data[:50_000])
    assert (conflict.status_code, conflict.json()["received"]) == (409, 50_000)
    assert b'data-received="50000"' in browser.get(page).content
    assert chunk(browser, pk, 50_000, data[50_000:]).json()["state"] == "checking"
    worked()
    assert BaseImage.objects.get().memory_mb == 256
    assert browser.get(page).content.count(hashlib.sha256(data).hexdigest().encode()) >= 1


def test_without_script_the_file_is_sent_in_one_go(browser, data, image):
    with image.open("rb") as file:
        answer = browser.post("/bases/_imports/_upload/", {"name": "web", "file": file})
    assert answer.status_code == 302
    worked()
    assert BaseImage.objects.get().current.digest == hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({"name": "Web", "url": "https://images.test/x"}, "is not a name"),
        ({"name": "web", "url": "http://images.test/x"}, "must begin with https"),
        ({"name": "web", "url": "https://images.test/x", "digest": "12"}, "64 hexadecimal digits"),
        ({"name": "web", "url": "https://images.test/x", "memory": "lots"}, "is not an amount of memory"),
        ({"name": "web"}, "required"),
    ],
)
def test_a_bad_form_is_refused_at_its_field(browser, form, words):
    answer = browser.post("/bases/_imports/_url/", form)
    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert not Import.objects.exists()


def test_members_neither_see_nor_make_imports(member, actor, data):
    arriving = upload(data, actor)
    client = Client()
    client.force_login(member)
    assert client.get("/bases/_imports/").status_code == 403
    assert client.get(f"/bases/_imports/{arriving.pk}/").status_code == 403
    assert chunk(client, arriving.pk, 0, data).status_code == 403
    assert (
        client.post("/bases/_imports/_url/", {"name": "x", "url": "https://images.test/"}).status_code == 403
    )


def test_the_catalogue_imports_with_the_publishers_digest(browser, server, monkeypatch, data):
    from bases import finishing
    from bases.catalogue import Image

    sums = f"{hashlib.sha512(data).hexdigest()}  disk.qcow2\n".encode()
    with https_server({"/SHA512SUMS": sums}) as other:
        other_url = other.url("/SHA512SUMS")
        image = Image("debian-12", "Debian 12", "Debian 12", server.url("/disk.qcow2"), other_url, "gnu", "sha512", "debian")  # fmt: skip
        monkeypatch.setattr(finishing, "image_named", lambda key: image)
        monkeypatch.setattr("bases.import_views.image_named", lambda key: image)
        monkeypatch.setattr(finishing, "digest_published", digest_from(other))
        answer = browser.post("/bases/_catalogue/debian-12/", {"name": "debian"})
        assert answer.status_code == 302
        worked()
    arriving = Import.objects.get()
    assert (arriving.state, arriving.failure, arriving.expected_from) == ("done", "", other_url)
    assert arriving.expected == f"sha512:{hashlib.sha512(data).hexdigest()}"
    assert "by digest only" in arriving.note, "what was checked of the publisher's word stays"
    assert arriving.note[1:] in arriving.revision.origin
    assert arriving.note in browser.get(f"/bases/_imports/{arriving.pk}/").content.decode()
    assert BaseImage.objects.get(name="debian").ssh_user == "debian"
    assert b"Alpine" in browser.get("/bases/_catalogue/").content


def digest_from(server):
    from bases.published import digest_published

    return lambda image, network: digest_published(image, network=server.network)


def test_the_chunk_door_answers_in_words(browser, data, actor):
    arriving = upload(data, actor)
    for offset in ("", "x", "-1"):
        answer = chunk(browser, arriving.pk, offset, b"x")
        assert (answer.status_code, "offset" in json.loads(answer.content)["error"]) == (422, True)
    assert chunk(browser, arriving.pk + 1, 0, b"x").status_code == 404
