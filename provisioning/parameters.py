"""The values that a run's script is given: checked against what its header declares.

Example::

    given = parameters_read("--region eu-1 REPLICAS=3")
    values = values_of(parsed.header.params, given)      # with the defaults of what was not given
    [value.stored() for value in values]                 # what may be kept and shown: no secret
"""

import difflib
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cowweb.errors import DomainError
from cowweb.values import InvalidValue, shown
from provisioning.header import Param
from provisioning.header.params import parameter_name

FIELD = "parameters"
MOST = 100
MOST_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Value:
    """One parameter of a run. `text` of a secret leaves this process only sealed, or towards its guest."""

    name: str
    kind: str
    text: str = field(repr=False)
    given: bool

    @property
    def is_secret(self) -> bool:
        return self.kind == "secret"

    def stored(self) -> dict[str, Any]:
        value = None if self.is_secret else self.text
        return {"name": self.name, "kind": self.kind, "value": value, "given": self.given}


def parameters_read(text: str) -> dict[str, str]:
    """The values of a line such as `--region eu-1 --verbose REPLICAS=3`."""
    try:
        words = shlex.split(text)
    except ValueError:
        raise refused("the quotes are not closed") from None
    found: dict[str, str] = {}
    while words:
        name, value = taken(words)
        if name in found:
            raise refused(f"{name} is given twice")
        found[name] = value
    return found


def taken(words: list[str]) -> tuple[str, str]:
    """Takes the next parameter's words away. A word that is none of them is not quoted: it may be secret."""
    word = words.pop(0)
    name, equals, value = word.removeprefix("--").partition("=")
    if not word.startswith("--"):
        if not equals:
            raise refused("a word is no parameter: write --name value or NAME=value")
        return name, value
    if equals:
        return name, value
    return name, "true" if not words or words[0].startswith("--") else words.pop(0)


def values_of(declared: Sequence[Param], given: Mapping[str, str]) -> tuple[Value, ...]:
    """Every parameter of the run, or all that is wrong with them at once."""
    known = {param.name: param for param in declared} or {name: Param(name) for name in given}
    wrong = [unknown(name, known) for name in given if name not in known]
    values = []
    for name, param in known.items():
        try:
            values.append(value_of(param, given.get(name)))
        except InvalidValue as error:
            wrong.append(str(error))
    if wrong:
        raise refused("; ".join(wrong))
    if len(values) > MOST or sum(len(value.text.encode()) for value in values) > MOST_BYTES:
        raise refused(f"a run takes at most {MOST} of them, of {MOST_BYTES // 1024} KiB together")
    return tuple(values)


def value_of(param: Param, text: str | None) -> Value:
    parameter_name(param.name)
    if text is None or (text == "" and param.kind != "text"):
        if param.default is None:
            raise InvalidValue(f"{param.name} has no default and was not given")
        return Value(param.name, param.kind, param.default, given=False)
    return Value(param.name, param.kind, param.read(text), given=text != param.default)


def unknown(name: str, known: Mapping[str, Param]) -> str:
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    did = f"; did you mean {close[0]}?" if close else ""
    return f"{shown(name)} is not among its parameters ({', '.join(known)}){did}"


def refused(words: str) -> DomainError:
    return DomainError(f"{FIELD}: {words}", field=FIELD)


def shown_values(values: Sequence[Value]) -> dict[str, str]:
    """What the record may say of them."""
    return {value.name: "…" if value.is_secret else value.text for value in values}
