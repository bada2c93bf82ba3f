"""Holding guests to what they may connect to: the kernel's rules, kept true and read back.

Works where the server is root and nftables can be changed; `enforcement` tries it and says why not. Rules
outlive the server as machines do, and are found again by the machine's uuid.

Example::

    if enforcement().holds:
        hold(record.uuid, (443,))
        seen()[group_of(UUID(record.uuid))].attempts
"""

import functools
import json
import os
import socket
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from hosts.drivers.egress_check import differences, put_right
from hosts.drivers.egress_rules import (
    FIRST_GROUP,
    LAST_GROUP,
    TABLE,
    Ports,
    group_of,
    machine_rules,
    removal,
    table_rules,
)
from hosts.drivers.errors import DriverError, NotFound, Refused
from hosts.drivers.process import program, run
from hosts.drivers.records import Denied, Enforcement, MachineRecord, Righted

NFT_S = 20.0
TRY_S = 10.0
GIVE_UP_S = 3
RESOLVERS = Path("/etc/resolv.conf")
HOLDS = "Tried on this host: a process in a machine's place was kept from its loopback, and was counted."


@functools.cache
def enforcement() -> Enforcement:
    """Whether this host can hold a guest to a list of ports, found out by trying; kept until `look_again`."""
    try:
        _may_hold()
        _tried()
    except DriverError as error:
        return Enforcement(holds=False, reason=str(error))
    return Enforcement(holds=True, reason=HOLDS)


def look_again() -> Enforcement:
    enforcement.cache_clear()
    return enforcement()


def hold(uuid: UUID, ports: Ports) -> None:
    """The machine of this uuid reaches these ports and nothing else, from now on; what it counted stays."""
    try:
        _load(machine_rules(group_of(uuid), ports))
    except DriverError:  # someone flushed the host's rules
        hold_anew(uuid, ports)


def hold_anew(uuid: UUID, ports: Ports) -> None:
    """As `hold`, with what all machines share."""
    _load(table_rules(_resolvers()) + machine_rules(group_of(uuid), ports))


def hold_running(record: MachineRecord, ports: Ports) -> None:
    """As `hold`, of a machine that runs; refused where it was started without its own group."""
    if _group(record.pid) != group_of(UUID(record.uuid)):
        raise Refused("it was started while this host could not hold it: stop it and start it again")
    hold(UUID(record.uuid), ports)


def let_go(group: int) -> None:
    """Forgets a machine that has ended, rules and counters."""
    with suppress(DriverError):  # somebody else was first
        _load(removal(group))


def seen() -> dict[int, Denied]:
    """What every held machine of this host was denied, by its group; one question for all."""
    try:
        listed = run(["nft", "-j", "list", "table", *TABLE.split()], timeout_s=NFT_S).stdout
    except DriverError:
        return {}
    return denied_in(json.loads(listed)["nftables"])


def denied_in(listed: list[dict[str, Any]]) -> dict[int, Denied]:
    """What `nft -j list table` printed, read. A machine whose rules were flushed is not in it."""
    ruled = {one["rule"]["chain"] for one in listed if "rule" in one}
    found = {
        group: one["packets"]
        for one in _named(listed, "counter", "n_")
        if {"out", f"machine_{(group := int(one['name'][2:]))}"} <= ruled
    }
    tries: dict[int, dict[str, int]] = {group: {} for group in found}
    for family in ("d4_", "d6_"):
        for one in _named(listed, "set", family):
            tries.get(int(one["name"][3:]), {}).update(_counted(one.get("elem", [])))
    return {group: Denied(attempts, tries[group]) for group, attempts in found.items()}


def _named(listed: list[dict[str, Any]], kind: str, prefix: str) -> Iterator[dict[str, Any]]:
    return (one[kind] for one in listed if kind in one and one[kind]["name"].startswith(prefix))


def _counted(elements: list[dict[str, Any]]) -> Iterator[tuple[str, int]]:
    for element in elements:
        address, protocol, port = element["elem"]["val"]["concat"]
        shown = f"[{address}]" if ":" in address else address
        yield f"{shown}:{port}/{protocol}", element["elem"]["counter"]["packets"]


def kept(wanted: Mapping[UUID, Ports]) -> dict[UUID, Denied | None]:
    """What these running machines were denied; None for one that had lost its rules and is held again."""
    found = seen()
    told: dict[UUID, Denied | None] = {
        uuid: found[group_of(uuid)] for uuid in wanted if group_of(uuid) in found
    }
    lost = {group_of(uuid): uuid for uuid in wanted if uuid not in told}
    for group in set(lost) - (unused(lost) if lost else set()):  # one that has just ended needs none
        hold_anew(lost[group], wanted[lost[group]])
        told[lost[group]] = None
    return told


def righted(wanted: Mapping[UUID, Ports], suspected: Collection[UUID]) -> Righted:
    """Puts right what somebody altered. A machine whose ports are just being changed looks so for a moment:
    its own rules wait for a second look, of which it is `suspected`."""
    groups = {group_of(uuid): ports for uuid, ports in wanted.items()}
    try:
        found = differences(groups, _resolvers())
    except DriverError:  # there is no table, which `kept` puts back, or no empty namespace to compare with
        return Righted()
    differ = {uuid for uuid in wanted if group_of(uuid) in found.machines}
    restored = differ & set(suspected)
    if found.shared or restored:
        put_right(groups, [group_of(uuid) for uuid in restored], _resolvers())
    return Righted(found.shared, frozenset(restored), frozenset(differ - restored))


def end(uuid: UUID) -> Denied | None:
    """What an ended machine was denied in all; forgets it."""
    denied = seen().get(group_of(uuid))
    if denied:
        let_go(group_of(uuid))
    return denied


def stale(before: Collection[int]) -> Collection[int]:
    """Groups with rules and no process. What was so `before` too is no machine that just starts: it goes."""
    idle = unused(seen())
    for group in idle & set(before):
        let_go(group)
    return idle - set(before)


def unused(groups: Iterable[int]) -> set[int]:
    """Those of the groups that no process on this host runs under."""
    pids = (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal())
    return set(groups) - {group for pid in pids if (group := _group(pid)) is not None}


def _group(pid: int) -> int | None:
    """The group that a process runs under; None when it is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return None
    return next(int(line.split()[1]) for line in lines if line.startswith("Gid:"))


def _load(rules: str) -> None:
    run(["nft", "-f", "-"], stdin=rules.encode(), timeout_s=NFT_S)


def _resolvers() -> list[str]:
    """The name servers that QEMU asks for its guests."""
    words = [line.split() for line in RESOLVERS.read_text().splitlines()] if RESOLVERS.is_file() else []
    named = [pair[1].partition("%")[0] for pair in words if len(pair) > 1 and pair[0] == "nameserver"]
    return sorted({str(one) for text in named if (one := _address(text))})


def _address(text: str) -> object:
    with suppress(ValueError):
        return ip_address(text)
    return None


def _may_hold() -> None:
    if os.geteuid() != 0:
        raise Refused("the server does not run as root, which the rules of nftables and own groups need")
    try:
        program("nft")
    except NotFound:
        raise NotFound("nft is not installed: apt-get install nftables") from None
    if not maps_groups(FIRST_GROUP, "gid_map"):
        raise Refused("this container has no group ids to tell machines apart by")


def maps_groups(first: int, kind: str) -> bool:
    """Whether this container has all ids (`gid_map` or `uid_map`) from this one to the last machine's."""
    spans = [tuple(map(int, line.split())) for line in Path(f"/proc/self/{kind}").read_text().splitlines()]
    return any(start <= first and start + count > LAST_GROUP for start, _, count in spans)


def _tried() -> None:
    """Holds a process as a guest would be held, and sees what it reaches."""
    _load(table_rules(_resolvers()))
    uuid = uuid4()
    hold(uuid, None)
    try:
        with socket.create_server(("127.0.0.1", 0)) as server:
            reached = _reaches(server.getsockname()[1], group_of(uuid))
        denied = seen().get(group_of(uuid))
    finally:
        let_go(group_of(uuid))
    if reached or denied is None or not denied.attempts:
        raise Refused("nftables takes the rules, but this kernel does not keep to them")


def _reaches(port: int, group: int) -> bool:
    connect = f"import socket; socket.create_connection(('127.0.0.1', {port}), {GIVE_UP_S})"
    try:
        as_guest = ["setpriv", f"--regid={group}", "--clear-groups", "--", sys.executable, "-SIc", connect]
        run(as_guest, timeout_s=TRY_S)
    except DriverError as error:
        return "Error" not in error.stderr  # Python's own, of the refused connection
    return True
