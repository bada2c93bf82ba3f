"""What may stand at the cursor of a command line: verbs, keys, and what kind of value.

Names of bases, clones and scripts come from elsewhere: `names` says which kind is wanted.

Example::

    complete("clone ba", 8)       # Completion(start=6, end=8, prefix="ba", options=(Option("base=", …),))
    complete("clone base=d", 12)  # Completion(start=11, end=12, prefix="d", key="base", names="bases")
"""

from dataclasses import dataclass

from commands.keys import Verb
from commands.verbs import VERBS
from commands.words import Word, words


@dataclass(frozen=True, slots=True)
class Option:
    text: str
    hint: str


@dataclass(frozen=True, slots=True)
class Completion:
    """Replace `text[start:end]` by an option, or by a name of the kind `names`."""

    start: int
    end: int
    prefix: str
    options: tuple[Option, ...] = ()
    verb: str = ""
    key: str = ""
    names: str = ""


def complete(text: str, cursor: int) -> Completion:
    """What may be written at the cursor. Never fails, however unfinished the line is."""
    cursor = max(0, min(cursor, len(text)))
    before = list(words(text[:cursor]))
    at = before.pop() if before and before[-1].end == cursor else None
    word = at or Word(cursor, cursor, "", "")
    if not before:
        return verbs_at(word)
    verb = VERBS.get(before[0].value)
    if verb is None or before[0].key:
        return Completion(word.start, cursor, word.value)
    if word.key:
        return values_at(verb, word)
    used = {seen.key or seen.value for seen in [*before[1:], *words(text[cursor:])]}
    return keys_at(verb, word, used)


def verbs_at(word: Word) -> Completion:
    options = [Option(verb.name, verb.summary) for verb in VERBS.values() if verb.name.startswith(word.value)]
    return Completion(word.start, word.end, word.value, tuple(options))


def keys_at(verb: Verb, word: Word, used: set[str]) -> Completion:
    """The keys that are not there yet, required ones first."""
    if used & {key.name for key in verb.either}:
        used = used | {key.name for key in verb.either}
    options = [
        Option(f"{key.name}=", key.form)
        for key in verb.keys.values()
        if key.name not in used and key.name.startswith(word.value)
    ]
    return Completion(word.start, word.end, word.value, tuple(options), verb.name)


def values_at(verb: Verb, word: Word) -> Completion:
    """The values of this key, or the kind of names it takes."""
    start = word.start + len(word.key) + 1
    key = verb.keys.get(word.key)
    if key is None:
        return Completion(start, word.end, word.value, (), verb.name, word.key)
    options = [Option(value, "") for value in key.words if value.startswith(word.value)]
    return Completion(start, word.end, word.value, tuple(options), verb.name, key.name, key.names)
