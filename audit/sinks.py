"""Where records go beside the site: a syslog server (RFC 5424) and a webhook. Each function sends or raises.

Example::

    syslog_send("tcp://logs.example.org:601", records, chain)
    webhook_send(Webhook("https://example.org/audit", "a secret"), records, chain)
"""

import contextlib
import errno
import hashlib
import hmac
import http.client
import os
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from audit.chain import canonical
from audit.walk import Record

TIMEOUT_S = 10.0
FACILITY = 13  # log audit
SEVERITY = {"failed": 3, "refused": 4}
INFO = 6
SOFTWARE = "cowweb@32473"
PORTS = {"udp": 514, "tcp": 601}
ANSWER_BYTES = 300
LONG_PART = 1_000  # characters
LEFT_OUT = "… (too long for a datagram)"


class SinkError(Exception):
    """It was not taken; it is sent again later."""


@dataclass(frozen=True, slots=True)
class Webhook:
    url: str
    secret: str = field(repr=False)


def as_dict(record: Record) -> dict[str, object]:
    return {**record.said, "previous": record.previous, "hash": record.hash}


def syslog_line(record: Record, chain: str) -> bytes:
    """One message: what the record says as JSON, its place in the chain as structured data."""
    said = record.said
    priority = FACILITY * 8 + SEVERITY.get(str(said.get("result")), INFO)
    data = f'[{SOFTWARE} chain="{chain}" seq="{said["seq"]}" hash="{record.hash}"]'
    head = f"<{priority}>1 {said['at']} {socket.gethostname()} cowweb {os.getpid()} {said['kind']} {data}"
    return f"{head} \ufeff{canonical(as_dict(record))}".encode()


def syslog_send(target: str, records: Sequence[Record], chain: str) -> None:
    """`udp://host:514`, `tcp://host:601` (octet counting) or `unix:///dev/log`."""
    parts = urlsplit(target)
    if parts.scheme == "unix" and parts.path:
        datagrams(socket.AF_UNIX, parts.path, records, chain)
    elif parts.scheme == "udp" and parts.hostname:
        family, *_, address = socket.getaddrinfo(
            parts.hostname, parts.port or PORTS["udp"], type=socket.SOCK_DGRAM
        )[0]
        datagrams(family, address, records, chain)
    elif parts.scheme == "tcp" and parts.hostname:
        lines = [syslog_line(record, chain) for record in records]
        stream((parts.hostname, parts.port or PORTS["tcp"]), lines)
    else:
        forms = "udp://HOST:514, tcp://HOST:601 or unix:///dev/log"
        raise SinkError(f"COWWEB_AUDIT_SYSLOG={target!r}: write {forms}")


def datagrams(family: int, address: Any, records: Sequence[Record], chain: str) -> None:
    """A record that no datagram holds goes without its long parts: it must not hold up those after it."""
    with socket.socket(family, socket.SOCK_DGRAM) as out:
        out.settimeout(TIMEOUT_S)
        out.connect(address)
        for record in records:
            try:
                out.send(syslog_line(record, chain))
            except OSError as error:
                if error.errno != errno.EMSGSIZE:
                    raise
                out.send(syslog_line(without_long_parts(record), chain))


def without_long_parts(record: Record) -> Record:
    """The same place in the chain and the same hash; what was left out is in the site's own record."""
    long = [name for name, value in record.said.items() if len(canonical(value)) > LONG_PART]
    return record._replace(said={**record.said, **dict.fromkeys(long, LEFT_OUT)})


def stream(address: tuple[str, int], lines: Sequence[bytes]) -> None:
    with socket.create_connection(address, TIMEOUT_S) as out:
        out.sendall(b"".join(b"%d %s" % (len(line), line) for line in lines))
        out.shutdown(socket.SHUT_WR)
        # no answer is part of the protocol; one that resets the connection did not take it all
        with contextlib.suppress(TimeoutError):
            out.recv(1)


def webhook_send(to: Webhook, records: Sequence[Record], chain: str) -> None:
    """One POST, signed: HMAC-SHA256 over `timestamp.body`. Any answer but 2xx is a refusal."""
    if not to.secret:
        raise SinkError("COWWEB_AUDIT_WEBHOOK_SECRET is not set: nothing is sent unsigned")
    first, last = records[0].said["seq"], records[-1].said["seq"]
    told = [as_dict(record) for record in records]
    body = canonical({"chain": chain, "first": first, "last": last, "records": told}).encode()
    timestamp = str(int(time.time()))
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "cowweb-audit",
        "X-CoWWeb-Delivery": f"{chain}-{first}-{last}",
        "X-CoWWeb-Timestamp": timestamp,
        "X-CoWWeb-Signature": f"sha256={signature(to.secret, timestamp, body)}",
    }
    with contextlib.closing(connection_to(to.url)) as connection:
        parts = urlsplit(to.url)
        path = f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}"
        connection.request("POST", path, body, headers)
        with connection.getresponse() as answer:
            if not 200 <= answer.status < 300:
                said = answer.read(ANSWER_BYTES).decode("utf-8", "replace")
                raise SinkError(f"The webhook answered {answer.status}: {said}".rstrip(": "))


def signature(secret: str, timestamp: str, body: bytes) -> str:
    return hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()


def connection_to(url: str) -> http.client.HTTPConnection:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise SinkError("COWWEB_AUDIT_WEBHOOK is no http or https address")
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    return kind(parts.hostname, parts.port, timeout=TIMEOUT_S)
