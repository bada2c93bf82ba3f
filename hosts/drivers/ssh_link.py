"""One kept SSH connection to a guest: found, made when first needed, made again when it was lost.

Example::

    link = SshLink(port, identity, silence_s=30)
    if link.answers(0.2, watch):
        with link.start("uptime", in_pieces(b""), watch) as remote: ...
"""

from collections.abc import Iterator

from hosts.drivers.deadline import Deadline
from hosts.drivers.errors import DriverError, TimedOut, Unreachable
from hosts.drivers.records import Identity
from hosts.drivers.run_token import AS_ROOT, AS_USER, ending_script, left_over
from hosts.drivers.ssh_connect import log_in
from hosts.drivers.ssh_knock import Knocker, NotListening
from hosts.drivers.ssh_run import RemoteRun
from hosts.drivers.ssh_transport import GuestTransport
from hosts.drivers.streams import in_pieces

CONNECT_S = 30.0
FIRST_COMMAND_S = 20.0
KNOCK_S = 0.2
END_RUN_S = 5.0


class SshLink:
    def __init__(self, port: int, identity: Identity, *, silence_s: float) -> None:
        self.identity = identity
        self._port = port
        self._silence_s = silence_s
        self._knocker: Knocker | None = None
        self._transport: GuestTransport | None = None

    @property
    def is_up(self) -> bool:
        return self._transport is not None and self._transport.is_authenticated()

    def answers(self, within_s: float, watch: Deadline) -> bool:
        """Whether a command is answered now; looks for a server for about `within_s`, then sees it through.

        Raises Refused and NotListening; what may be better in a moment is False.
        """
        try:
            if not self.is_up and not self._connect(within_s, watch):
                return False
            first = watch.within(FIRST_COMMAND_S, "the guest's first command")
            with self.start("exit 0", in_pieces(b""), first) as remote:
                return not list(remote.events()) and remote.exit_code == 0
        except NotListening:
            raise
        except (TimedOut, Unreachable):
            self.close()
            watch.check()
            return False

    def start(self, command: str, stdin: Iterator[bytes | None], watch: Deadline) -> RemoteRun:
        """The running command, over a connection that is made if there is none."""
        return RemoteRun(self.transport(watch), command, stdin=stdin, watch=watch, silence_s=self._silence_s)

    def transport(self, watch: Deadline) -> GuestTransport:
        connecting = watch.within(CONNECT_S, "connecting to the guest's SSH server")
        try:
            while not self.is_up and not self._connect(KNOCK_S, connecting):
                connecting.check()
        except TimedOut as error:
            watch.check()
            raise Unreachable("the guest's SSH server does not answer", detail=str(error)) from None
        if self._transport is None:
            raise Unreachable("the connection was closed")
        return self._transport

    def end_run(self, token: str) -> int | None:
        """Ends a marked command's processes; how many are left, None when that cannot be known."""
        output = bytearray()
        watch = Deadline(END_RUN_S, what="ending the command's processes")
        try:
            if not self.is_up:
                return None
            ender = AS_ROOT if self.identity.ssh_user == "root" else AS_USER
            with self.start(ender, in_pieces(ending_script(token)), watch) as remote:
                for stream, data in remote.events():
                    output += data[:1024] if stream == "stdout" and len(output) < 1024 else b""
        except DriverError:
            return None
        return left_over(bytes(output))

    def close(self) -> None:
        if self._knocker is not None:
            self._knocker.close()
            self._knocker = None
        if self._transport is not None:
            self._transport.close()
            self._transport = None

    def _connect(self, within_s: float, watch: Deadline) -> bool:
        watch.check()
        self._knocker = self._knocker or Knocker(self._port)
        sock = self._knocker.knock(min(within_s, watch.left_s))
        if sock is None:
            return False
        if self._transport is not None:
            self._transport.close()
        self._transport = log_in(sock, self.identity, watch)
        self._knocker = None
        return True
