"""Whether a machine does anything: its processor time, who is connected to it, what went through.

The kernel says all of it (`/proc` and `sock_diag`); no machine is asked, so a stuck one counts as well.

Example::

    activity([pid])        # {pid: Activity(cpu_s=12.3, sessions=1, traffic_bytes=48213)}
"""

import os
import socket
import struct
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from hosts.drivers.records import Activity

SOCK_DIAG = 4
SOCK_DIAG_BY_FAMILY = 20
NLMSG_ERROR, NLMSG_DONE = 2, 3
REQUEST_AND_DUMP = 0x301
ESTABLISHED, LISTEN = 1, 10
INFO = 2  # the attribute that holds the kernel's `tcp_info`
HEADER = struct.Struct("=IHHII")
REQUEST = struct.Struct("=BBBBI48x")
# With the port in network order, the peer (of IPv6 its first four bytes), and the inode at its end
MESSAGE = struct.Struct("=BBxxH2x16x4s12x12x16xI")
KNOCKS_FROM = "127.0.73.1"  # the address of those who only look whether a port answers
KNOCKER = socket.inet_aton(KNOCKS_FROM)
ATTRIBUTE = struct.Struct("=HH")
BYTES = struct.Struct("=QQ")
BYTES_AT = 120  # bytes_acked and bytes_received within `tcp_info`
ANSWER_S = 2.0
BUFFER = 1 << 17
UTIME = 11  # among the fields of /proc/<pid>/stat that follow the program's name


@dataclass(frozen=True, slots=True)
class Connection:
    state: int
    local_port: int
    peer: bytes
    inode: int
    carried: int  # bytes, both ways


def activity(pids: Collection[int]) -> dict[int, Activity]:
    """Of processes that are known to be machines. One that has just ended is left out."""
    if not pids:
        return {}
    by_inode = {found.inode: found for found in connections()}
    result = {}
    for pid in pids:
        try:
            spent = cpu_s(pid)
            theirs = [by_inode[inode] for inode in inodes(pid) if inode in by_inode]
        except OSError:
            continue
        result[pid] = summed(spent, theirs)
    return result


def summed(spent_s: float, theirs: list[Connection]) -> Activity:
    """A connection to a port that the machine listens on is somebody's session in it, knocks aside."""
    listened = {one.local_port for one in theirs if one.state == LISTEN}
    joined = [one for one in theirs if one.state == ESTABLISHED and one.peer != KNOCKER]
    return Activity(
        cpu_s=spent_s,
        sessions=sum(one.local_port in listened for one in joined),
        traffic_bytes=sum(one.carried for one in joined),
    )


def cpu_s(pid: int) -> float:
    """Seconds of processor time since the process began, those of the guest among them."""
    text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    fields = text[text.rindex(")") + 2 :].split()
    return (int(fields[UTIME]) + int(fields[UTIME + 1])) / os.sysconf("SC_CLK_TCK")


def inodes(pid: int) -> Iterator[int]:
    """Those of the sockets that the process holds."""
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        try:
            target = str(entry.readlink())
        except FileNotFoundError:
            continue  # closed meanwhile
        if target.startswith("socket:["):
            yield int(target[8:-1])


def connections() -> Iterator[Connection]:
    """Every TCP socket of this host that is connected or listens."""
    for family in (socket.AF_INET, socket.AF_INET6):
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, SOCK_DIAG) as link:
            link.settimeout(ANSWER_S)
            states = 1 << ESTABLISHED | 1 << LISTEN
            body = REQUEST.pack(family, socket.IPPROTO_TCP, 1 << (INFO - 1), 0, states)
            link.send(
                HEADER.pack(HEADER.size + len(body), SOCK_DIAG_BY_FAMILY, REQUEST_AND_DUMP, 1, 0) + body
            )
            yield from answered(link)


def answered(link: socket.socket) -> Iterator[Connection]:
    while True:
        data = link.recv(BUFFER)
        while data:
            length, kind, *_ = HEADER.unpack_from(data)
            if kind in (NLMSG_DONE, NLMSG_ERROR):
                return
            yield connection(data[HEADER.size : length])
            data = data[aligned(length) :]


def connection(message: bytes) -> Connection:
    _, state, port, peer, inode = MESSAGE.unpack_from(message)
    return Connection(state, socket.ntohs(port), peer, inode, carried(message[MESSAGE.size :]))


def carried(attributes: bytes) -> int:
    """Bytes that a connection took in and had acknowledged."""
    while len(attributes) >= ATTRIBUTE.size:
        length, kind = ATTRIBUTE.unpack_from(attributes)
        if kind == INFO and length >= ATTRIBUTE.size + BYTES_AT + BYTES.size:
            return sum(BYTES.unpack_from(attributes, ATTRIBUTE.size + BYTES_AT))
        if length < ATTRIBUTE.size:
            break
        attributes = attributes[aligned(length) :]
    return 0


def aligned(length: int) -> int:
    return (length + 3) & ~3
