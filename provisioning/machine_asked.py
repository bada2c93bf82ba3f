"""The machine a run gets, row by row: what its script says, and what whoever runs it wants instead."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from bases.models import BaseImage
from cowweb.drawing import MIB
from cowweb.values import InvalidValue, memory_mb, port_list, whole_number
from cowweb.wording import size
from provisioning.header import Header
from provisioning.header.keys import MOST_CPUS, MOST_TIMEOUT_S
from provisioning.models import Run

NOT_STATED = "not stated"
LABELS = {
    "base": "Base",
    "memory": "Memory",
    "cpus": "CPUs",
    "ports": "Ports in",
    "timeout": "Time limit",
}


@dataclass(frozen=True, slots=True)
class Row:
    """`said` is the script's own word, where another is used; `note` is where the used one is from."""

    key: str
    label: str
    used: str
    said: str = ""
    note: str = ""

    @property
    def is_changed(self) -> bool:
        return bool(self.said)

    @property
    def is_stated(self) -> bool:
        """Whether the script says anything where another value is used."""
        return self.said != NOT_STATED


def rows_asked(header: Header, base: BaseImage | None, wishes: Mapping[str, str]) -> list[Row]:
    """As it is being written: wishes that make no sense yet count as none."""
    said = said_by(header)
    wanted = {key: value for key, value in wishes_read(wishes).items() if value != said[key]}
    of_base = {"memory": base.memory_mb, "cpus": base.cpus} if base else {}
    rows = []
    for key, label in LABELS.items():
        if key in wanted:
            rows.append(Row(key, label, in_words(key, wanted[key]), in_words(key, said[key])))
        elif said[key] is None and key in of_base:
            rows.append(Row(key, label, in_words(key, of_base[key]), note="the base's"))
        else:
            rows.append(Row(key, label, in_words(key, said[key])))
    return rows


def rows_used(run: Run) -> list[Row]:
    """As it was."""
    used: dict[str, Any] = {
        "base": run.base_reference,
        "memory": run.memory_mb,
        "cpus": run.cpus,
        "ports": run.clone.ports if run.clone else [],
        "timeout": run.timeout_s,
    }
    said = {key: in_words(key, values[0]) for key, values in run.overrides.items()}
    return [Row(key, label, in_words(key, used[key]), said.get(key, "")) for key, label in LABELS.items()]


def said_by(header: Header) -> dict[str, Any]:
    return {
        "base": header.base_reference or None,
        "memory": header.memory_mb,
        "cpus": header.cpus,
        "ports": list(header.ingress_ports),
        "timeout": header.timeout_s,
    }


def wishes_read(wishes: Mapping[str, str]) -> dict[str, Any]:
    readers: dict[str, Callable[[str], Any]] = {
        "base": str,
        "memory": memory_mb,
        "cpus": lambda text: whole_number(text, least=1, most=MOST_CPUS, what="a number of cpus"),
        "ports": lambda text: [] if text == "none" else list(port_list(text)),
        "timeout": lambda text: whole_number(text, least=1, most=MOST_TIMEOUT_S, what="a time"),
    }
    found = {}
    for key, read in readers.items():
        with suppress(InvalidValue):
            if wishes.get(key):
                found[key] = read(wishes[key])
    return found


def in_words(key: str, value: Any) -> str:
    if key == "ports":
        return ", ".join(map(str, value)) or "none"
    if value in (None, ""):
        return NOT_STATED
    if key == "memory":
        return size(value * MIB)
    return f"{value} s" if key == "timeout" else str(value)
