"""Files into a guest and out of it, from the page: whole, with progress, for who may use the clone."""

import io
import tarfile

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from clones.copying import Told
from clones.file_models import FileCopy
from clones.files import copy_cancel, forgotten
from clones.models import Clone
from clones.services import clone_create
from clones.wanted import Wanted
from commands.dispatch import run_command
from commands.service import Caller
from hosts.jobs import work
from hosts.models import Job
from tests.support.shell_guest import shell_guest

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def web(demo, actor):
    """A clone whose guest is a shell of this host."""
    clone = clone_create(Wanted(base="demo", name="web", start=False), actor=actor).clone
    Job.objects.all().delete()
    with shell_guest(clone):
        yield Clone.objects.get(pk=clone.pk)


@pytest.fixture
def page(client, admin):
    client.force_login(admin)
    return client


def worked():
    """Does what is queued; how each copy ended, in their order."""
    for job in Job.objects.filter(state="queued").order_by("pk"):
        work(job.pk)
    return [(copy.name, copy.status, copy.failure) for copy in FileCopy.objects.order_by("pk")]


def test_a_file_and_a_folder_arrive_whole(web, page, tmp_path):
    files = [SimpleUploadedFile("a", b"1" * 100_000), SimpleUploadedFile("b", b"2")]
    form = {"path": str(tmp_path), "files": files, "paths": ["site ü/deep/a", "site ü/b"]}
    assert page.post("/clones/web/files/send/", form).status_code == 302
    single = {"path": str(tmp_path), "files": SimpleUploadedFile("c.txt", b"3")}
    page.post("/clones/web/files/send/", single)
    assert worked() == [("site ü", "done", ""), ("c.txt", "done", "")]
    assert (tmp_path / "site ü" / "deep" / "a").read_bytes() == b"1" * 100_000
    assert (tmp_path / "site ü" / "b").read_bytes() == b"2"
    assert (tmp_path / "c.txt").read_bytes() == b"3"
    for copy in FileCopy.objects.all():
        assert copy.percent == 100 and not copy.folder.exists()


def test_a_file_and_a_folder_come_out_as_downloads(web, page, tmp_path):
    (tmp_path / "log").mkdir()
    (tmp_path / "log" / "x").write_text("<script>")
    for remote in ("log", "log/x"):
        page.post("/clones/web/files/ask/", {"remote": str(tmp_path / remote)})
    assert worked() == [("log", "done", ""), ("x", "done", "")]
    folder, file = FileCopy.objects.order_by("pk")
    answer = page.get(f"/clones/web/files/{file.pk}/")
    assert b"".join(answer.streaming_content) == b"<script>"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="x"'
    assert answer.headers["Content-Type"] == "application/octet-stream"
    archive = b"".join(page.get(f"/clones/web/files/{folder.pk}/").streaming_content)
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        assert tar.extractfile("log/x").read() == b"<script>"


def test_what_comes_out_says_how_far_it_is(web, page, tmp_path, monkeypatch):
    (tmp_path / "log" / "deep").mkdir(parents=True)
    (tmp_path / "log" / "deep" / "it's long").write_bytes(b"1" * 3_000_000)
    seen = []

    class Looking(Told):
        def __call__(self, total):
            super().__call__(total)
            copy = FileCopy.objects.get(pk=self.copy.pk)
            seen.append((copy.name, copy.percent, copy.size))

    monkeypatch.setattr("clones.copying.TELL_S", 0)
    monkeypatch.setattr("clones.copying.Told", Looking)
    for remote in ("log", "log/deep/it's long"):
        page.post("/clones/web/files/ask/", {"remote": str(tmp_path / remote)})
    assert {status for _, status, _ in worked()} == {"done"}
    for name, exact in (("log", 3_002_880), ("it's long", 3_000_000)):
        percents = [percent for copied, percent, _ in seen if copied == name]
        assert len(set(percents)) > 2 and percents == sorted(percents) and percents[-1] > 90
        assert {size for copied, _, size in seen if copied == name} == {exact}


def test_what_cannot_be_copied_says_why_and_leaves_nothing(web, page, tmp_path):
    page.post("/clones/web/files/ask/", {"remote": str(tmp_path / "none")})
    page.post("/clones/web/files/send/", {"path": "/no/such", "files": SimpleUploadedFile("a", b"1")})
    (_, first, why), (_, second, _) = worked()
    assert (first, second) == ("failed", "failed")
    assert "is not there in the guest" in why
    assert "is not there in the guest" in page.get("/clones/web/?tab=files").content.decode()
    assert not any(copy.folder.exists() for copy in FileCopy.objects.all())


@pytest.mark.parametrize("path", ["../up", "/etc/passwd", "a/../../b"])
def test_a_path_that_leaves_its_folder_is_refused(web, page, tmp_path, path):
    form = {"path": str(tmp_path), "files": SimpleUploadedFile("a", b"1"), "paths": [path]}
    page.post("/clones/web/files/send/", form)
    assert not FileCopy.objects.exists()
    assert list(tmp_path.glob("up")) == []


def test_the_tab_lists_a_folder_and_says_why_it_cannot(web, page, tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "-rf <b>").write_text("12345")
    (tmp_path / ".hidden").write_text("")
    text = page.get("/clones/web/", {"tab": "files", "path": str(tmp_path)}).content.decode()
    assert "-rf &lt;b&gt;" in text and "5 bytes" in text and ".hidden" in text
    assert f"path={tmp_path}/folder" in text.replace("%2F", "/")
    for path, words in ((f"{tmp_path}/none", "cannot be listed"), ("relative", "absolute path")):
        assert words in page.get("/clones/web/", {"tab": "files", "path": path}).content.decode()


def test_nobody_else_sends_asks_or_fetches(web, client, member, admin, page, tmp_path):
    (tmp_path / "x").write_text("secret")
    page.post("/clones/web/files/ask/", {"remote": str(tmp_path / "x")})
    worked()
    client.force_login(member)
    assert client.get(f"/clones/web/files/{FileCopy.objects.get().pk}/").status_code == 404
    assert client.post("/clones/web/files/ask/", {"remote": "/etc/passwd"}).status_code == 404
    assert FileCopy.objects.count() == 1


def test_what_nobody_fetched_goes_after_a_day(web, page, tmp_path, monkeypatch):
    (tmp_path / "x").write_text("x")
    page.post("/clones/web/files/ask/", {"remote": str(tmp_path / "x")})
    assert worked() == [("x", "done", "")]
    copy = FileCopy.objects.get()
    forgotten()
    assert copy.folder.exists()
    monkeypatch.setattr("clones.files.KEPT", -copy.ended_at.resolution)
    forgotten()
    assert not copy.folder.exists() and not FileCopy.objects.exists()


def test_the_pages_own_script_stays_on_the_page_and_hears_a_refusal(web, page, tmp_path):
    """What is typed there is not lost to a reload."""
    form = {"path": str(tmp_path), "files": SimpleUploadedFile("a", b"1")}
    sent = page.post("/clones/web/files/send/", form, headers={"HX-Request": "true"})
    assert (sent.status_code, sent.content) == (204, b"")
    ask = {"remote": "etc/hosts"}
    refused = page.post("/clones/web/files/ask/", ask, headers={"HX-Request": "true"})
    assert (refused.status_code, "absolute path" in refused.content.decode()) == (422, True)
    assert refused.headers["Content-Type"] == "text/plain; charset=utf-8"


def test_a_stopped_clone_is_refused_in_words(web, page):
    Clone.objects.filter(pk=web.pk).update(status="stopped")
    page.post("/clones/web/files/ask/", {"remote": "/etc/passwd"})
    assert not FileCopy.objects.exists()
    assert "only a running clone" in page.get("/clones/web/?tab=files").content.decode()


def test_the_verbs_copy_folders_too(web, site, actor, tmp_path):
    folder = site.COWWEB_IMPORT_FOLDERS[0] / "conf"
    folder.mkdir()
    (folder / "a").write_text("1")
    done = run_command(f"copy_to vm=web local=conf remote={tmp_path}/there", Caller(actor))
    assert done["success"], done
    assert (tmp_path / "there" / "a").read_text() == "1"
    done = run_command(f"copy_from vm=web local=back remote={tmp_path}/there", Caller(actor))
    assert done["success"], done
    assert (site.COWWEB_IMPORT_FOLDERS[0] / "back" / "a").read_text() == "1"
    assert run_command("copy_to vm=web local=../x remote=/x", Caller(actor))["code"] == "not_found"


@pytest.fixture
def cancelled_under_way(actor, monkeypatch):
    """Every copy is cancelled as soon as some of it has come."""
    seen = []

    class Impatient(Told):
        def __call__(self, total):
            super().__call__(total)
            if self.copy.pk not in seen:
                seen.append(self.copy.pk)
                copy_cancel(copy=self.copy, actor=actor)

    monkeypatch.setattr("cowweb.flags.LOOK_S", 0)
    monkeypatch.setattr("clones.copying.Told", Impatient)
    return seen


def test_a_copy_that_is_cancelled_under_way_leaves_nothing_on_either_side(
    web, page, tmp_path, cancelled_under_way
):
    large = tmp_path / "large"
    large.mkdir()
    for name in ("a", "b"):
        (large / name).write_bytes(bytes(40_000_000))
    target = tmp_path / "target"
    target.mkdir()
    files = [SimpleUploadedFile(name, bytes(40_000_000)) for name in "ab"]
    page.post("/clones/web/files/send/", {"path": str(target), "files": files, "paths": ["two/a", "two/b"]})
    one = SimpleUploadedFile("one", bytes(40_000_000))
    page.post("/clones/web/files/send/", {"path": str(target), "files": one})
    for remote in (large, large / "a"):
        page.post("/clones/web/files/ask/", {"remote": str(remote)})
    assert {status for _, status, _ in worked()} == {"cancelled"}
    assert len(cancelled_under_way) == 4
    assert list(target.iterdir()) == []
    assert not any(copy.folder.exists() or copy.percent == 100 for copy in FileCopy.objects.all())
    text = page.get("/clones/web/?tab=files").content.decode()
    assert text.count("nothing of it was kept") == 4


def test_a_copy_that_waits_is_cancelled_at_once_and_one_that_is_over_not_at_all(web, page, tmp_path):
    form = {"path": str(tmp_path), "files": SimpleUploadedFile("a", b"1")}
    page.post("/clones/web/files/send/", form)
    waiting = FileCopy.objects.get()
    assert f"/clones/web/files/{waiting.pk}/cancel/" in page.get("/clones/web/?tab=files").content.decode()
    assert page.post(f"/clones/web/files/{waiting.pk}/cancel/").status_code == 302
    assert not waiting.folder.exists()
    assert worked() == [("a", "cancelled", "")]
    assert Job.objects.get().state == "failed"
    assert not (tmp_path / "a").exists()
    again = page.post(f"/clones/web/files/{waiting.pk}/cancel/", headers={"HX-Request": "true"})
    assert (again.status_code, again.content.decode()) == (422, f"Copy {waiting.pk} is over: cancelled")


def test_a_copy_that_failed_unforeseen_is_not_called_done(web, page, tmp_path, monkeypatch):
    def no_room(*args):
        raise OSError(28, "No space left on device")

    (tmp_path / "log").mkdir()
    monkeypatch.setattr("clones.copying.shutil.make_archive", no_room)
    page.post("/clones/web/files/ask/", {"remote": str(tmp_path / "log")})
    ((_, status, why),) = worked()
    assert (status, "No space left" in why) == ("failed", True)
    assert not FileCopy.objects.get().folder.exists()


def test_what_cannot_be_kept_on_its_way_leaves_no_copy_that_waits_for_ever(web, page, tmp_path, monkeypatch):
    def no_room(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("clones.files.staged", no_room)
    with pytest.raises(OSError, match="No space"):
        page.post("/clones/web/files/send/", {"path": "/", "files": SimpleUploadedFile("a", b"1")})
    assert not FileCopy.objects.exists()


def test_commands_list_copies_cancel_them_and_say_how_far_they_are(web, actor, tmp_path, cancelled_under_way):
    (tmp_path / "large").write_bytes(bytes(40_000_000))
    said = []
    caller = Caller(actor, reads_own_files=True, on_copy=said.append)
    ended = run_command(f"copy_to vm=web local={tmp_path}/large remote={tmp_path}/there", caller)
    assert (ended["success"], ended["code"]) == (False, "cancelled"), ended
    assert not (tmp_path / "there").exists() and (tmp_path / "large").exists()
    (copy,) = said
    listed = run_command("list_copies vm=web", caller)["copies"]
    assert [(one["copy"], one["status"], one["size"]) for one in listed] == [
        (copy.pk, "cancelled", 40_000_000)
    ]
    begun = run_command(
        f"copy_from vm=web local={tmp_path}/x remote={tmp_path}/large", Caller(actor, waits=False)
    )
    assert begun["code"] == "forbidden"
    caller = Caller(actor, reads_own_files=True, waits=False)
    begun = run_command(f"copy_from vm=web local={tmp_path}/x remote={tmp_path}/large", caller)
    assert run_command(f"cancel_copy copy={begun['copy']}", caller)["output"].endswith("was cancelled")
    assert run_command(f"cancel_copy copy={begun['copy']}", caller)["code"] == "conflict"
    assert run_command("cancel_copy copy=999999", caller)["code"] == "not_found"


def test_a_file_of_the_shell_keeps_its_name_in_a_folder(web, actor, site, tmp_path):
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / "there").mkdir()
    caller = Caller(actor, reads_own_files=True)
    assert run_command(f"copy_to vm=web local={tmp_path}/notes.txt remote={tmp_path}/there", caller)[
        "success"
    ]
    assert [path.name for path in (tmp_path / "there").iterdir()] == ["notes.txt"]
    assert list(site.COWWEB_IMPORT_FOLDERS[0].glob("*notes*")) == []
