"""Old records leave the tables for sealed files, and the record stays one whole."""

import gzip
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.utils import timezone

from audit.archive_files import file_of
from audit.archiving import archive_make, pointing
from audit.models import Archive, AuditEntry, AuditOutcome
from audit.services import begin, finish
from audit.verify import verified
from cowweb.errors import ForbiddenError
from hosts.models import Job

pytestmark = pytest.mark.slow

OLD = timezone.now() - timedelta(days=100)
CUT = timezone.now() - timedelta(days=30)


@pytest.fixture
def old(site, actor, guarded):
    """Ten commands of long ago, one of them still open then, and one of now."""
    entries = [
        AuditEntry.objects.create(
            at=OLD, actor=actor.user, actor_name="admin", via="shell", action="clone", target=f"clone:old-{n}"
        )
        for n in range(10)
    ]
    for entry in entries[1:]:
        AuditOutcome.objects.create(at=OLD, entry=entry, result="done")
    begin(actor, "clone", target="clone:new")
    finish(entries[0].pk, "failed", "ended long after")
    return entries


def test_exactly_the_old_rows_go_and_the_record_stays_whole(old, actor):
    archive = archive_make(before=CUT, actor=actor)
    assert (archive.entries, archive.first_seq, archive.last_seq) == (10, 1, 19)
    assert [entry.target for entry in AuditEntry.objects.order_by("pk")] == ["clone:new", "audit"]
    assert not AuditOutcome.objects.filter(seq__lte=19).exists()
    verdict = verified()
    assert (verdict.wrong, verdict.archives) == ("", 1)
    assert not Archive.objects.filter(letting_go=True).exists()


def test_nothing_old_is_no_archive(record, guarded, actor):
    assert archive_make(before=CUT, actor=actor) is None
    assert verified().wrong == ""


def test_a_job_of_an_archived_entry_stays(old, actor):
    job = Job.objects.create(task="x", subject_id=1, audit_entry=old[3])
    archive_make(before=CUT, actor=actor)
    job.refresh_from_db()
    assert job.audit_entry_id is None


def test_every_key_to_an_entry_can_be_emptied():
    found = {(model.__name__, name): model._meta.get_field(name).null for model, name in pointing()}
    assert {("Job", "audit_entry")} <= set(found)
    assert len(found) > 1, "hidden relations count too"
    assert all(found.values()), found


def test_only_administrators_archive(old, member_actor):
    with pytest.raises(ForbiddenError):
        archive_make(before=CUT, actor=member_actor)
    assert AuditEntry.objects.filter(pk=old[0].pk).exists()


def changed(path, old_text, new_text):
    text = gzip.decompress(path.read_bytes()).replace(old_text, new_text)
    path.chmod(0o600)
    path.write_bytes(gzip.compress(text))


def test_a_changed_byte_in_an_archive_is_named(old, actor):
    archive = archive_make(before=CUT, actor=actor)
    changed(file_of(archive), b"clone:old-6", b"clone:old-X")
    assert verified().wrong.startswith("entry 7 (record 7) is not what was written")


def test_a_cut_archive_is_found(old, actor):
    archive = archive_make(before=CUT, actor=actor)
    path = file_of(archive)
    path.chmod(0o600)
    path.write_bytes(path.read_bytes()[:-40])
    assert "cannot be read" in verified().wrong


def test_a_missing_archive_is_named(old, actor):
    archive = archive_make(before=CUT, actor=actor)
    file_of(archive).unlink()
    assert verified().wrong == f"the archive {archive} is missing: it has entries up to 10"


def test_the_command_archives_and_says_where(old, admin):
    out = StringIO()
    call_command("archive_audit", before=CUT.date().isoformat(), stdout=out)
    assert "10 entries are in" in out.getvalue()
    again = StringIO()
    call_command("archive_audit", before=CUT.date().isoformat(), stdout=again)
    assert "Nothing on record is older" in again.getvalue()
    assert verified().wrong == ""


def test_a_record_that_is_not_whole_is_not_archived(old, admin, capsys):
    Archive.objects.create(
        name="gone", first_seq=1, last_seq=2, previous="", last_hash="", sha256="", before=CUT
    )
    with pytest.raises(SystemExit) as left:
        call_command("archive_audit", before=CUT.date().isoformat())
    assert left.value.code == 1
    assert "not whole" in capsys.readouterr().err
