"""The verbs about what a clone may reach, and what of it may be reached."""

from clones.egress import egress_set
from clones.named import clone_named
from clones.ports import port_forward
from commands.base_verbs import number
from commands.keys import MOST_LINK, MOST_PORT
from commands.language import Command
from commands.service import Caller, Result
from cowweb.values import egress_ports, egress_text
from links.services import LONGEST_HOURS, link_address, link_create, link_of, link_revoke


def set_egress(command: Command, caller: Caller) -> Result:
    one = clone_named(command.values["name"], caller.actor)
    ports = egress_ports(command.values["egress_ports"])
    egress_set(clone=one, ports=ports, actor=caller.actor)
    return {
        "output": f"{one.name} may connect to {reach(ports)}",
        "vm": one.name,
        "egress": egress_text(ports),
        "denied": one.denied_attempts,
    }


def reach(ports: tuple[int, ...] | None) -> str:
    if ports is None:
        return "everything but the host and its other machines"
    return f"TCP port{'s' if len(ports) > 1 else ''} {', '.join(map(str, ports))}" if ports else "nothing"


def forward(command: Command, caller: Caller) -> Result:
    one = clone_named(command.values["name"], caller.actor)
    port = number(command.values["port"], key="port", most=MOST_PORT)
    host = port_forward(clone=one, port=port, actor=caller.actor)
    return {
        "output": f"Port {port} of {one.name} is 127.0.0.1:{host} on the host",
        "vm": one.name,
        "port": port,
        "url": f"http://127.0.0.1:{host}/",
    }


def share_port(command: Command, caller: Caller) -> Result:
    one = clone_named(command.values["name"], caller.actor)
    port = number(command.values["port"], key="port", most=MOST_PORT)
    hours = number(command.values.get("hours", "24"), key="hours", most=LONGEST_HOURS)
    link = link_create(clone=one, port=port, hours=hours, actor=caller.actor)
    url = link_address(link)
    return {
        "output": f"Whoever has {url} may use port {port} of {one.name} for {hours} h",
        "vm": one.name,
        "port": port,
        "link": link.pk,
        "url": url,
        "expires": link.expires_at.isoformat(),
    }


def revoke_link(command: Command, caller: Caller) -> Result:
    one = clone_named(command.values["name"], caller.actor)
    link = link_of(one, number(command.values["link"], key="link", most=MOST_LINK))
    link_revoke(link=link, actor=caller.actor)
    return {
        "output": f"Link {link.pk} to port {link.port} of {one.name} is revoked",
        "vm": one.name,
        "link": link.pk,
    }
