"""Devices that were plugged into a machine while it ran: what goes on from its state would not have them."""

from collections.abc import Iterator

from hosts.drivers.errors import Refused
from hosts.drivers.qmp_pipeline import Command, QmpPipeline

PLACES = ("/machine/peripheral", "/machine/peripheral-anon")
CHILD = "child<"


def nothing_plugged(monitor: QmpPipeline) -> None:
    """Refused, naming what was plugged in, when anything was."""
    found = sorted({name for place in PLACES for name in plugged(monitor, place)})
    if found:
        raise Refused(
            f"it was given a device while it ran ({', '.join(found)}), which a branch would not have"
        )


def plugged(monitor: QmpPipeline, place: str) -> Iterator[str]:
    (listed,) = monitor.ask(("qom-list", {"path": place}))
    devices = [each for each in listed if each["type"].startswith(CHILD)]
    looks: list[Command] = [
        ("qom-get", {"path": f"{place}/{each['name']}", "property": "hotplugged"}) for each in devices
    ]
    for device, is_plugged in zip(devices, monitor.ask(*looks) if looks else [], strict=True):
        if is_plugged:
            yield device["type"].removeprefix(CHILD).removesuffix(">")
