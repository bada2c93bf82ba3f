"""What a script does with its streams, its size and its name is its own affair: the run tells it as it was."""

import hashlib
import time

import pytest

from provisioning.output import stream_text
from provisioning.services import Order, run_create
from tests.provisioning.test_going_on import carried

pytestmark = pytest.mark.slow

MIB = 1 << 20


@pytest.mark.parametrize(
    ("line", "exit_code", "stdout", "stderr"),
    [
        ("echo before; exec >&- 2>&-; sleep 0.2; exit 4", 4, "before\n", ""),
        ('read -r line; echo "got <$line>"; cat; echo end', 0, "got <>\nend\n", ""),
        ("echo 'grüße, 你好, \U0001f44b'", 0, "grüße, 你好, \U0001f44b\n", ""),
        ("echo out; echo err >&2; echo out", 0, "out\nout\n", "err\n"),
        (f"echo begun\n: {'x' * (MIB - 200)}\necho end", 0, "begun\nend\n", ""),
    ],
    ids=["closes them", "reads", "not ascii", "kept apart", "a mebibyte"],
)
def test_a_script_is_told_as_it_was(on_shell, line, exit_code, stdout, stderr):
    run, _ = on_shell(line)
    carried(run)
    assert (run.exit_code, run.status) == (exit_code, "failed" if exit_code else "succeeded")
    assert (stream_text(run.pk, "stdout"), stream_text(run.pk, "stderr")) == (stdout, stderr)


def test_a_daemon_that_holds_the_output_open_does_not_hold_the_run(on_shell):
    run, _ = on_shell("(sleep 20; echo late) & echo done")
    start = time.monotonic()
    carried(run)
    assert (run.status, stream_text(run.pk, "stdout")) == ("succeeded", "done\n")
    assert time.monotonic() - start < 15


def test_two_scripts_of_one_name_are_two_runs(empty_base, actor):
    texts = [f"# kvm-infra-use: demo\necho {word}\n" for word in ("one", "two")]
    first, second = [run_create(Order(text.encode(), "same.sh"), actor=actor).run for text in texts]
    assert (first.script_name, first.clone_id) != (second.script_name, second.clone_id)
    digests = [hashlib.sha256(text.encode()).hexdigest() for text in texts]
    assert [first.script_sha256, second.script_sha256] == digests
