"""One command by the guest agent, with live output.

The agent itself would keep output until the end, at most 16 MiB, and wait for daemons that hold stdout. So
the command writes into two files of its own, which are read while it runs.

Example::

    code = run_command(agent, "make", b"", watch, token, on_output)
"""

import base64
import contextlib
import time
from dataclasses import dataclass, field

from hosts.drivers.base import OnOutput, Stream
from hosts.drivers.deadline import Deadline
from hosts.drivers.errors import DriverError, Unreachable
from hosts.drivers.qga import AgentSession, GuestAgent
from hosts.drivers.qga_files import READ_PIECE, as_json_text, decoded, read_piece
from hosts.drivers.records import ExecResult
from hosts.drivers.run_token import checked, marked

SHELL = "/bin/sh"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
FIRST_LOOK_S, LAST_LOOK_S = 0.02, 0.5
TURN_S, READ_EVERY_S = 0.2, 0.2
STREAMS: tuple[Stream, Stream] = ("stdout", "stderr")


@dataclass(slots=True)
class _Output:
    """What has been read of one stream; the guest removes the file when the agent opened it."""

    stream: Stream
    path: str
    handle: int | None = None
    offset: int = 0

    def read(self, session: AgentSession, taken: list[tuple[Stream, bytes]]) -> bool:
        """Adds what is new; True when there may be more."""
        if self.handle is None:
            with contextlib.suppress(DriverError):  # the command has not come that far
                handle = session.call("guest-file-open", {"path": self.path, "mode": "r"})
                self.handle = handle if isinstance(handle, int) else None
        if self.handle is None:
            return False
        # Also makes the agent forget that it has met the end before.
        session.call("guest-file-seek", {"handle": self.handle, "offset": self.offset, "whence": 0})
        piece = read_piece(session, self.handle)
        self.offset += len(piece)
        if piece:
            taken.append((self.stream, piece))
        return len(piece) >= READ_PIECE


@dataclass(slots=True)
class AgentRun:
    """A command that was started; to be looked at until it has ended."""

    agent: GuestAgent
    pid: int
    outputs: list[_Output]
    exit_code: int | None = None
    taken: list[tuple[Stream, bytes]] = field(default_factory=list)
    read_at: float = 0.0

    def look(self, watch: Deadline) -> bool:
        """One exchange with the agent; what came is in `taken`. False when all is read."""
        self.taken.clear()
        more = [False]
        with self.agent.session(watch) as session:
            self._await_end(session, watch)
            if self.exit_code is not None or time.monotonic() >= self.read_at:
                more = [output.read(session, self.taken) for output in self.outputs]
                self.read_at = time.monotonic() + READ_EVERY_S
        return self.exit_code is None or any(more)

    def _await_end(self, session: AgentSession, watch: Deadline) -> None:
        """Most commands are short: asking again at once is cheaper than a new session."""
        turn_ends = time.monotonic() + TURN_S
        while self.exit_code is None:
            self.exit_code = _exit_code(session.call("guest-exec-status", {"pid": self.pid}))
            if self.exit_code is not None or time.monotonic() >= turn_ends:
                return
            watch.pause(FIRST_LOOK_S)

    def clean_up(self, watch: Deadline) -> None:
        """Closes the agent's files and removes them, without waiting for it."""
        with contextlib.suppress(DriverError), self.agent.session(watch) as session:
            for output in self.outputs:
                if output.handle is not None:
                    session.call("guest-file-close", {"handle": output.handle})
            remove_later(session, *(output.path for output in self.outputs))


def run_command(
    agent: GuestAgent, command: str, stdin: bytes, watch: Deadline, token: str, take: OnOutput
) -> int:
    """Runs to the end; its exit status. On failure the caller ends what carries the token."""
    run = _start(agent, command, stdin, watch, token)
    look_s = FIRST_LOOK_S
    try:
        while run.look(watch):
            look_s = FIRST_LOOK_S if run.taken else min(LAST_LOOK_S, look_s * 1.5)
            for stream, data in run.taken:
                take(stream, data)
            watch.pause(look_s)
            watch.check()
        for stream, data in run.taken:
            take(stream, data)
    finally:
        run.clean_up(Deadline(2.0, what="cleaning up"))
    return run.exit_code if run.exit_code is not None else -1


def run_captured(agent: GuestAgent, script: str, stdin: bytes, watch: Deadline) -> ExecResult:
    """For our own short scripts: fewer exchanges, but the agent waits for whoever holds stdout."""
    with agent.session(watch) as session:
        pid = _execute(session, script, stdin, capture=True)
    look_s = FIRST_LOOK_S
    while True:
        watch.pause(look_s)
        watch.check()
        with agent.session(watch) as session:
            status = session.call("guest-exec-status", {"pid": pid})
        code = _exit_code(status)
        if code is not None and isinstance(status, dict):
            return ExecResult(code, decoded(status.get("out-data", "")), decoded(status.get("err-data", "")))
        look_s = min(LAST_LOOK_S, look_s * 1.5)


def remove_later(session: AgentSession, *paths: str) -> None:
    session.call("guest-exec", {"path": "rm", "arg": ["-f", *paths], "env": [f"PATH={PATH}"]})


def _start(agent: GuestAgent, command: str, stdin: bytes, watch: Deadline, token: str) -> AgentRun:
    base = f"/tmp/.cowweb-{checked(token)}"  # noqa: S108  # in the guest; nobody can guess the name
    outputs = [_Output(stream, f"{base}.{stream}") for stream in STREAMS]
    script = f"""u=$(umask); umask 077
exec >>{outputs[0].path} 2>>{outputs[1].path}
umask "$u"; cd /root 2>/dev/null || cd /
{marked(command, token)}"""
    with agent.session(watch) as session:
        return AgentRun(agent, _execute(session, script, stdin, capture=False), outputs)


def _execute(session: AgentSession, script: str, stdin: bytes, *, capture: bool) -> int:
    arguments: dict[str, object] = {
        "path": SHELL,
        "arg": ["-c", as_json_text(script)],
        "env": [f"PATH={PATH}", "HOME=/root"],
        "capture-output": capture,
    }
    if stdin:
        arguments["input-data"] = base64.b64encode(stdin).decode()
    started = session.call("guest-exec", arguments)
    pid = started.get("pid") if isinstance(started, dict) else None
    if not isinstance(pid, int):
        raise Unreachable("the guest agent's answer to guest-exec makes no sense")
    return pid


def _exit_code(status: object) -> int | None:
    if not isinstance(status, dict):
        raise Unreachable("the guest agent's answer to guest-exec-status makes no sense")
    if not status.get("exited"):
        return None
    signal, code = status.get("signal"), status.get("exitcode")
    if isinstance(signal, int):
        return 128 + signal
    if not isinstance(code, int):
        raise Unreachable("the guest agent names no exit status")
    return code
