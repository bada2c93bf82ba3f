"""The library's pages do what their services do, and show what is kept as text."""

import pytest

from provisioning.library import Draft, script_save
from provisioning.models import Script

pytestmark = pytest.mark.django_db
TEXT = "#!/bin/sh\n# kvm-infra-memory: 256M\necho '<script>alert(1)</script>'\n"


@pytest.fixture
def two(site, actor):
    script_save(Draft("say.sh", TEXT, "says it"), actor=actor)
    return script_save(Draft("say.sh", TEXT.replace("256M", "512M"), note="more room"), actor=actor).script


@pytest.fixture
def mia(client, member):
    client.force_login(member)
    return client


def test_a_script_is_written_in_the_browser(site, mia, member):
    form = {"name": "new.sh", "description": "", "note": "", "script": TEXT.replace("\n", "\r\n")}
    answer = mia.post("/scripts/_new/", form)
    assert answer.headers["Location"] == "/scripts/new.sh/"
    script = Script.objects.get()
    assert (script.owner, script.current.text) == (member, TEXT)


def test_a_header_with_a_mistake_is_shown_with_what_was_typed(site, mia):
    answer = mia.post("/scripts/_new/", {"name": "x.sh", "script": "# kvm-infra-memory: lots\n"})
    assert answer.status_code == 422
    page = answer.content.decode()
    assert "is not an amount of memory" in page and "# kvm-infra-memory: lots" in page


def test_someone_elses_script_can_be_read_and_run_but_not_changed(two, mia):
    page = mia.get("/scripts/say.sh/").content.decode()
    assert "&lt;script&gt;alert(1)" in page and "<script>alert" not in page
    assert "/edit/" not in page and "/runs/new/?script=say.sh" in page
    assert mia.post("/scripts/say.sh/edit/", {"script": TEXT}).status_code == 403
    assert mia.post("/scripts/say.sh/remove/").headers["Location"] == "/scripts/say.sh/"
    assert Script.objects.get().current.number == 2


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/scripts/", "says it"),
        ("/scripts/?q=SAY", "says it"),
        ("/scripts/?q=other", "No script matches"),
        ("/scripts/say.sh/?version=1", "This is version 1"),
        ("/scripts/say.sh/?tab=versions", "more room"),
        ("/scripts/say.sh/?tab=runs", "Never run"),
        ("/scripts/say.sh/diff/", "Version 1 to 2"),
        ("/scripts/say.sh/diff/?from=2&to=2", "The texts are the same"),
        ("/runs/new/?script=say.sh@1", "256M"),
    ],
)
def test_a_page_shows_what_is_kept(two, mia, path, words):
    assert words in mia.get(path).content.decode()


def test_the_newest_version_is_listed_first(two, mia):
    page = mia.get("/scripts/say.sh/?tab=versions").content.decode()
    assert page.index(">Version 2<") < page.index(">Version 1<")


@pytest.mark.parametrize(
    "path",
    ["/scripts/no.sh/", "/scripts/say.sh/?version=9", "/scripts/say.sh/?version=x", "/runs/new/?script=no"],
)
def test_what_is_not_there_is_a_404(two, mia, path):
    assert mia.get(path).status_code == 404


def test_a_version_is_downloaded_as_it_was_saved(two, mia):
    answer = mia.get("/scripts/say.sh/text/?version=1")
    assert answer.content.decode() == TEXT
    assert answer.headers["Content-Disposition"] == 'attachment; filename="say.sh"'


def test_the_admin_saves_a_version_too(two, client, admin):
    client.force_login(admin)
    path = f"/admin/provisioning/script/{two.pk}/change/"
    assert "512M" in client.get(path).content.decode()
    client.post(path, {"description": "curated", "text": TEXT, "note": "back"})
    two.refresh_from_db()
    assert (two.current.number, two.current.text, two.description) == (3, TEXT, "curated")
    refused = client.post(path, {"description": "", "text": "# kvm-infra-cpus: no\n"})
    assert "a number of cpus" in refused.content.decode()
