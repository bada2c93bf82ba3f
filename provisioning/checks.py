"""What a header's `check` looks at after the script: a port, a page, a command that succeeds.

Example::

    looked_at(check, clone, guest)      # "" once it passes; until then what was found: "it answers 503"
"""

import http.client
import socket

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
    """Any status below 400 counts."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER_S)
    try:
        connection.request("GET", path)
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return "no answer over HTTP"
    finally:
        connection.close()
    return "" if status < 400 else f"it answers {status}"


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
