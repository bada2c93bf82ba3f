"""What a header's `check` looks at after the script: a port, a page, a command that succeeds.

Example::

    looked_at(check, clone, guest)      # "" once it passes; until then what was found: "it answers 503"
"""

import http.client
import re
import socket
import time

from clones.models import Clone
from clones.specs import record_of
from cowweb.clean import plain_text
from hosts.drivers.base import CancelSignal, Guest
from hosts.drivers.errors import TimedOut
from hosts.services import local_driver
from provisioning.header import Check, ExecCheck, HttpCheck

ANSWER_S = 3.0
HANGS_UP_S = 0.3
SAID_CHARACTERS = 120
LONGEST_LINE = 4096
STATUS_LINE = re.compile(rb"HTTP/1\.[01] ([1-9][0-9]{2})[ \r\n]")


def looked_at(check: Check, clone: Clone, guest: Guest, *, cancel: CancelSignal) -> str:
    """Looks once; a word about what is not so yet, or nothing."""
    if isinstance(check, ExecCheck):
        return command_succeeds(check.command, guest, cancel)
    port = forwarded(clone, check.port)
    return page_answers(port, check.path) if isinstance(check, HttpCheck) else port_answers(port, guest)


def command_succeeds(command: str, guest: Guest, cancel: CancelSignal) -> str:
    try:
        result = guest.run(command, timeout_s=ANSWER_S, cancel=cancel)
    except TimedOut:
        return f"it takes longer than {ANSWER_S:g} s"
    if result.exit_code == 0:
        return ""
    said = plain_text((result.stderr or result.stdout).decode(errors="replace")).strip()[-SAID_CHARACTERS:]
    return f"exit status {result.exit_code}" + (f", {said}" if said else "")


def forwarded(clone: Clone, port: int) -> int:
    """The host's port for a guest's; one that is no ingress port is forwarded for the look."""
    for guest_port, host_port in clone.forwards:
        if guest_port == port:
            return int(host_port)
    forwards = local_driver().forward(record_of(clone), [port])
    clone.forwards = [[forward.guest_port, forward.host_port] for forward in forwards]
    Clone.objects.filter(pk=clone.pk).update(forwards=clone.forwards)
    return next(forward.host_port for forward in forwards if forward.guest_port == port)


def page_answers(port: int, path: str) -> str:
    """Any status below 400 counts. What answers is the guest's: a byte now and then is no answer."""
    until = time.monotonic() + ANSWER_S
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER_S)
    try:
        connection.request("GET", path)
        said = first_line(connection.sock, until)
    except (OSError, http.client.HTTPException):
        said = b""
    finally:
        connection.close()
    status = STATUS_LINE.match(said)
    if status is None:
        return "no answer over HTTP"
    return "" if int(status[1]) < 400 else f"it answers {int(status[1])}"


def first_line(connection: socket.socket, until: float) -> bytes:
    """What came of it by then."""
    said = b""
    while b"\n" not in said and len(said) < LONGEST_LINE and (left := until - time.monotonic()) > 0:
        connection.settimeout(left)
        more = connection.recv(LONGEST_LINE)
        if not more:
            break
        said += more
    return said


def port_answers(port: int, guest: Guest) -> str:
    """The forward accepts before the guest was asked, so what counts is that the connection stays open until
    the guest has answered something else: by then it would have refused."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=ANSWER_S) as connection:
            guest.run("true", timeout_s=ANSWER_S)
            connection.settimeout(HANGS_UP_S)
            return "" if connection.recv(1) else "nothing listens there"
    except TimeoutError:
        return ""
    except OSError:
        return "nothing listens there"
    except TimedOut:
        return "the guest does not answer"
