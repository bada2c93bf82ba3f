"""Rules that somebody altered: told from those that should be, whatever was changed, and put right.

In a network of this thread's own, so that no other machine of the host is held otherwise meanwhile.
"""

import ctypes
import os
import subprocess
from uuid import UUID, uuid4

import pytest

from hosts.drivers import egress
from hosts.drivers.egress import enforcement
from hosts.drivers.egress_check import Differences, differences, in_force, named, put_right
from hosts.drivers.egress_rules import group_of

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.geteuid() != 0, reason="rules of the kernel are root's to change"),
]
NEW_NETWORK = 0x40000000  # CLONE_NEWNET
RESOLVERS = ("10.0.0.53", "fd00::53")
ALL_RIGHT = Differences()


@pytest.fixture(autouse=True)
def apart(monkeypatch):
    if not enforcement().holds:
        pytest.skip(enforcement().reason)
    monkeypatch.setattr(egress, "_resolvers", lambda: list(RESOLVERS))
    libc = ctypes.CDLL(None, use_errno=True)
    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    assert libc.unshare(NEW_NETWORK) == 0
    yield
    assert libc.setns(before, NEW_NETWORK) == 0
    os.close(before)


@pytest.fixture
def wanted():
    """Three held machines, by their groups."""
    ports = {uuid4(): None, uuid4(): (), uuid4(): (443, 8080)}
    for uuid, listed in ports.items():
        egress.hold_anew(uuid, listed)
    return {group_of(uuid): listed for uuid, listed in ports.items()}


def nft(*lines: str) -> None:
    subprocess.run(["nft", "-f", "-"], input="\n".join([*lines, ""]), text=True, check=True)


def test_rules_as_they_should_be_do_not_differ(wanted):
    assert differences(wanted, RESOLVERS) == ALL_RIGHT


OWN = {
    "lets all out": ["insert rule inet cowweb machine_{group} accept"],
    "denies nothing": ["flush chain inet cowweb deny_{group}"],
    "one port more": ["insert rule inet cowweb machine_{group} tcp dport 25 accept"],
    "the way past it": [
        "delete element inet cowweb machines {{ {group} }}",
        "add element inet cowweb machines {{ {group} : accept }}",
    ],
    "no way to it": ["delete element inet cowweb machines {{ {group} }}"],
}


@pytest.mark.parametrize("lines", OWN.values(), ids=OWN)
def test_what_is_altered_of_one_machine_is_told_and_put_right(wanted, lines):
    for group in wanted:
        nft(*(line.format(group=group) for line in lines))
        assert differences(wanted, RESOLVERS) == Differences((), frozenset({group}))
        put_right(wanted, [group], RESOLVERS)
        assert differences(wanted, RESOLVERS) == ALL_RIGHT
        assert f"n_{group}" in named(in_force(), "counter")


SHARED = {
    "out": ["insert rule inet cowweb out accept"],
    "guests": ["insert rule inet cowweb guests accept"],
    "table": ["add table inet cowweb { flags dormant; }"],
    "never4": ["delete element inet cowweb never4 { 168.63.129.16 }"],
    "never6": ["flush set inet cowweb never6"],
    "resolvers4": ["add element inet cowweb resolvers4 { 192.0.2.1 }"],
    "hooks": ["add chain inet cowweb first { type filter hook output priority -1; }"],
}


@pytest.mark.parametrize(("part", "lines"), SHARED.items(), ids=SHARED)
def test_what_is_altered_of_what_all_share_is_told_and_put_right(wanted, part, lines):
    nft(*lines)
    assert differences(wanted, RESOLVERS) == Differences((part,))
    put_right(wanted, [], RESOLVERS)
    assert differences(wanted, RESOLVERS) == ALL_RIGHT


def test_a_way_in_that_comes_too_late_is_made_anew(wanted):
    nft(
        "delete chain inet cowweb out",
        "add chain inet cowweb out { type filter hook output priority 50; policy accept; }",
    )
    assert set(differences(wanted, RESOLVERS).shared) == {"hooks", "out"}
    put_right(wanted, [], RESOLVERS)
    assert differences(wanted, RESOLVERS) == ALL_RIGHT


def test_a_machines_own_rules_wait_for_a_second_look():
    uuid = uuid4()
    wanted: dict[UUID, tuple[int, ...] | None] = {uuid: (443,)}
    egress.hold_anew(uuid, (80,))
    first = egress.righted(wanted, set())
    assert (first.suspects, first.restored, first.shared) == ({uuid}, set(), ())
    second = egress.righted(wanted, first.suspects)
    assert (second.suspects, second.restored) == (set(), {uuid})
    assert egress.righted(wanted, second.suspects) == egress.Righted()


def test_without_a_table_there_is_nothing_to_compare():
    assert egress.righted({uuid4(): None}, set()) == egress.Righted()
