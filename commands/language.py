"""The command language: one line, `verb key=value …`, checked before anything is done.

Example::

    command = parse_command("clone base=demo name=web-1 no_start=true")
    command.verb                  # "clone"
    command.values                # {"base": "demo", "name": "web-1", "no_start": "true"}
    command.is_set("no_start")    # True
    parse_command("clone")        # CommandError: clone requires base parameter
"""

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from commands.completion import complete
from commands.keys import Key, Verb
from commands.verbs import VERBS
from commands.words import Word, words
from cowweb.errors import DomainError
from cowweb.values import InvalidValue, shown

__all__ = ["Command", "CommandError", "complete", "parse_command", "spelled"]
MAX_BYTES = 4096
EXTRA_KEY = re.compile(r"[a-z][a-z0-9_]{0,63}", re.ASCII)
BARE = re.compile(r"[^\s\"'=]+")


class CommandError(DomainError):
    """Refused as text. `field` is the key at fault, `verb` the verb where it was a known one."""

    def __init__(self, message: str, *, field: str = "", verb: str = "") -> None:
        super().__init__(message, field=field)
        self.verb = verb


@dataclass(frozen=True, slots=True)
class Command:
    """A line that is right in itself. Values are as typed; `extra` has the further keys of register_base."""

    verb: str
    values: dict[str, str] = field(default_factory=dict)
    extra: dict[str, str] = field(default_factory=dict)

    def is_set(self, flag: str) -> bool:
        return self.values.get(flag) == "true"

    def __str__(self) -> str:
        return spelled(self.verb, {**self.values, **self.extra})


def parse_command(text: str) -> Command:
    """The command on this line; raises `CommandError` with what would be right."""
    characters_checked(text)
    found = list(words(text))
    if not found:
        raise CommandError("the line is empty: write a command, for instance `list_bases`")
    verb = verb_of(found[0])
    values: dict[str, str] = {}
    extra: dict[str, str] = {}
    for word in found[1:]:
        try:
            key, value = pair(verb, word)
            if key in values or key in extra:
                raise CommandError(f"{key}= is given twice: write it once", field=key)
        except CommandError as error:
            error.verb = verb.name
            raise
        (values if key in verb.keys else extra)[key] = value
    required_given(verb, values)
    return Command(verb.name, values, extra)


def characters_checked(text: str) -> None:
    """Refuses what is too long, a second line, and characters that cannot be seen."""
    if len(text) > MAX_BYTES or len(text.encode(errors="replace")) > MAX_BYTES:
        raise CommandError(f"the line is too long: a command may have {MAX_BYTES} bytes (4 KiB)")
    for column, character in enumerate(text, 1):
        if character in "\r\n":
            raise CommandError("a second line: a command is one line")
        if not character.isprintable():
            raise CommandError(
                f"control or exotic white space (U+{ord(character):04X}) at column {column}: "
                "separate words with plain spaces"
            )


def verb_of(word: Word) -> Verb:
    if word.key or word.fault:
        raise CommandError("the line begins with no verb: write `verb key=value …`")
    verb = VERBS.get(word.value)
    if verb is None:
        raise CommandError(
            f"unknown command {shown(word.value)}{nearest(word.value, VERBS)} (`help` lists them)"
        )
    return verb


def pair(verb: Verb, word: Word) -> tuple[str, str]:
    """The key and the checked value of one word."""
    if word.fault:
        raise CommandError(word.fault, field=word.key)
    known = verb.keys
    if not word.key:
        key = known.get(word.value)
        if key is None or not key.is_flag:
            raise CommandError(stray(verb, word))
        return word.value, "true"
    if word.key not in known:
        unknown_accepted(verb, word.key)
    if not word.value.strip(" "):
        form = known[word.key].form if word.key in known else "VALUE"
        raise CommandError(f"{word.key}= has no value: write {word.key}={form}", field=word.key)
    if word.key in known:
        value_checked(known[word.key], word.value)
    return word.key, word.value


def unknown_accepted(verb: Verb, key: str) -> None:
    """Lets a further key of register_base through; refuses any other that the verb does not have."""
    if verb.keeps_extra and EXTRA_KEY.fullmatch(key):
        return
    if verb.keeps_extra:
        right = ": a key is a-z, 0-9 and _, beginning with a letter, at most 64 characters"
    else:
        right = meant(key, verb.keys) if verb.keys else f": {verb.name} takes no keys"
    raise CommandError(f"unknown key {shown(key)} for {verb.name}{right}", field=key)


PRIVATE = {"text", "parameters"}  # a word beside these may be the rest of a secret: it is not repeated


def stray(verb: Verb, word: Word) -> str:
    if word.value in verb.keys:
        return f"{word.value} has no value: write {word.value}={verb.keys[word.value].form}"
    flags = [key.name for key in verb.keys.values() if key.is_flag]
    right = f", or one of its flags ({', '.join(flags)})" if flags else ""
    named = "stray word" if PRIVATE & verb.keys.keys() else f"stray word {shown(word.value)}"
    return f"{named}: write key=value without spaces around `=`{right}; put a value with spaces in quotes"


def value_checked(key: Key, value: str) -> None:
    if key.check is None:
        return
    try:
        key.check(value)
    except InvalidValue as error:
        raise CommandError(
            f"{key.name}={value if len(value) < 60 else '…'}: {error}", field=key.name
        ) from error


def required_given(verb: Verb, values: Mapping[str, str]) -> None:
    given = [key.name for key in verb.either if key.name in values]
    absent = [key.name for key in verb.required if key.name not in values]
    absent += [verb.either[0].name] if verb.either and not given else []
    if absent:
        raise CommandError(verb.missing, field=absent[0], verb=verb.name)
    if len(given) > 1:
        names = " and ".join(f"{name}=" for name in given)
        raise CommandError(f"{names} exclude each other: write one", field=given[1], verb=verb.name)


def meant(word: str, known: Iterable[str]) -> str:
    """Which known word was probably meant, and which there are."""
    names = list(known)
    return f"{nearest(word, names)} (known: {', '.join(names)})"


def nearest(word: str, names: Iterable[str]) -> str:
    close = difflib.get_close_matches(word[:64].lower(), list(names), n=1, cutoff=0.5)
    return f"; did you mean {close[0]}?" if close else ""


def spelled(verb: str, values: Mapping[str, str]) -> str:
    """The line that parses to these values. A value with both kinds of quotes cannot be written."""
    return " ".join([verb, *(f"{key}={quoted(value)}" for key, value in values.items())])


def quoted(value: str) -> str:
    if BARE.fullmatch(value):
        return value
    if '"' not in value:
        return f'"{value}"'
    if "'" in value:
        raise CommandError("a value with both kinds of quotes cannot be written on a command line")
    return f"'{value}'"
