"""What a script prints arrives whole, in order and once, whoever reads it and however often they come back."""

import base64
import hashlib
import json
import random

import pytest

from cowweb.clean import Cleaner
from tests.provisioning.hostile import KINDS
from tests.support.websocket import Closed

pytestmark = pytest.mark.guest
LINES = 20_000
SCRIPT = f"""#!/bin/sh
# kvm-infra-use: demo
# kvm-infra-timeout: 300
awk 'BEGIN {{ for (i = 1; i <= {LINES}; i++) printf "%d Zeile äöü 你好 🐄 <b>&amp;\\n", i }}'
"""
EXPECTED = [f"{number} Zeile äöü 你好 🐄 <b>&amp;" for number in range(1, LINES + 1)]


def frames(served, run, after):
    """Frames from the log's socket, until it says that all is there."""
    with served.socket(f"/ws/runs/{run}/log/?after={after}") as socket:
        while True:
            frame = json.loads(socket.receive(timeout_s=240))
            yield frame
            if frame["done"]:
                return


def read(served, run, *, leave_every=None):
    """All lines as one reader gets them, who is disconnected whenever so many frames came."""
    texts: list[str] = []
    done = False
    while not done:
        for count, frame in enumerate(frames(served, run, len(texts)), 1):
            assert frame["from"] == len(texts) + 1 or not frame["lines"]
            texts += [text for _, _, text in frame["lines"]]
            done = frame["done"]
            if leave_every and count == leave_every and not done:
                break
    return texts


def test_twenty_thousand_lines_arrive_once_also_for_who_reconnects(served):
    run = served.order("many.sh", SCRIPT, name="many")
    assert read(served, run, leave_every=3) == EXPECTED
    assert read(served, run) == EXPECTED
    ended = served.run_over(run)
    assert (ended["status"], ended["line_count"]) == ("succeeded", LINES)
    text = "".join(f"{line}\n" for line in EXPECTED)
    assert served.admin.get(f"/runs/{run}/output.txt") == text
    assert ended["output_bytes"] == len(text.encode())


@pytest.mark.parametrize("channel", ["agent", "ssh"])
def test_hostile_streams_are_kept_as_the_guests_own_bytes_come_to_cleaned(served, lab, channel):
    """Every kind there is and noise, over both streams; the guest itself says what bytes it sent."""
    noise = random.Random(4).randbytes(50_000)
    corpus = b"\n".join([*(data for data, _ in KINDS.values()), noise]) + b"\n"
    body = base64.encodebytes(corpus).decode()
    text = (
        "#!/bin/sh\n# kvm-infra-use: demo\nbase64 -d > /corpus <<'END'\n"
        f"{body}END\ncat /corpus; cat /corpus >&2; sha256sum < /corpus\n"
    )
    run = served.order("hostile.sh", text, channel=channel, after="remove")
    ended = served.run_over(run)
    assert (ended["status"], ended["channel"]) == ("succeeded", channel), ended["failure"]
    sent = f"{hashlib.sha256(corpus).hexdigest()}  -\n"
    assert ended["output_bytes"] == 2 * len(corpus) + len(sent)
    kept: dict[str, list[str]] = {"stdout": [], "stderr": []}
    for frame in frames(served, run, 0):
        for stream, _, line in frame["lines"]:
            kept[stream].append(line)
    cleaner = Cleaner()
    expected = [*cleaner.lines(corpus), *cleaner.rest()]
    assert digest(kept["stderr"]) == digest(expected)
    assert digest(kept["stdout"]) == digest([*expected, sent.strip()])


def digest(lines):
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def test_another_persons_page_cannot_read_it(served):
    """A page from a forwarded port has another origin; a stranger has no session."""
    run = served.newest_run()
    for origin, person in (("http://127.0.0.1:1", served.admin), (None, Nobody())):
        with (
            pytest.raises((ConnectionRefusedError, Closed)),
            served.socket(f"/ws/runs/{run}/log/", person=person, origin=origin) as socket,
        ):
            socket.receive(timeout_s=20)


class Nobody:
    cookies = ""
