"""Pieces of a page that are drawn once for everyone who looks at them, and kept for seconds.

A piece is found by what it shows, so that it is never another's and never out of date; its relative times are
told anew when it is drawn again, and by the browser meanwhile.

Example::

    rows = {key_of("clone_row", clone.pk, *values_of(clone, ROW_FIELDS)): clone for clone in clones}
    drawn(rows, draw)      # one after the other
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from django.core.cache import caches
from django.utils.safestring import SafeString

T = TypeVar("T")
KEPT_S = 15


def drawn(
    pieces: Mapping[str, T], draw: Callable[[T], str], *, kept: Callable[[T], bool] = bool
) -> SafeString:
    """All of them in order, each as it was drawn a moment ago where it still shows the same. What is not to
    be `kept` is drawn each time."""
    cache = caches["drawn"]
    known = cache.get_many(pieces)
    fresh = {key: draw(piece) for key, piece in pieces.items() if key not in known}
    cache.set_many({key: text for key, text in fresh.items() if kept(pieces[key])}, KEPT_S)
    return SafeString("".join((known | fresh)[key] for key in pieces))


def key_of(kind: str, *shown: object) -> str:
    return f"{kind}.{hashlib.sha256(repr(shown).encode()).hexdigest()}"


def values_of(thing: object, paths: Iterable[str]) -> list[object]:
    """What it has at paths such as `owner__username`; None where something on the way is not there."""
    return [value_of(thing, path) for path in paths]


def value_of(thing: object, path: str) -> object:
    for name in path.split("__"):
        thing = getattr(thing, name, None)
    return thing
