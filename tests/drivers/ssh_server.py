"""A real SSH server in this process whose commands run in this host's shell; faults on demand."""

import contextlib
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator

import paramiko
from paramiko.common import cMSG_CHANNEL_SUCCESS

from hosts.drivers.keys import key_pair
from hosts.drivers.records import Identity
from hosts.drivers.ssh_connect import login_key


def private_key(text: str) -> paramiko.PKey:
    return login_key(Identity("", "", text, "", "", ""))


class OneSide(paramiko.Transport):
    """A command begins once its taking was said, as with every server: Paramiko says so only after the hook that
    would begin it, and one that is over at once would have ended before."""

    def __init__(self, sock: socket.socket) -> None:
        super().__init__(sock)
        self.taken: list[threading.Thread] = []

    def _send_user_message(self, data: paramiko.Message) -> None:
        super()._send_user_message(data)
        if data.asbytes()[:1] == cMSG_CHANNEL_SUCCESS:
            while self.taken:
                self.taken.pop().start()


class ShellServer(paramiko.ServerInterface):
    """`identity` is what the server has; `fault` names what goes wrong."""

    def __init__(self, identity: Identity, *, fault: str = "") -> None:
        self.identity = identity
        self.fault = fault
        self.transports: list[paramiko.Transport] = []
        self.connections = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self.listener.accept()
                self.connections += 1
                if self.fault == "silent":
                    self.transports.append(sock)  # kept open, never answered
                elif self.fault == "banner only":
                    sock.sendall(b"SSH-2.0-half\r\n")
                    self.transports.append(sock)
                else:
                    self._serve(sock)

    def _serve(self, sock: socket.socket) -> None:
        transport = OneSide(sock)
        transport.set_log_channel("tests.ssh")
        transport.add_server_key(private_key(self.identity.host_key))
        self.transports.append(transport)
        transport.start_server(server=self, event=threading.Event())

    def close(self) -> None:
        self.listener.close()
        for transport in self.transports:
            transport.close()

    # What Paramiko asks

    def get_allowed_auths(self, username: str) -> str:
        return "publickey"

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        known = key.get_base64() == self.identity.login_public.split()[1] and self.fault != "no key yet"
        return paramiko.AUTH_SUCCESSFUL if known else paramiko.AUTH_FAILED

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return paramiko.OPEN_SUCCEEDED

    def check_global_request(self, kind: str, msg: paramiko.Message) -> bool:
        return False

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        begins = threading.Thread(target=self._execute, args=(channel, command), daemon=True)
        channel.get_transport().taken.append(begins)
        return True

    def _execute(self, channel: paramiko.Channel, command: bytes) -> None:
        pipe = subprocess.PIPE
        process = subprocess.Popen(["/bin/sh", "-c", command], stdin=pipe, stdout=pipe, stderr=pipe)
        pumps = [
            threading.Thread(target=target, args=args, daemon=True)
            for target, args in (
                (self._pump, (process.stdout, channel.sendall)),
                (self._pump, (process.stderr, channel.sendall_stderr)),
                (self._feed, (channel, process.stdin)),
            )
        ]
        for pump in pumps:
            pump.start()
        code = process.wait()
        with contextlib.suppress(OSError, EOFError):
            if code < 0:
                self._send_exit_signal(channel, -code)
            elif self.fault != "no status":
                channel.send_exit_status(code)
            for pump in pumps[:2]:
                pump.join()
            channel.close()

    def _send_exit_signal(self, channel: paramiko.Channel, number: int) -> None:
        message = paramiko.Message()
        message.add_byte(bytes([98]))
        message.add_int(channel.remote_chanid)
        message.add_string("exit-signal")
        message.add_boolean(False)
        message.add_string(signal.Signals(number).name.removeprefix("SIG"))
        message.add_boolean(False)
        message.add_string("")
        message.add_string("")
        channel.transport._send_user_message(message)

    def _pump(self, source, send) -> None:
        with contextlib.suppress(OSError, EOFError, ValueError), source:
            while data := source.read1(1 << 15):
                send(data)

    def _feed(self, channel: paramiko.Channel, target) -> None:
        with contextlib.suppress(OSError, EOFError), target:
            while data := channel.recv(1 << 15):
                target.write(data)
                target.flush()


@contextlib.contextmanager
def shell_server(identity: Identity, *, fault: str = "") -> Iterator[ShellServer]:
    server = ShellServer(identity, fault=fault)
    try:
        yield server
    finally:
        server.close()


def other_host_key(identity: Identity) -> Identity:
    private, public = key_pair("stranger")
    return Identity(
        identity.hostname,
        identity.ssh_user,
        identity.login_key,
        identity.login_public,
        private,
        public,
    )
