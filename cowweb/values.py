"""The small values users type, checked the same way everywhere: names, memory, cpus, ports.

Each function takes the text and returns the value, or raises `InvalidValue` whose message says what
would be right. Only plain ASCII counts: `int()` would take full-width digits and underscores.

Example::

    memory_mb("2GiB")     # 2048
    machine_name("Bad")   # InvalidValue: 'Bad' is not a name: use …
"""

import re
import secrets
import string
import time
from collections.abc import Iterable, Iterator

from cowweb.wording import joined

NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)
ALIAS = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)
SCRIPT_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?", re.ASCII)
MEMORY = re.compile(r"([0-9]{1,9})(?:(m|g|t)(?:i?b)?)?", re.ASCII | re.IGNORECASE)
DIGITS = re.compile(r"[0-9]{1,9}", re.ASCII)
UNIT_MB = {"": 1, "m": 1, "g": 1024, "t": 1024 * 1024}
SHOWN_CHARACTERS = 60
MOST_PORT = 65535
NAMED = 8  # wrong parts of a list that are named one by one


class InvalidValue(ValueError):
    """The text is not a value of this kind; the message says what would be."""


def shown(text: str) -> str:
    """The text, quoted and short enough for a message."""
    return repr(text if len(text) <= SHOWN_CHARACTERS else text[: SHOWN_CHARACTERS - 1] + "…")


def machine_name(text: str) -> str:
    """An RFC 1123 label."""
    if not NAME.fullmatch(text):
        raise InvalidValue(
            f"{shown(text)} is not a name: use 1 to 63 of a-z, 0-9 and '-', "
            "beginning and ending with a letter or digit"
        )
    return text


def script_name(text: str) -> str:
    """A name as files have it, without a folder."""
    if not SCRIPT_NAME.fullmatch(text):
        raise InvalidValue(
            f"{shown(text)} is not a name of a script: use 1 to 63 of A-Z, a-z, 0-9, '.', '_' and '-', "
            "beginning and ending with a letter or digit"
        )
    return text


def memory_mb(text: str) -> int:
    """MiB of memory from `512M`, `2G`, `2GiB` or a bare number of MiB; at least 1."""
    match = MEMORY.fullmatch(text)
    if not match or not int(match[1]):
        raise InvalidValue(f"{shown(text)} is not an amount of memory: write 512M, 2G or a number of MiB")
    return int(match[1]) * UNIT_MB[(match[2] or "").lower()]


def whole_number(text: str, *, least: int, most: int, what: str) -> int:
    """A whole number in plain digits between `least` and `most`, both included."""
    if not DIGITS.fullmatch(text) or not least <= int(text) <= most:
        raise InvalidValue(f"{shown(text)} is not {what}: write a whole number from {least} to {most}")
    return int(text)


def named(words: Iterable[str]) -> str:
    """`a, b and c`; of very many the first ones, and how many more there are."""
    each = list(dict.fromkeys(words))
    if len(each) > NAMED:
        each = [*each[:NAMED], f"{len(each) - NAMED} more"]
    return joined(each)


def port_list(text: str) -> tuple[int, ...]:
    """TCP ports, comma separated, each once. A refusal names every part that is wrong."""
    ports: dict[int, None] = {}  # ordered; a list would be searched once per port
    others, again = [], []
    for part in (part.strip(" \t") for part in text.split(",")):
        try:
            port = whole_number(part, least=1, most=MOST_PORT, what="a TCP port")
        except InvalidValue:
            others.append(shown(part))
            continue
        if port in ports:
            again.append(f"port {port}")
        ports[port] = None
    if others or again:
        raise InvalidValue("; ".join(ports_refused(others, again)))
    return tuple(ports)


def ports_refused(others: list[str], again: list[str]) -> Iterator[str]:
    if others[1:]:
        yield f"{named(others)} are not TCP ports: write whole numbers from 1 to {MOST_PORT}"
    elif others:
        yield f"{others[0]} is not a TCP port: write a whole number from 1 to {MOST_PORT}"
    if again:
        verb = "are" if len(set(again)) > 1 else "is"
        yield f"{named(again)} {verb} given twice"


def egress_ports(text: str) -> tuple[int, ...] | None:
    """What a guest may connect to: `open` (None), `none` (nothing) or a list of TCP ports."""
    if text in ("open", "none"):
        return None if text == "open" else ()
    try:
        return port_list(text)
    except InvalidValue as error:
        raise InvalidValue(f"{error}; or `open`, or `none` alone") from error


def egress_text(ports: Iterable[int] | None) -> str:
    """As it is written: `open`, `none` or `443,8080`."""
    return "open" if ports is None else ",".join(map(str, ports)) or "none"


def base_reference(text: str) -> tuple[str, str | None]:
    """The name of a base, and the revision or alias after `@` where one is given."""
    name, at, revision = text.partition("@")
    machine_name(name)
    if at and not ALIAS.fullmatch(revision):
        whole_number(revision, least=1, most=999_999_999, what="a revision of a base")
    return name, revision if at else None


def alias_name(text: str) -> str:
    """A name for a revision: a label that begins with a letter, so that it is never taken for a number."""
    if not ALIAS.fullmatch(text):
        raise InvalidValue(
            f"{shown(text)} is not an alias: use 1 to 63 of a-z, 0-9 and '-', beginning with a letter"
        )
    return text


def generated_name(prefix: str = "clone") -> str:
    """A fresh name such as `clone-1763884800-k3f9`."""
    letters = "".join(secrets.choice(string.ascii_lowercase + string.digits) for _ in range(4))
    return f"{prefix}-{int(time.time())}-{letters}"
