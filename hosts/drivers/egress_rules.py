"""What a guest may connect to, as nftables rules over the group that its QEMU alone runs under.

QEMU itself opens a guest's connections, so whoever holds QEMU's group id holds the guest's way out. The
group follows from the machine's uuid: nothing has to be kept to find a machine's rules again, and one that
has none reaches nothing. A host's own addresses and those that clouds answer on are never reached; answers
to what came in over a forward always are sent.

Example::

    text = machine_rules(group_of(uuid), (443, 8080))
"""

from collections.abc import Iterable
from ipaddress import ip_address
from uuid import UUID

TABLE = "inet cowweb"
# Group ids that nothing else gives out: above those of containers, below those that look negative.
FIRST_GROUP, LAST_GROUP = 0x70000000, 0x7FFFFFFF
DNS = 53
KINDS_SHOWN = 64  # different destinations that are kept of one machine's denied attempts
NEVER = {
    4: ("169.254.0.0/16", "100.100.100.200", "168.63.129.16", "192.0.0.192"),
    6: ("fe80::/10", "fd00:ec2::254", "fd20:ce::254"),
}
FAMILIES = {4: ("ip", "ipv4_addr"), 6: ("ip6", "ipv6_addr")}
# The end of an answer whose connection the kernel has forgotten already: not an attempt to reach anything.
LATE = "ct state new,invalid tcp flags & (syn | ack) != syn reject with tcp reset"
OWN = "fib daddr type { local, broadcast, anycast, multicast }"

Ports = tuple[int, ...] | None  # None: everything but this host; (): nothing


def group_of(uuid: UUID) -> int:
    """The group that a machine's QEMU runs under; 28 bits of its uuid."""
    return FIRST_GROUP | int.from_bytes(uuid.bytes[-4:]) & (LAST_GROUP - FIRST_GROUP)


def table_rules(resolvers: Iterable[str]) -> str:
    """The part that all machines share. May be loaded again and again, with no moment without it."""
    lines = [f"add table {TABLE}", f"add map {TABLE} machines {{ type gid : verdict; }}"]
    for version, (_, kind) in FAMILIES.items():
        lines += _filled(f"never{version}", f"type {kind}; flags interval;", NEVER[version])
        known = sorted(one for one in resolvers if ip_address(one).version == version)
        lines += _filled(f"resolvers{version}", f"type {kind};", known)
    lines += _chain("guests", "ct direction reply accept", "meta skgid vmap @machines", *_refusals())
    lines += _chain(
        "out { type filter hook output priority 0; policy accept; }",
        f"meta skgid {FIRST_GROUP}-{LAST_GROUP} jump guests",
    )
    return "\n".join(lines) + "\n"


def machine_rules(group: int, ports: Ports) -> str:
    """One machine's rules, in place of those it had; what was counted stays."""
    lines = [f"add counter {TABLE} n_{group}"]
    for version, (_, kind) in FAMILIES.items():
        shape = f"type {kind} . inet_proto . inet_service; size {KINDS_SHOWN}; flags dynamic;"
        lines.append(f"add set {TABLE} d{version}_{group} {{ {shape} }}")
    lines += _chain(f"deny_{group}", LATE, *_noted(group), *_refusals(f"counter name n_{group} "))
    lines += _chain(f"machine_{group}", *_policy(ports, f"goto deny_{group}"))
    lines.append(f"add element {TABLE} machines {{ {group} : goto machine_{group} }}")
    return "\n".join(lines) + "\n"


def removal(group: int) -> str:
    """What takes a machine's rules and counters away. Fails as a whole where they are not there."""
    gone = [f"chain {TABLE} machine_{group}", f"chain {TABLE} deny_{group}", f"counter {TABLE} n_{group}"]
    gone += [f"set {TABLE} d{version}_{group}" for version in FAMILIES]
    lines = [f"delete element {TABLE} machines {{ {group} }}", *(f"delete {one}" for one in gone)]
    return "\n".join(lines) + "\n"


def _policy(ports: Ports, deny: str) -> list[str]:
    if ports == ():
        return [deny]
    rules = []
    if ports is None or DNS in ports:
        rules += [
            f"{family} daddr @resolvers{version} meta l4proto {{ tcp, udp }} th dport {DNS} accept"
            for version, (family, _) in FAMILIES.items()
        ]
    rules.append(f"{OWN} {deny}")
    rules += [f"{family} daddr @never{version} {deny}" for version, (family, _) in FAMILIES.items()]
    rules.append("accept" if ports is None else f"tcp dport {{ {', '.join(map(str, ports))} }} accept")
    return [*rules, deny] if ports is not None else rules


def _noted(group: int) -> list[str]:
    return [
        f"add @d{version}_{group} {{ {family} daddr . meta l4proto . th dport counter }}"
        for version, (family, _) in FAMILIES.items()
    ]


def _refusals(counter: str = "") -> list[str]:
    """A refusal that the guest hears at once; a live connection that is no longer allowed ends."""
    return [
        f"meta l4proto tcp {counter}reject with tcp reset",
        f"{counter}reject with icmpx admin-prohibited",
    ]


def _chain(name: str, *rules: str) -> list[str]:
    """A chain with exactly these rules, whatever it had."""
    plain = name.split(" ", 1)[0]
    return [
        f"add chain {TABLE} {name}",
        f"flush chain {TABLE} {plain}",
        *(f"add rule {TABLE} {plain} {rule}" for rule in rules),
    ]


def _filled(name: str, shape: str, elements: Iterable[str]) -> list[str]:
    listed = ", ".join(elements)
    lines = [f"add set {TABLE} {name} {{ {shape} }}", f"flush set {TABLE} {name}"]
    return [*lines, f"add element {TABLE} {name} {{ {listed} }}"] if listed else lines
