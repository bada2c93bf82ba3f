"""Any stretch of a run's output, a search over all of it, and the whole as a file."""

import json
import time
import tracemalloc
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from audit.models import AuditEntry
from provisioning.models import OutputChunk, Run
from provisioning.output import Recorder
from provisioning.reading import cast, found, stretch, texts
from provisioning.retention import outputs_expired

pytestmark = [pytest.mark.slow, pytest.mark.django_db]


@pytest.fixture
def run(admin) -> Run:
    return Run.objects.create(script_name="x.sh", owner=admin, clone_name="c", base_reference="demo")


def said(run, *pieces: bytes, stream: str = "stdout") -> None:
    recorder = Recorder(run)
    for piece in pieces:
        recorder.take(stream, piece)
    recorder.close()
    run.refresh_from_db()


@pytest.fixture
def long(run) -> Run:
    said(run, b"".join(b"line %d\n" % number for number in range(1, 5001)))
    return run


@pytest.mark.parametrize("first", [1, 2, 199, 200, 201, 2500, 4999, 5000])
def test_a_stretch_begins_and_ends_anywhere(long, first):
    lines = stretch(long.pk, first=first, count=450).lines
    assert [text for _, _, text in lines] == [f"line {n}" for n in range(first, min(first + 450, 5001))]


def test_beyond_the_end_there_is_nothing(long):
    assert stretch(long.pk, first=5001, count=10).lines == []


def test_colours_hold_from_line_to_line_until_they_are_reset(run):
    said(run, b"\x1b[1;31mred\n" + b"still\n" * 300 + b"\x1b[0mplain\n" + b"\n" * 300)
    assert stretch(run.pk, first=1, count=1).colours == {}
    assert stretch(run.pk, first=150, count=1).colours == {"stdout": "\x1b[1;31m"}
    assert stretch(run.pk, first=290, count=1).colours == {"stdout": "\x1b[1;31m"}
    assert stretch(run.pk, first=500, count=1).colours == {}


def test_a_search_goes_over_everything_and_on_from_where_it_stopped(long):
    assert found(long.pk, "line 4321", after=0).hits == [4321]
    first = found(long.pk, "LINE".lower(), after=0, most=300)
    assert (len(first.hits), first.next) == (400, 400)
    rest = found(long.pk, "line", after=400, most=10_000)
    assert (rest.hits[0], rest.hits[-1], rest.next) == (401, 5000, None)


def test_a_search_sees_the_text_and_not_its_colours_and_capitals_make_case_count(run):
    said(run, b'Fa\x1b[31mil\x1b[0med "here"\nfailed\n\xc3\x84pfel\n')
    assert found(run.pk, "failed", after=0).hits == [1, 2]
    assert found(run.pk, "Failed", after=0).hits == [1]
    assert found(run.pk, '"here"', after=0).hits == [1]
    assert found(run.pk, "äpfel", after=0).hits == [3]
    assert found(run.pk, "[31m", after=0).hits == []


def test_fifty_thousand_lines_are_searched_and_windowed_quickly(run):
    said(run, b"".join(b"number %d of fifty thousand lines\n" % number for number in range(50_000)))
    start = time.process_time()
    assert found(run.pk, "number 49999 of", after=0).hits == [50_000]
    assert time.process_time() - start < 1.5
    start = time.process_time()
    assert len(stretch(run.pk, first=40_000, count=1000).lines) == 1000
    assert time.process_time() - start < 0.2


def test_the_whole_is_read_in_flat_memory(run):
    for _ in range(10):
        said(run, b"".join(b"%07d %s\n" % (number, b"x" * 90) for number in range(5000)))
    tracemalloc.start()
    size = sum(len(part) for part in texts(run))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert size == 10 * 5000 * 99
    assert peak < 2_000_000


def test_an_asciicast_has_a_header_and_an_event_a_line(run):
    said(run, b"one\n\x1b[32mtwo\x1b[0m\n")
    header, *events = [json.loads(line) for line in "".join(cast(run)).splitlines()]
    assert (header["version"], header["width"] > 0, header["height"] > 0) == (2, True, True)
    assert [event[1:] for event in events] == [["o", "one\r\n"], ["o", "\x1b[32mtwo\x1b[0m\r\n"]]


def test_an_asciicast_of_several_attempts_runs_forward_only(run):
    """Each attempt counts its time anew."""
    for text in (b"one\ntwo\n", b"three\n"):
        recorder = Recorder(run)
        recorder.start -= 5 if text == b"one\ntwo\n" else 1
        recorder.take("stdout", text)
        recorder.close()
        run.refresh_from_db()
    times = [json.loads(line)[0] for line in "".join(cast(run)).splitlines()[1:]]
    assert times == sorted(times)
    assert [int(time) for time in times] == [5, 5, 6]


def test_the_viewer_is_answered_in_json(long, admin, client):
    client.force_login(admin)
    part = client.get(f"/runs/{long.pk}/lines/?from=4001&count=1000").json()
    assert (part["from"], len(part["lines"]), part["lines"][-1][2], part["count"]) == (
        4001,
        1000,
        "line 5000",
        5000,
    )
    assert client.get(f"/runs/{long.pk}/search/?q=line+77").json()["hits"][0] == 77
    assert client.get(f"/runs/{long.pk}/search/?q=").json() == {"hits": [], "next": None}
    assert len(client.get(f"/runs/{long.pk}/lines/?from=x&count=99999999999").json()["lines"]) == 2000
    assert b"".join(client.get(f"/runs/{long.pk}/output.txt")).count(b"\n") == 5000
    assert client.get(f"/runs/{long.pk}/output.cast").headers["Content-Disposition"].endswith('.cast"')


def test_who_has_no_script_is_led_to_the_output_to_read_it_in_the_browser(client, admin, long):
    client.force_login(admin)
    page = client.get(f"/runs/{long.pk}/").text
    path = f"/runs/{long.pk}/output.txt?read"
    assert f'href="{path}"' in page
    read = client.get(path)
    assert read.headers["Content-Disposition"].startswith("inline")
    assert (read.headers["Content-Type"], read.headers["X-Content-Type-Options"]) == (
        "text/plain; charset=utf-8",
        "nosniff",
    )
    assert client.get(f"/runs/{long.pk}/output.txt").headers["Content-Disposition"].startswith("attachment")
    assert client.get(f"/runs/{long.pk}/output.cast?read").headers["Content-Disposition"].startswith("attach")


def test_a_stranger_reads_and_searches_nothing(long, member, client):
    client.force_login(member)
    for path in ("lines/", "search/?q=line", "output.txt", "output.cast"):
        assert client.get(f"/runs/{long.pk}/{path}").status_code == 404


def test_old_output_goes_by_policy_and_the_run_stays(long, run, settings, admin, client):
    settings.COWWEB_OUTPUT_DAYS = 30
    Run.objects.filter(pk=long.pk).update(ended_at=timezone.now() - timedelta(days=29))
    assert outputs_expired() == []
    Run.objects.filter(pk=long.pk).update(ended_at=timezone.now() - timedelta(days=31))
    assert outputs_expired() == [long.pk]
    assert outputs_expired() == []
    long.refresh_from_db()
    assert (OutputChunk.objects.count(), long.line_count) == (0, 5000)
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.params["runs"]) == ("expire_output", [long.pk])
    client.force_login(admin)
    assert "The output was removed" in client.get(f"/runs/{long.pk}/").content.decode()
    assert client.get(f"/runs/{long.pk}/output.txt").status_code == 410


def test_without_a_policy_output_stays_for_ever(long):
    Run.objects.filter(pk=long.pk).update(ended_at=timezone.now() - timedelta(days=9999))
    assert outputs_expired() == []
    with pytest.raises(CommandError, match="Name a policy"):
        call_command("expire_output")


def test_the_command_says_first_and_removes_then(long, capsys):
    Run.objects.filter(pk=long.pk).update(ended_at=timezone.now() - timedelta(days=3))
    call_command("expire_output", days=2, dry_run=True)
    assert OutputChunk.objects.exists()
    call_command("expire_output", days=2)
    assert not OutputChunk.objects.exists()
    assert "Removed the output of 1 run\n" in capsys.readouterr().out
