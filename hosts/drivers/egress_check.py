"""Whether the rules in force are those that should be; those that somebody altered are put right.

A kernel lists rules in its own words. So what it lists is held against what it lists of the rules that should
be, loaded into an empty network namespace, where they touch nothing.

Example::

    found = differences({group: (443,)}, resolvers)     # Differences(shared=("out",), machines=frozenset())
    put_right({group: (443,)}, resolvers)
"""

import json
import sys
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from hosts.drivers.egress_rules import FAMILIES, FIRST_GROUP, TABLE, Ports, machine_rules, table_rules
from hosts.drivers.errors import DriverError
from hosts.drivers.process import run

NFT_S = 20.0
REFERENCES = 64
CHAINS = ("out", "guests")
OF_MACHINE = ("machine_", "deny_")
LIST = ["nft", "-j", "list", "table", *TABLE.split()]
LOAD_AND_LIST = f"""
import subprocess
subprocess.run(["nft", "-f", "-"], check=True)
subprocess.run({LIST!r}, check=True)
"""

Listed = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Differences:
    """Parts that all machines share, by name, and groups of machines whose own rules differ."""

    shared: tuple[str, ...] = ()
    machines: frozenset[int] = frozenset()


def differences(wanted: Mapping[int, Ports], resolvers: Collection[str]) -> Differences:
    """What is not as it should be. Machines without any rules are not told of here."""
    listed = in_force()
    shared, should = shared_parts(listed), shared_parts(reference((), tuple(resolvers)))
    there = {group for group in wanted if has_rules(listed, group)}
    return Differences(
        tuple(name for name, part in should.items() if shared.get(name) != part),
        frozenset(group for group in there if altered(listed, group, wanted[group])),
    )


def altered(listed: Listed, group: int, ports: Ports) -> bool:
    """Whether a machine's own chains, or what leads to them, are not those of its ports."""
    return machine_part(listed, group) != machine_part(reference(ports), FIRST_GROUP)


def in_force() -> Listed:
    found: Listed = json.loads(run(LIST, timeout_s=NFT_S).stdout)["nftables"]
    return found


@lru_cache(maxsize=REFERENCES)
def reference(ports: Ports, resolvers: tuple[str, ...] = ()) -> Listed:
    """What this kernel lists of the table with one machine in it, which has the first group."""
    rules = table_rules(resolvers) + machine_rules(FIRST_GROUP, ports)
    argv = ["unshare", "--net", "--", sys.executable, "-SIc", LOAD_AND_LIST]
    found: Listed = json.loads(run(argv, stdin=rules.encode(), timeout_s=NFT_S).stdout)["nftables"]
    return found


def shared_parts(listed: Listed) -> dict[str, object]:
    """What all machines share: the table itself, the way in from the kernel, and the addresses."""
    tables = [one["table"].get("flags") for one in listed if "table" in one]
    hooks = {name: chain for name, chain in named(listed, "chain").items() if "hook" in chain}
    return {
        "table": tables,
        "hooks": {name: {**chain, "handle": 0} for name, chain in hooks.items()},
        **{name: rules_of(listed, name) for name in CHAINS},
        **{
            f"{kind}{version}": addresses(listed, f"{kind}{version}")
            for kind in ("never", "resolvers")
            for version in FAMILIES
        },
    }


def machine_part(listed: Listed, group: int) -> str:
    """A machine's own chains and the way to them, with its group left out."""
    way = [
        verdict for key, verdict in named(listed, "map").get("machines", {}).get("elem", []) if key == group
    ]
    chains = [rules_of(listed, f"{prefix}{group}") for prefix in OF_MACHINE]
    return json.dumps([way, chains], sort_keys=True).replace(str(group), "")


def ways(listed: Listed) -> list[Any]:
    """Which group is led to which chain."""
    found: list[Any] = named(listed, "map").get("machines", {}).get("elem", [])
    return found


def has_rules(listed: Listed, group: int) -> bool:
    return bool(rules_of(listed, f"{OF_MACHINE[0]}{group}"))


def named(listed: Listed, kind: str) -> dict[str, Any]:
    return {one[kind]["name"]: one[kind] for one in listed if kind in one}


def rules_of(listed: Listed, chain: str) -> list[Any]:
    return [one["rule"]["expr"] for one in listed if "rule" in one and one["rule"]["chain"] == chain]


def addresses(listed: Listed, name: str) -> list[str] | None:
    found = named(listed, "set").get(name)
    return None if found is None else sorted(json.dumps(one) for one in found.get("elem", []))


def put_right(wanted: Mapping[int, Ports], altered: Collection[int], resolvers: Collection[str]) -> None:
    """Loads what all share and these machines' rules anew, in one step. What was counted stays, unless the
    table was altered in a way that only a new one mends."""
    try:
        led = {key for key, _ in ways(in_force())}
        gone = [f"delete element {TABLE} machines {{ {group} }}" for group in altered if group in led]
        load([*gone, table_rules(resolvers), *(machine_rules(group, wanted[group]) for group in altered)])
        if differences(wanted, resolvers) == Differences():
            return
    except DriverError:
        pass
    every = (machine_rules(group, ports) for group, ports in wanted.items())
    load([f"add table {TABLE}", f"delete table {TABLE}", table_rules(resolvers), *every])


def load(parts: Iterable[str]) -> None:
    run(["nft", "-f", "-"], stdin="\n".join([*parts, ""]).encode(), timeout_s=NFT_S)
