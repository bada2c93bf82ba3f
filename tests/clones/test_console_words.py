"""What a guest writes to its serial port, or answers to a command, on its way to a person's terminal."""

import io
import json

import pytest

from clones.actions import clone_logs
from clones.machines import last_words
from clones.pages import console_text
from commands.management.commands.cow import Command
from tests.provisioning.hostile import KINDS

ACTS = {chr(code) for code in (*range(0x09), *range(0x0B, 0x20), *range(0x7F, 0xA0))} | set(
    "\u2028\u2029\u202e\u2066"
)
ALL = b"\n".join(data for data, _ in KINDS.values())


class Screen(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def talker(made):
    clone = made("talker")
    (clone.folder / "serial.log").write_bytes(ALL)
    return clone


def test_the_console_is_text_on_the_page_in_the_shell_and_in_the_record(talker, client, admin, actor):
    client.force_login(admin)
    logs = clone_logs(clone=talker, lines=500, actor=actor)
    page = client.get("/clones/talker/console/").content.decode()
    for text in (logs, page, console_text(talker), last_words(talker)):
        assert text and not ACTS & set(text)
    assert "<script>alert(1)</script>" in logs


@pytest.mark.parametrize("kind", KINDS)
def test_an_answer_moves_nothing_on_a_terminal_and_is_whole_in_a_pipe(kind):
    data, seen = KINDS[kind]
    raw = data.decode(errors="replace")
    result = {"success": True, "output": "Exit status 0", "stdout": raw, "stderr": raw}
    out, err = Screen(), Screen()
    Command(stdout=out, stderr=err, no_color=True).tell(result, as_json=False)
    if "cut" not in seen:
        assert seen in out.getvalue() and seen in err.getvalue()
    assert not ACTS & set(out.getvalue() + err.getvalue())
    pipe = io.StringIO()
    Command(stdout=pipe, stderr=io.StringIO(), no_color=True).tell(result, as_json=False)
    assert pipe.getvalue().startswith(raw.rstrip("\n"))
    answer = Screen()
    Command(stdout=answer, stderr=err, no_color=True).tell(result, as_json=True)
    assert json.loads(answer.getvalue()) == result and not ACTS & set(answer.getvalue())
