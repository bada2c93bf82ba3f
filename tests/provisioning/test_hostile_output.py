"""Whatever a guest prints is shown as text: by the page's own code, in files, in a terminal, in answers.

Each kind goes the whole way: recorded, stored, sent as the viewer gets it, drawn by the viewer's own script.
"""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from cowweb.clean import CUT_MARK, LINE_CHARACTERS
from provisioning.models import Run
from provisioning.output import CAP_MARK, Recorder, lines_after
from provisioning.reading import cast, texts
from provisioning.tail import frame_after
from tests.provisioning.hostile import KINDS

pytestmark = [pytest.mark.slow, pytest.mark.django_db]
HERE = Path(__file__).parent
VIEWER = HERE.parents[1] / "static" / "js" / "log"
BIDI = {*map(chr, range(0x202A, 0x202F)), *map(chr, range(0x2066, 0x206A))}
CONTROLS = {chr(code) for code in (*range(0x09), *range(0x0A, 0x20), *range(0x7F, 0xA0))} | {
    "\u2028",
    "\u2029",
}
SGR = re.compile(r"\x1b\[[0-9;:]{0,64}m")
CLASSES = re.compile(r"( *sgr-[bdiursfg][0-9]{0,2})* *", re.ASCII)
QUIET = b"a line before\n"


def new_run(owner) -> Run:
    return Run.objects.create(script_name="x.sh", owner=owner, clone_name="c", base_reference="demo")


@pytest.fixture
def run(admin) -> Run:
    return new_run(admin)


def recorded(run: Run, data: bytes) -> str:
    """The line that is kept of it, in pieces of odd sizes; lines around it are whole."""
    recorder = Recorder(run)
    whole = QUIET + data + b"\n" + QUIET
    step = max(len(whole) // 40, 3)
    for at in range(0, len(whole), step):
        recorder.take("stdout", whole[at : at + step])
    recorder.close()
    lines = lines_after(run.pk, 0)
    assert [text for _, _, text in lines[::2]] == [QUIET.decode().strip()] * 2 and len(lines) == 3
    return lines[1][2]


def drawn(lines: list[str]) -> list[dict[str, str]]:
    """As the browser draws them."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not there")
    done = subprocess.run(
        [node, str(HERE / "render.mjs"), str(VIEWER)],
        input=json.dumps([["stdout", 0, line] for line in lines]),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_kept_as_text_and_colours_only(run, kind):
    data, seen = KINDS[kind]
    line = recorded(run, data)
    bare = SGR.sub("", line)
    assert seen in bare
    assert not BIDI & set(bare) and not CONTROLS & set(bare)
    assert len(line) <= LINE_CHARACTERS + len(CUT_MARK)


def test_it_is_drawn_as_text_in_spans(admin, subtests):
    lines = [recorded(new_run(admin), data) for data, _ in KINDS.values()]
    for kind, line, shown in zip(KINDS, lines, drawn(lines), strict=True):
        with subtests.test(kind):
            assert shown["text"] == SGR.sub("", line)
            assert set(shown["tags"]) <= {"span", "mark"}
            assert CLASSES.fullmatch(shown["classes"])


@pytest.mark.parametrize("kind", KINDS)
def test_it_forges_nothing_in_what_is_sent_and_downloaded(run, kind, client, admin):
    line = recorded(run, KINDS[kind][0])
    frame = json.loads(frame_after(run.pk, 0).text)
    assert (frame["done"], len(frame["lines"]), frame["lines"][1][0]) == (False, 3, "stdout")
    client.force_login(admin)
    answer = client.get(f"/runs/{run.pk}/lines/")
    assert answer.headers["Content-Type"] == "application/json" and answer.json()["lines"][1][2] == line
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "".join(texts(run)).split("\n")[1] == line
    assert json.loads("".join(cast(run)).splitlines()[2])[2] == f"{line}\r\n"


def test_a_guest_cannot_speak_as_the_site(run, settings):
    settings.COWWEB_RUN_OUTPUT_BYTES = 100
    recorder = Recorder(run)
    recorder.take("stdout", CAP_MARK.encode() + b"\n" + b"x" * 100 + b"\n")
    recorder.close()
    assert [stream for stream, _, _ in lines_after(run.pk, 0)][-1] == "note"
    assert {stream for stream, _, text in lines_after(run.pk, 0) if text != CAP_MARK} <= {"stdout", "note"}
