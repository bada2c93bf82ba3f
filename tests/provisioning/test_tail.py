"""However many watch a run, its lines are read once for them, and none is missed or told twice."""

import asyncio
import json
from inspect import signature

import pytest
from channels.db import database_sync_to_async
from daphne.server import Server

from cowweb.clean import LINE_CHARACTERS
from provisioning import tail as tails
from provisioning.models import Run
from provisioning.output import Recorder
from provisioning.tail import Tail, frame_after

WATCHERS = 20


@pytest.fixture
def run(transactional_db, admin) -> Run:
    return Run.objects.create(
        script_name="x", script_text="", script_sha256="", owner=admin, clone_name="x", base_reference="demo"
    )


def printed(run: Run, lines: range) -> None:
    run.refresh_from_db()
    recorder = Recorder(run)
    recorder.take("stdout", "".join(f"{number}\n" for number in lines).encode())
    recorder.close()


@pytest.fixture
def reads(monkeypatch) -> list[tuple[int, int]]:
    """Where the database was read."""
    seen: list[tuple[int, int]] = []

    def counting(run_id: int, cursor: int) -> tails.Frame:
        seen.append((run_id, cursor))
        return frame_after(run_id, cursor)

    monkeypatch.setattr(tails, "frame_after", counting)
    return seen


async def caught_up(tail: Tail, run: Run, cursor: int = 0) -> list[str]:
    texts: list[str] = []
    while (frame := await tail.after(run.pk, cursor + len(texts))).count:
        message = json.loads(frame.text)
        assert message["from"] == cursor + len(texts) + 1
        texts += [text for _, _, text in message["lines"]]
    return texts


@pytest.mark.asyncio
async def test_watchers_at_one_line_share_its_reads(run, reads):
    await database_sync_to_async(printed)(run, range(300))
    tail = Tail()
    seen = await asyncio.gather(*(caught_up(tail, run) for _ in range(WATCHERS)))
    assert seen == [[str(number) for number in range(300)]] * WATCHERS
    assert len(reads) <= 4


@pytest.mark.asyncio
async def test_what_was_written_before_the_call_is_found_though_a_read_is_under_way(run):
    tail = Tail()
    early = asyncio.create_task(tail.after(run.pk, 0))
    await asyncio.sleep(0)  # its read has begun, or is about to
    await database_sync_to_async(printed)(run, range(3))
    assert await caught_up(tail, run) == ["0", "1", "2"]
    await early


@pytest.mark.asyncio
async def test_watchers_at_different_lines_each_get_the_rest(run):
    await database_sync_to_async(printed)(run, range(500))
    tail = Tail()
    seen = await asyncio.gather(*(caught_up(tail, run, cursor) for cursor in (0, 1, 200, 499, 500)))
    assert [len(texts) for texts in seen] == [500, 499, 300, 1, 0]


@pytest.mark.parametrize("letter", ["x", "🐄", '"', "\x1b[1m"])
@pytest.mark.asyncio
async def test_no_frame_is_larger_than_the_server_sends(run, letter):
    """Lines as long as lines may be, of letters that JSON makes the most of."""
    line = f"{letter * (LINE_CHARACTERS // len(letter))}\n"

    def printed_long() -> None:
        recorder = Recorder(run)
        recorder.take("stdout", line.encode() * 250)
        recorder.close()

    await database_sync_to_async(printed_long)()
    tail, got, largest = Tail(), 0, 0
    while (frame := await tail.after(run.pk, got)).count:
        got, largest = got + frame.count, max(largest, len(frame.text.encode()))
    assert got == 250
    assert largest < signature(Server).parameters["websocket_max_message_size"].default


@pytest.mark.asyncio
async def test_the_end_is_told_after_the_last_line_only(run):
    await database_sync_to_async(printed)(run, range(2))
    await Run.objects.filter(pk=run.pk).aupdate(status="failed")
    tail = Tail()
    first, last = await tail.after(run.pk, 0), await tail.after(run.pk, 2)
    assert json.loads(first.text)["done"] is False
    assert (json.loads(last.text), last.count) == ({"from": 3, "lines": [], "done": True}, 0)
