"""Two texts compared line by line, with what is equal folded away.

Example::

    [(row.kind, row.text) for row in compared("a\\nb\\n", "a\\nc\\n").rows]   # same a, gone b, new c
"""

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

CONTEXT_LINES = 3
MOST_LINES = 4000  # beyond their common beginning and end; comparing costs their product at worst


@dataclass(frozen=True, slots=True)
class Row:
    """`kind`: same, gone, new or fold; a fold stands for `text` equal lines."""

    kind: str
    text: str
    old: int | None = None
    new: int | None = None


@dataclass(frozen=True, slots=True)
class Difference:
    """Its rows, and how many lines came and went. `too_large`: the texts differ in more than can be shown."""

    rows: list[Row] = field(default_factory=list)
    added: int = 0
    removed: int = 0
    too_large: bool = False

    @property
    def is_none(self) -> bool:
        return not (self.added or self.removed or self.too_large)


def compared(old: str, new: str) -> Difference:
    """What became of the old text."""
    before, after = old.splitlines(), new.splitlines()
    head = common(before, after)
    tail = common(before[head:][::-1], after[head:][::-1])
    middle = before[head : len(before) - tail], after[head : len(after) - tail]
    if max(map(len, middle)) > MOST_LINES:
        return Difference(too_large=True)
    blocks = difflib.SequenceMatcher(None, *middle, autojunk=True).get_opcodes()
    rows = [*sames(before, 0, head, 0)]
    for tag, i1, i2, j1, j2 in blocks:
        if tag == "equal":
            rows += sames(before, head + i1, head + i2, j1 - i1)
            continue
        rows += [Row("gone", before[head + i], old=head + i + 1) for i in range(i1, i2)]
        rows += [Row("new", after[head + j], new=head + j + 1) for j in range(j1, j2)]
    rows += sames(before, len(before) - tail, len(before), len(after) - len(before))
    kinds = [row.kind for row in rows]
    return Difference(list(folded(rows)), kinds.count("new"), kinds.count("gone"))


def common(first: Sequence[str], second: Sequence[str]) -> int:
    """How many lines both begin with."""
    count = 0
    for one, other in zip(first, second, strict=False):
        if one != other:
            break
        count += 1
    return count


def sames(lines: list[str], start: int, end: int, shift: int) -> Iterator[Row]:
    return (Row("same", lines[at], at + 1, at + 1 + shift) for at in range(start, end))


def folded(rows: list[Row]) -> Iterator[Row]:
    """Long stretches of equal lines become one row between what stands around the changes."""
    near = {
        at + by
        for at, row in enumerate(rows)
        if row.kind != "same"
        for by in range(-CONTEXT_LINES, CONTEXT_LINES + 1)
    }
    hidden = 0
    for at, row in enumerate(rows):
        if at in near:
            if hidden:
                yield Row("fold", str(hidden))
            hidden = 0
            yield row
        else:
            hidden += 1
    if hidden:
        yield Row("fold", str(hidden))
