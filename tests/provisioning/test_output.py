"""Every line once, in order, however it came."""

import random

import pytest

from provisioning.models import OutputChunk, Run
from provisioning.output import CAP_MARK, Recorder, lines_after, stream_text


@pytest.fixture
def run(admin) -> Run:
    return Run.objects.create(
        script_name="x", script_text="", script_sha256="", owner=admin, clone_name="x", base_reference="demo"
    )


def test_lines_are_numbered_without_gap_or_duplicate(run):
    recorder = Recorder(run)
    for number in range(1, 1001):
        recorder.take("stderr" if number % 3 == 0 else "stdout", f"line {number}\n".encode())
    recorder.close()
    seen, cursor = [], 0
    while lines := lines_after(run.pk, cursor, most=70):
        seen += [text for _, _, text in lines]
        cursor += len(lines)
    assert seen == [f"line {number}" for number in range(1, 1001)]
    run.refresh_from_db()
    assert run.line_count == 1000


def test_a_reader_may_come_back_at_any_line(run):
    recorder = Recorder(run)
    recorder.take("stdout", b"".join(b"%d\n" % n for n in range(1, 501)))
    recorder.close()
    for cursor in (0, 1, 199, 200, 201, 399, 499):
        assert lines_after(run.pk, cursor)[0][2] == str(cursor + 1)
    assert lines_after(run.pk, 500) == []


@pytest.mark.parametrize("seed", range(12))
def test_output_equals_the_guests_bytes(run, seed):
    chance = random.Random(seed)
    alphabet = "abc 123 äöü 你好 🐄\n\n"
    whole = "".join(chance.choice(alphabet) for _ in range(2000))
    data, recorder = whole.encode(), Recorder(run)
    while data:
        cut = chance.randint(1, 50)
        recorder.take("stdout", data[:cut])
        data = data[cut:]
    recorder.close()
    expected = whole if whole.endswith("\n") else f"{whole}\n"
    assert stream_text(run.pk, "stdout") == expected


def test_output_over_the_cap_ends_with_a_mark(run, settings):
    settings.COWWEB_RUN_OUTPUT_BYTES = 1000
    recorder = Recorder(run)
    for _ in range(100):
        recorder.take("stdout", b"x" * 99 + b"\n")
    recorder.close()
    lines = lines_after(run.pk, 0)
    assert lines[-1][2] == CAP_MARK
    assert len(lines) == 11


def test_a_chunk_is_small_and_compressed(run):
    recorder = Recorder(run)
    recorder.take("stdout", b"the same words again\n" * 1000)
    recorder.close()
    chunks = OutputChunk.objects.filter(run=run)
    assert max(chunk.line_count for chunk in chunks) <= 200
    assert sum(len(chunk.payload) for chunk in chunks) < 5000


@pytest.mark.parametrize("interactive", [True, False])
def test_a_question_without_a_lines_end_is_shown_where_it_may_be_answered(run, monkeypatch, interactive):
    monkeypatch.setattr("provisioning.output.ASKED_S", 0.0)
    run.interactive = interactive
    recorder = Recorder(run)
    recorder.take("stdout", b"name? ")
    recorder.flush_if_due()
    recorder.flush()
    assert [text for _, _, text in lines_after(run.pk, 0)] == (["name? "] if interactive else [])
    recorder.take("stdout", b"hello\n")
    recorder.close()
    assert "".join(text for _, _, text in lines_after(run.pk, 0)) == "name? hello"
