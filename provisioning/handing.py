"""How parameters reach a script in its guest: in the first line of what the guest's shell is fed.

They stand in no command, so no process list shows them, neither the host's nor, for those of the environment,
the guest's. The shell reads exactly that line, sets variables and arguments from it, and goes on; every byte
that might mean something is written as octal digits.

Example::

    handed(launch, run).stdin        # b"set --; TOKEN=$(printf …); export TOKEN; …\\n#!/bin/sh …"
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from cowweb.errors import DomainError
from provisioning.launch import Launch
from provisioning.models import Run
from provisioning.sealed import secrets_of

PLAIN = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./:@,=+-")
READ = 'IFS= read -r cowweb_line || exit 125; eval "$cowweb_line"; unset cowweb_line cowweb_value; '


def handed(launch: Launch, run: Run) -> Launch:
    """The launch with the run's parameters; as it is without any."""
    if not run.parameters:
        return launch
    values = values_to_hand(run.parameters, secrets_of(run.pk))
    line = "set --; " + "".join(statement(name, text) for name, text in values)
    return replace(launch, command=READ + launch.command, stdin=line.encode() + b"\n" + launch.stdin)


def values_to_hand(
    parameters: Sequence[Mapping[str, Any]], secrets: Mapping[str, str]
) -> Iterator[tuple[str, str | None]]:
    """Names and texts; a flag has none, and is left out while it is off. A secret that is gone is said."""
    for one in parameters:
        name, kind = one["name"], one["kind"]
        if kind == "secret" and name not in secrets:
            raise DomainError(
                f"The secret {name} was deleted when the run ended: run the script again with it",
                field="parameters",
            )
        text = secrets[name] if kind == "secret" else one["value"]
        if kind != "flag" or name[0].isupper():
            yield name, text
        elif text == "true":
            yield name, None


def statement(name: str, text: str | None) -> str:
    """Sets one variable or adds one argument. The dot keeps the shell from dropping line ends."""
    if text is None:
        return f'set -- "$@" --{name}; '
    value = f"cowweb_value=$(printf '%b.' '{octal(text)}'); cowweb_value=${{cowweb_value%.}}; "
    if name[0].isupper():
        return f"{value}{name}=$cowweb_value; export {name}; "
    return f'{value}set -- "$@" --{name} "$cowweb_value"; '


def octal(text: str) -> str:
    return "".join(chr(byte) if byte in PLAIN else f"\\0{byte:03o}" for byte in text.encode())
