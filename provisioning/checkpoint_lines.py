"""Lines of a script's output that say how far it has come.

Two forms, alone on their line::

    CHECKPOINT('COPY', 'percent=40 item=users.csv message="rows are copied"')
    CHECKPOINT COPY percent=40 item=users.csv

The keys are free. Known are `percent` (0 to 100; or `item` of `total`, both numbers), `item`, and `message`
(or `status`, `stage`). The text is the guest's: what is too long is cut, what is odd is no checkpoint, and
nothing is an error.
"""

import re
from dataclasses import dataclass, field

WORD = "CHECKPOINT"
LONGEST_LINE = 4096
MOST_KEYS = 20
VALUE_CHARACTERS = 200
NAME = r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,62}"
CALL = re.compile(
    rf"""CHECKPOINT\(\s*(["'])({NAME})\1\s*((?:,\s*(?:'[^']*'|"[^"]*")\s*)*)\)\s*;?""", re.ASCII
)
PLAIN = re.compile(rf"CHECKPOINT:?[ \t]+({NAME})(?:[ \t]+(.*))?", re.ASCII)
ARGUMENT = re.compile(r"'([^']*)'|\"([^\"]*)\"")
PAIR = re.compile(r"""([A-Za-z_][A-Za-z0-9_.-]{0,39})=("[^"]*"|'[^']*'|[^\s"']*)""", re.ASCII)
NUMBER = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,6})?", re.ASCII)
MESSAGE_KEYS = ("message", "status", "stage")


@dataclass(frozen=True, slots=True)
class Said:
    """One checkpoint."""

    name: str
    params: dict[str, str] = field(default_factory=dict)

    @property
    def percent(self) -> float | None:
        """From 0 to 100; None when the script did not say."""
        said = number(self.params.get("percent", "").rstrip("%"))
        if said is None:
            item, total = number(self.params.get("item", "")), number(self.params.get("total", ""))
            said = item * 100 / total if item is not None and total else None
        return None if said is None else min(said, 100.0)

    @property
    def item(self) -> str:
        item, total = self.params.get("item", ""), self.params.get("total", "")
        return f"{item} of {total}" if item and total else item

    @property
    def message(self) -> str:
        return next((self.params[key] for key in MESSAGE_KEYS if self.params.get(key)), "")


def checkpoint_in(line: str) -> Said | None:
    """The checkpoint that a line of output is; None for every other line. Linear in the line."""
    line = line.strip(" \t")
    if not line.startswith(WORD) or len(line) > LONGEST_LINE:
        return None
    if call := CALL.fullmatch(line):
        arguments = " ".join(match[1] or match[2] or "" for match in ARGUMENT.finditer(call[3]))
        return Said(call[2], pairs(arguments))
    plain = PLAIN.fullmatch(line)
    return Said(plain[1], pairs(plain[2] or "")) if plain else None


def pairs(text: str) -> dict[str, str]:
    """The first twenty `key=value`; words that are none are passed over."""
    found: dict[str, str] = {}
    for match in PAIR.finditer(text):
        if len(found) >= MOST_KEYS:
            break
        value = match[2]
        quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "\"'"
        found[match[1].lower()] = shown(value[1:-1] if quoted else value)
    return found


def shown(value: str) -> str:
    return "".join(c for c in value[:VALUE_CHARACTERS] if c.isprintable())


def number(text: str) -> float | None:
    return float(text) if NUMBER.fullmatch(text) else None
