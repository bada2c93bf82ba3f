"""Splits a command line into words. Spaces separate; quotes hold a whole value together; nothing else means
anything.

A word is `[key=]value`, the value bare or in one pair of quotes. Splitting never fails: what is wrong with a
word stands in its `fault`, so that the command bar can read a line that is still being typed.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

WORD = re.compile(
    r"""(?P<key>[^\s="']*)(?P<equals>=?)(?:"(?P<double>[^"]*)(?P<ended2>"?)|'(?P<single>[^']*)(?P<ended1>'?)|"""
    r"""(?P<bare>[^ ]*))(?P<tail>[^ ]*)"""
)


@dataclass(frozen=True, slots=True)
class Word:
    start: int
    end: int
    key: str  # empty where there is no "="
    value: str
    fault: str = ""


def words(text: str) -> Iterator[Word]:
    """The words of a line, from the left."""
    position = 0
    while position < len(text):
        if text[position] == " ":
            position += 1
            continue
        match = WORD.match(text, position)
        if match is None or match.end() == position:
            return
        yield word_of(match)
        position = match.end()


def word_of(match: re.Match[str]) -> Word:
    quoted = match["double"] if match["double"] is not None else match["single"]
    value = quoted if quoted is not None else match["bare"]
    key = match["key"] if match["equals"] else ""
    if not match["equals"]:
        value = match["key"] + value
    return Word(match.start(), match.end(), key, value, fault(match, is_quoted=quoted is not None))


def fault(match: re.Match[str], *, is_quoted: bool) -> str:
    shown_at = f"at column {match.start() + 1}"
    if not is_quoted:
        has_quote = '"' in match["bare"] or "'" in match["bare"]
        return f"a quote inside the value {shown_at}: put the whole value in quotes" if has_quote else ""
    if not (match["ended2"] or match["ended1"]):
        return f"unclosed quote {shown_at}: end the value with the quote it began with"
    if match["tail"]:
        return f"text right after the closing quote {shown_at}: put a space between"
    if not match["equals"]:
        return f"a quote without a key {shown_at}: write key='value'"
    return ""
