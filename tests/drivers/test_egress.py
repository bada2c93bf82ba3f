"""What a machine may connect to: tried by processes in a machine's place, and by a real booted guest."""

import os
import socket
import subprocess
import sys
from contextlib import ExitStack
from ipaddress import ip_address
from itertools import cycle
from pathlib import Path
from random import sample
from secrets import token_hex
from uuid import UUID, uuid4

import pytest

from hosts.drivers import egress
from hosts.drivers.egress import denied_in, enforcement, hold, hold_running, let_go, seen, unused
from hosts.drivers.egress_rules import FIRST_GROUP, LAST_GROUP, group_of, machine_rules
from hosts.drivers.errors import DriverError, Refused

pytestmark = pytest.mark.slow

OWN_ADDRESS = "127.0.0.1"
# Addresses for documentation, two to a network, in another order in each process that tests.
NETWORKS = cycle([(f"198.51.100.{n + 1}", f"198.51.100.{n + 2}") for n in sample(range(0, 256, 4), 64)])


@pytest.fixture
def held():
    """Machines that are held, forgotten again afterwards."""
    if not enforcement().holds:
        pytest.skip(enforcement().reason)
    with ExitStack() as undo:

        def make(ports):
            uuid = uuid4()
            hold(uuid, ports)
            undo.callback(let_go, group_of(uuid))
            return uuid

        yield make


def own_end(elsewhere: str) -> str:
    """This host's address in that network."""
    return str(ip_address(elsewhere) - 1)


@pytest.fixture
def elsewhere():
    """Another host, as far as rules can tell: an address that is not ours, in a namespace of its own.
    A network each, as the last one is taken down only after its namespace is gone."""
    name, ours, theirs = f"cw{token_hex(3)}", *next(NETWORKS)
    with ExitStack() as undo:

        def ip(*words):
            subprocess.run(["ip", *words], check=True, capture_output=True)

        ip("netns", "add", name)
        undo.callback(subprocess.run, ["ip", "netns", "del", name], check=True)
        ip("link", "add", f"{name}a", "type", "veth", "peer", "name", f"{name}b", "netns", name)
        ip("addr", "add", f"{ours}/30", "dev", f"{name}a")
        ip("link", "set", f"{name}a", "up")
        ip("-n", name, "addr", "add", f"{theirs}/30", "dev", f"{name}b")
        ip("-n", name, "link", "set", f"{name}b", "up")
        ip("-n", name, "link", "set", "lo", "up")
        serve = "import socket, sys, time\nfor p in (7001, 7002):\n globals()[f's{p}'] = socket.create_server(('', p))\nprint('up', flush=True)\ntime.sleep(600)"
        server = subprocess.Popen(
            ["ip", "netns", "exec", name, sys.executable, "-c", serve], stdout=subprocess.PIPE
        )
        undo.callback(server.wait)
        undo.callback(server.kill)
        undo.callback(server.stdout.close)
        assert server.stdout.readline() == b"up\n"
        yield theirs


def reaches(uuid: UUID, address: str, port: int) -> bool:
    """Whether a process that runs under the machine's group gets a connection."""
    connect = f"import socket; socket.create_connection(({address!r}, {port}), 3)"
    argv = ["setpriv", f"--regid={group_of(uuid)}", "--clear-groups", "--", sys.executable, "-SIc", connect]
    return subprocess.run(argv, capture_output=True).returncode == 0


def test_this_host_says_whether_it_can_hold_guests():
    said = enforcement()
    assert said.reason
    if os.geteuid() == 0:
        assert said.holds, said.reason


def test_listed_ports_are_reached_and_nothing_else(held, elsewhere):
    uuid = held((7001,))
    assert reaches(uuid, elsewhere, 7001)
    assert not reaches(uuid, elsewhere, 7002)
    assert seen()[group_of(uuid)].tries == {f"{elsewhere}:7002/tcp": 1}


def test_open_reaches_everything_but_this_host(held, elsewhere):
    uuid = held(None)
    assert reaches(uuid, elsewhere, 7001)
    with socket.create_server((OWN_ADDRESS, 0)) as server:
        port = server.getsockname()[1]
        for own in (OWN_ADDRESS, "127.8.8.8", own_end(elsewhere)):
            assert not reaches(uuid, own, port), own
    assert not reaches(uuid, "169.254.169.254", 80)
    assert seen()[group_of(uuid)].attempts == 4


def test_listing_a_port_does_not_open_this_host(held):
    with socket.create_server((OWN_ADDRESS, 0)) as server:
        port = server.getsockname()[1]
        assert not reaches(held((port, 80)), OWN_ADDRESS, port)


def test_none_reaches_nothing_and_a_change_holds_at_once(held, elsewhere):
    uuid = held(())
    assert not reaches(uuid, elsewhere, 7001)
    hold(uuid, (7001,))
    assert reaches(uuid, elsewhere, 7001)
    hold(uuid, (7002,))
    assert not reaches(uuid, elsewhere, 7001)
    assert seen()[group_of(uuid)].attempts == 2


def test_a_machine_without_rules_reaches_nothing(held, elsewhere):
    held(None)  # the table is there
    assert not reaches(uuid4(), elsewhere, 7001)


def test_one_machine_is_not_held_by_the_rules_of_another(held, elsewhere):
    first, second = held(()), held(None)
    assert reaches(second, elsewhere, 7001)
    assert not reaches(first, elsewhere, 7001)
    assert seen()[group_of(second)].attempts == 0


def test_processes_of_the_host_are_not_held(held, elsewhere):
    held(())
    socket.create_connection((elsewhere, 7001), timeout=3).close()


def test_flushed_rules_of_a_running_machine_are_put_back(driver, empty_machine):
    spec = empty_machine(egress_ports=(7001,))
    record = driver.start(spec).record
    wanted = {spec.uuid: (7001,)}
    subprocess.run(["nft", "flush", "chain", "inet", "cowweb", f"machine_{group_of(spec.uuid)}"], check=True)
    assert group_of(spec.uuid) not in seen()
    assert driver.egress_kept(wanted) == {spec.uuid: None}
    assert driver.egress_kept(wanted)[spec.uuid].attempts == 0
    driver.kill(record)
    driver.egress_end(spec.uuid)
    assert driver.egress_kept(wanted) == {}


def test_rules_without_a_process_go_after_two_looks(held):
    uuid = held(None)
    first = egress.stale(set())
    assert group_of(uuid) in first
    egress.stale({group_of(uuid)})
    assert group_of(uuid) not in seen()


def test_a_machine_is_started_under_its_own_group(driver, empty_machine):
    spec = empty_machine(egress_ports=(443,))
    record = driver.start(spec).record
    status = Path(f"/proc/{record.pid}/status").read_text()
    group = group_of(spec.uuid)
    assert f"Gid:\t{group}\t{group}\t{group}\t{group}\n" in status
    assert group not in unused(seen())
    driver.egress_set(record, None)
    driver.kill(record)
    assert group in unused(seen())
    assert driver.egress_end(spec.uuid) is not None
    assert driver.egress_end(spec.uuid) is None


def test_a_start_that_fails_leaves_no_rules(driver, empty_machine):
    spec = empty_machine()
    spec.disk.unlink()
    with pytest.raises(DriverError):
        driver.start(spec)
    assert group_of(spec.uuid) not in seen()


def test_a_host_that_cannot_hold_guests_only_starts_those_cut_off(driver, empty_machine, monkeypatch):
    monkeypatch.setattr(egress, "_may_hold", refuses)
    egress.look_again()
    try:
        with pytest.raises(Refused, match=r"its loopback.*no nftables"):
            driver.start(empty_machine("open"))
        spec = empty_machine("closed", egress_ports=())
        record = driver.start(spec).record
        assert '"restrict": true' in Path(f"/proc/{record.pid}/cmdline").read_text()
        with pytest.raises(Refused, match="start it again"):
            hold_running(record, (443,))
    finally:
        monkeypatch.undo()
        egress.look_again()


def refuses():
    raise Refused("no nftables")


def test_groups_stay_in_their_range():
    uuids = [UUID(int=0), UUID(int=2**128 - 1), *(uuid4() for _ in range(100))]
    assert all(FIRST_GROUP <= group_of(uuid) <= LAST_GROUP for uuid in uuids)
    assert (group_of(uuids[0]), group_of(uuids[1])) == (FIRST_GROUP, LAST_GROUP)


def test_names_are_asked_for_where_the_list_says_so():
    def resolver_rules(ports):
        return [line for line in machine_rules(FIRST_GROUP, ports).splitlines() if "@resolvers" in line]

    assert resolver_rules((443,)) == resolver_rules(()) == []
    assert len(resolver_rules((443, 53))) == len(resolver_rules(None)) == 2


def test_what_nft_lists_is_read():
    rule = [{"rule": {"chain": chain}} for chain in ("out", "machine_1879048193")]
    tried = [
        {"elem": {"val": {"concat": ["192.0.2.9", "udp", 53]}, "counter": {"packets": 3}}},
        {"elem": {"val": {"concat": ["10.0.0.1", "tcp", 22]}, "counter": {"packets": 1}}},
    ]
    listed = [
        {"metainfo": {}},
        *rule,
        {"counter": {"name": "n_1879048193", "packets": 7}},
        {"counter": {"name": "n_1879048194", "packets": 9}},  # without rules: somebody flushed them
        {"set": {"name": "d4_1879048193", "elem": tried}},
        {"set": {"name": "d6_1879048193"}},
    ]
    (found,) = denied_in(listed).items()
    assert found[0] == 1879048193
    assert (found[1].attempts, found[1].tries) == (7, {"192.0.2.9:53/udp": 3, "10.0.0.1:22/tcp": 1})
    assert not denied_in([])


@pytest.mark.guest
def test_a_guest_reaches_what_is_listed_and_neither_the_host_nor_other_machines(
    running_guest, driver, empty_machine, elsewhere
):
    other = driver.start(empty_machine("other", ports=(8080,)))
    forwarded = other.forwards[-1].host_port
    guest = running_guest

    def gets_to(address, port):
        done = way.run(f"timeout 3 nc {address} {port} </dev/null")
        return done.exit_code in (0, 124, 143)  # a server that says nothing was reached as well

    with ExitStack() as undo:
        way = undo.enter_context(guest.open())
        undo.callback(driver.egress_set, guest.started.record, None)
        driver.egress_set(guest.started.record, (7001, forwarded))
        before = seen()[group_of(guest.spec.uuid)].attempts
        assert gets_to(elsewhere, 7001)
        with socket.create_server(("0.0.0.0", 0)) as dashboard:
            mine = dashboard.getsockname()[1]
            refused = [
                (elsewhere, 7002),
                ("10.0.2.2", mine),
                (own_end(elsewhere), mine),
                ("10.0.2.2", forwarded),
                ("169.254.169.254", 80),
            ]
            assert [place for place in refused if gets_to(*place)] == []
            driver.egress_set(guest.started.record, None)
            assert [place for place in refused if gets_to(*place)] == [(elsewhere, 7002)]
        denied = driver.egress_kept({guest.spec.uuid: None})[guest.spec.uuid]
        assert denied.attempts - before == 9
        assert {f"127.0.0.1:{forwarded}/tcp", "169.254.169.254:80/tcp"} <= set(denied.tries)
