"""Paramiko's connection, made safe against a server that does not keep to the protocol.

The guest's root can put any SSH server in place of the one we know, so what it sends is bounded here:
Paramiko by itself keeps all that arrives, whatever window it granted. It also drops `exit-signal`.
"""

import logging
import signal
import threading
from socket import socket

from paramiko import Channel, Message, Transport
from paramiko.common import (
    DEFAULT_MAX_PACKET_SIZE,
    DEFAULT_WINDOW_SIZE,
    MSG_CHANNEL_DATA,
    MSG_CHANNEL_EXTENDED_DATA,
    MSG_CHANNEL_REQUEST,
    cMSG_CHANNEL_OPEN,
    cMSG_CHANNEL_REQUEST,
    cMSG_GLOBAL_REQUEST,
)

from hosts.drivers.errors import Unreachable

KEPT_AT_MOST = 2 * DEFAULT_WINDOW_SIZE
WANT_REPLY = True
PINNED_TYPE = "ssh-ed25519"
FAST_KEX = ("curve25519-sha256", "curve25519-sha256@libssh.org", "ecdh-sha2-nistp256")
FAST_CIPHERS = ("aes128-ctr", "aes128-gcm@openssh.com", "aes256-ctr", "aes256-gcm@openssh.com")
SAFE_MACS = ("hmac-sha2-256", "hmac-sha2-256-etm@openssh.com", "hmac-sha2-512")
WIRE_LOG = "hosts.drivers.ssh.wire"

logging.getLogger(WIRE_LOG).setLevel(logging.CRITICAL)  # its tracebacks are of guests that are not up yet


def _feed(channel: Channel, message: Message) -> None:
    data = message.get_binary()
    _bounded(channel, len(data))
    channel.in_buffer.feed(data)


def _feed_extended(channel: Channel, message: Message) -> None:
    is_stderr = message.get_int() == 1
    data = message.get_binary()
    _bounded(channel, len(data))
    if is_stderr:
        channel.in_stderr_buffer.feed(data)


def _bounded(channel: Channel, more: int) -> None:
    if len(channel.in_buffer) + len(channel.in_stderr_buffer) + more > KEPT_AT_MOST:
        raise EOFError("the server sends more than it was allowed to")


def _request(channel: Channel, message: Message) -> None:
    place = message.packet.tell()
    if message.get_text() == "exit-signal":
        message.get_boolean()
        channel.exit_status = 128 + _signal_number(message.get_binary())
        channel.status_event.set()
        return
    message.packet.seek(place)
    channel._handle_request(message)  # type: ignore[attr-defined]  # not in the stubs


def _signal_number(name: bytes) -> int:
    known = signal.Signals.__members__.get("SIG" + name.decode("ascii", "replace"))
    return known.value if known else 0


class GuestTransport(Transport):
    """A client's side of one connection, with fast algorithms and only the pinned kind of host key."""

    _channel_handler_table = {  # Paramiko's own table, with ours in place
        **Transport._channel_handler_table,  # type: ignore[attr-defined]
        MSG_CHANNEL_DATA: _feed,
        MSG_CHANNEL_EXTENDED_DATA: _feed_extended,
        MSG_CHANNEL_REQUEST: _request,
    }

    def __init__(self, sock: socket) -> None:
        super().__init__(sock)
        self.set_log_channel(WIRE_LOG)
        options = self.get_security_options()
        options.key_types = (PINNED_TYPE,)
        options.kex = tuple(name for name in FAST_KEX if name in options.kex)
        options.ciphers = tuple(name for name in FAST_CIPHERS if name in options.ciphers)
        options.digests = tuple(name for name in SAFE_MACS if name in options.digests)

    def ask_for_life(self) -> threading.Event:
        """Sends a request that every server must answer; the event is set when it has."""
        answered = self.completion_event = threading.Event()
        message = Message()
        message.add_byte(cMSG_GLOBAL_REQUEST)
        message.add_string("keepalive@openssh.com")
        message.add_boolean(WANT_REPLY)
        self._send_user_message(message)  # type: ignore[attr-defined]
        return answered

    def ask_for_session(self) -> tuple[Channel, threading.Event]:
        """Like `open_session`, which would wait by the wall clock and not hear a cancel."""
        with self.lock:
            number = self._next_channel()  # type: ignore[attr-defined]
            channel = Channel(number)
            self._channels.put(number, channel)  # type: ignore[attr-defined]
            answered = self.channel_events[number] = threading.Event()
            self.channels_seen[number] = True
            channel._set_transport(self)  # type: ignore[attr-defined]
            channel._set_window(DEFAULT_WINDOW_SIZE, DEFAULT_MAX_PACKET_SIZE)  # type: ignore[attr-defined]
        message = Message()
        message.add_byte(cMSG_CHANNEL_OPEN)
        message.add_string("session")
        for value in (number, DEFAULT_WINDOW_SIZE, DEFAULT_MAX_PACKET_SIZE):
            message.add_int(value)
        self._send_user_message(message)  # type: ignore[attr-defined]
        return channel, answered

    def ask_to_execute(self, channel: Channel, command: bytes) -> threading.Event:
        """Like `exec_command`, which would wait for ever."""
        message = Message()
        message.add_byte(cMSG_CHANNEL_REQUEST)
        message.add_int(channel.remote_chanid)
        message.add_string("exec")
        message.add_boolean(WANT_REPLY)
        message.add_string(command)
        channel._event_pending()  # type: ignore[attr-defined]
        self._send_user_message(message)  # type: ignore[attr-defined]
        return channel.event

    def why_dead(self) -> Unreachable:
        error = self.get_exception()
        return Unreachable("the SSH connection to the guest broke", detail=str(error or ""))
