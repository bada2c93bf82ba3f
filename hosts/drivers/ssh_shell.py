"""A terminal in a guest: a login shell over SSH, with a size. Nothing here blocks but opening.

Example::

    shell = open_shell(transport, Size(80, 24), watch)
    loop.add_reader(shell.fileno(), …)        # then shell.read()
    shell.write(b"ls\\r"); shell.resize(Size(120, 40)); shell.close()
"""

import contextlib
from dataclasses import dataclass

from paramiko import Channel, Message, SSHException
from paramiko.common import cMSG_CHANNEL_REQUEST

from hosts.drivers.base import Size
from hosts.drivers.deadline import Deadline
from hosts.drivers.errors import Unreachable
from hosts.drivers.ssh_run import answered
from hosts.drivers.ssh_transport import GuestTransport

TERM = "xterm-256color"
LOGIN = b'exec "${SHELL:-/bin/sh}" -l'
READ_SIZE = 32768
WRITE_S = 5.0


@dataclass(frozen=True, slots=True)
class SshShell:
    """Implements `Shell`. Ends the connection with itself."""

    transport: GuestTransport
    channel: Channel

    def fileno(self) -> int:
        """Readable once there is output, or the shell has ended."""
        return self.channel.fileno()

    def read(self) -> bytes | None:
        """What it printed; None for nothing yet, empty once it has ended."""
        try:
            return self.channel.recv(READ_SIZE)
        except TimeoutError:
            return None

    def write(self, data: bytes) -> None:
        """Waits for a guest that does not take it, but not for long."""
        self.channel.settimeout(WRITE_S)
        try:
            self.channel.sendall(data)
        except (OSError, SSHException, EOFError) as error:
            raise Unreachable("the guest's terminal takes no input", detail=str(error)) from None
        finally:
            self.channel.settimeout(0.0)

    def resize(self, size: Size) -> None:
        with contextlib.suppress(OSError, SSHException, EOFError):
            _told(self.transport, self.channel, "window-change", size)

    def close(self) -> None:
        with contextlib.suppress(OSError, SSHException, EOFError):
            self.channel.close()
        self.transport.close()


def open_shell(transport: GuestTransport, size: Size, watch: Deadline) -> SshShell:
    """Raises Unreachable, TimedOut or Cancelled."""
    try:
        channel, opened = transport.ask_for_session()
        answered(transport, opened, watch)
        if not channel.active:
            raise Unreachable("the guest's SSH server opens no more sessions")
        channel.settimeout(0.0)
        channel.set_combine_stderr(combine=True)
        _told(transport, channel, "pty-req", size)
        answered(transport, transport.ask_to_execute(channel, LOGIN), watch)
    except (SSHException, OSError, EOFError) as error:
        raise Unreachable("the guest's SSH server gave no terminal", detail=str(error)) from None
    if not channel.event_ready:
        raise Unreachable("the guest's SSH server gave no terminal")
    return SshShell(transport, channel)


def _told(transport: GuestTransport, channel: Channel, what: str, size: Size) -> None:
    """A request that needs no answer: Paramiko's own would wait for one for ever."""
    message = Message()
    message.add_byte(cMSG_CHANNEL_REQUEST)
    message.add_int(channel.remote_chanid)
    message.add_string(what)
    message.add_boolean(False)  # noqa: FBT003 - the protocol's "want reply"
    if what == "pty-req":
        message.add_string(TERM)
    for value in (size.columns, size.rows, 0, 0):
        message.add_int(value)
    if what == "pty-req":
        message.add_string("")
    transport._send_user_message(message)  # type: ignore[attr-defined]  # not in the stubs
