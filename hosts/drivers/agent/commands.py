"""One command in the guest, from its start to its end or to the end of all its processes.

Example::

    result = CommandRun(connection, "make", stdin=None, on_output=print_it).until(deadline)
"""

import secrets

from hosts.drivers.agent import wire
from hosts.drivers.agent.connection import Connection
from hosts.drivers.agent.window import Window
from hosts.drivers.agent.wire import Frame, Type
from hosts.drivers.base import Feed, OnOutput, Stream
from hosts.drivers.deadline import Deadline
from hosts.drivers.errors import Cancelled, DriverError, Refused, TimedOut, Unreachable
from hosts.drivers.records import ExecResult
from hosts.drivers.run_token import checked, with_outcome
from hosts.drivers.streams import Input

WINDOW = 256 * 1024  # output on its way that nobody has seen yet
KEPT_BYTES = 32 << 20  # output kept in memory for a caller who does not take it as it comes
GRACE_S = 2.0  # between TERM and KILL
KILL_S = 4.0  # with the look for a cancel before it, below 5
STREAMS: dict[Type, Stream] = {Type.STDOUT: "stdout", Type.STDERR: "stderr"}


class Output:
    """What a command prints: given away or kept, and asked for as it goes."""

    def __init__(self, connection: Connection, channel: int, on_output: OnOutput | None) -> None:
        self._connection = connection
        self._channel = channel
        self._on_output = on_output
        self._kept: dict[Stream, bytearray] = {"stdout": bytearray(), "stderr": bytearray()}
        self._allowed = 0
        self._seen = 0

    def ask(self) -> None:
        self._allowed += WINDOW
        self._credit(WINDOW)

    def take(self, stream: Stream, piece: bytes) -> None:
        self._allowed -= len(piece)
        if self._allowed < 0 or not piece:
            raise Unreachable(wire.WRONG)
        if self._on_output is not None:
            self._on_output(stream, piece)
        elif sum(map(len, self._kept.values())) + len(piece) > KEPT_BYTES:
            raise Refused(f"The command printed more than {KEPT_BYTES >> 20} MiB")
        else:
            self._kept[stream] += piece
        self._seen += len(piece)
        if self._seen >= WINDOW // 2:
            self._allowed += self._seen
            self._credit(self._seen)
            self._seen = 0

    def kept(self, stream: Stream) -> bytes:
        return bytes(self._kept[stream])

    def _credit(self, count: int) -> None:
        self._connection.send(Type.CREDIT, self._channel, wire.NUMBER.pack(count))


class CommandRun:
    """Starts at once."""

    def __init__(
        self,
        connection: Connection,
        command: str,
        *,
        stdin: bytes | None,
        feed: Feed | None = None,
        on_output: OnOutput | None,
        token: str | None = None,
    ) -> None:
        self._connection = connection
        self._id = connection.new_id()
        self._token = checked(token) if token else secrets.token_hex(8)
        has_input = stdin is not None or feed is not None
        self._stdin = Input(stdin or b"", feed) if has_input else None
        self._window = Window(connection, self._id)
        self._output = Output(connection, self._id, on_output)
        if "\0" in command:
            raise Refused("A command cannot have a NUL character")
        request = [("R", self._token.encode()), ("C", command.encode("utf-8", "surrogateescape"))]
        if has_input:
            request.append(("I", b""))
        connection.send(Type.EXEC, self._id, wire.fields(*request))
        self._output.ask()

    def until(self, deadline: Deadline) -> ExecResult:
        """Its result. Whatever else happens, nothing of it goes on in a guest that still answers."""
        try:
            while True:
                frame = self._connection.next(deadline)
                exit_code = None if frame is None else self._handle(frame)
                if exit_code is not None:
                    return ExecResult(exit_code, self._output.kept("stdout"), self._output.kept("stderr"))
                if self._stdin is not None:
                    self._window.feed(self._stdin.read)
        except Unreachable:
            raise
        except (TimedOut, Cancelled) as error:
            is_ended = end_tree(self._connection, self._id, self._token)
            raise with_outcome(error, 0 if is_ended else None) from error
        except BaseException:
            end_tree(self._connection, self._id, self._token)
            raise

    def _handle(self, frame: Frame) -> int | None:
        if frame.id != self._id:
            return None
        if frame.type in STREAMS:
            self._output.take(STREAMS[frame.type], frame.payload)
        elif frame.type is Type.STARTED:
            self._window.grant(frame.pair()[1])
        elif frame.type is Type.TAKEN:
            self._window.grant(frame.number())
        elif frame.type is Type.END:
            return self._ended(*frame.pair())
        return None

    def _ended(self, error: int, value: int) -> int:
        if error:
            raise wire.guest_error(error, "The guest could not start the command")
        if value > 255:
            raise Unreachable(wire.WRONG)
        return value


def end_tree(connection: Connection, channel: int, token: str) -> bool:
    """TERM, then KILL, for all that the command started; whether the guest says that it is all gone.

    When the guest does not confirm it in time the connection is closed, so that nothing old is misread.
    """
    request = connection.new_id()
    payload = wire.PAIR.pack(channel, int(GRACE_S * 1000)) + token.encode()
    try:
        connection.send(Type.KILL, request, payload)
        connection.answer(request, Type.END, Deadline(KILL_S, what="ending the command"))
    except DriverError:
        connection.close()
        return False
    return True
