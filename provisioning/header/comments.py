"""The lines of a script's leading comments, up to the first line of code.

Block comments nest as in REXX where that comes out even; otherwise they end at the first `*/`, as RexxJS
has it.
Every character is looked at a bounded number of times: a nested reading that comes out uneven is not tried
again, and only the first block comment of all is looked for beyond the header's limits.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

MAX_LINES = 50
MAX_BYTES = 16 * 1024
BLANK = re.compile(r"[ \t\n]*", re.ASCII)
DELIMITER = re.compile(r"/\*|\*/", re.ASCII)


@dataclass(frozen=True, slots=True)
class CommentLine:
    """One line of a comment, without the comment's own marks."""

    line: int
    text: str
    has_inner: bool = False  # the comment has another one inside, so that readers disagree where it ends


def header_end(text: str) -> int:
    """The index after which nothing belongs to the header: the 50th line's end, or 16 KiB."""
    end = len(text[:MAX_BYTES].encode(errors="replace")[:MAX_BYTES].decode(errors="ignore"))
    position = -1
    for _ in range(MAX_LINES):
        position = text.find("\n", position + 1, end)
        if position < 0:
            return end
    return position


class Comments:
    """Reads the leading comments; afterwards `unclosed_at` has the line of a comment that never ends."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.end = header_end(text)
        self.position = 0
        self.line = 1
        self.nests = True
        self.unclosed_at: int | None = None

    def lines(self) -> Iterator[CommentLine]:
        """Every comment line that ends inside the header's limits."""
        if self.text.startswith("#!"):
            self.advance(self.line_end(0))
        while self.position < self.end:
            blank = BLANK.match(self.text, self.position, self.end)
            self.advance(blank.end() if blank else self.position)
            if self.position >= self.end:
                return
            if self.text.startswith("/*", self.position):
                yield from self.block()
            elif self.starts_line_comment():
                yield from self.one_line()
            else:
                return

    def starts_line_comment(self) -> bool:
        """`--` may also follow a comment on its line; `#` would be code there."""
        if self.text.startswith("--", self.position):
            return True
        start = self.text.rfind("\n", 0, self.position) + 1
        return self.text.startswith("#", self.position) and not self.text[start : self.position].strip(" \t")

    def one_line(self) -> Iterator[CommentLine]:
        mark = 1 if self.text[self.position] == "#" else 2
        stop = self.line_end(self.position)
        if stop <= self.end:
            yield CommentLine(self.line, self.text[self.position + mark : stop])
        self.advance(stop)

    def block(self) -> Iterator[CommentLine]:
        start = self.position + 2
        stop = self.closing(start)
        if stop < 0:
            self.unclosed_at = self.unclosed_at or self.line
            stop = self.line_end(start)  # read on below it, so that the other problems are told too
            after = stop
        else:
            after = stop + 2
        visible = self.text[start : min(stop, self.end + 1)]
        has_inner = "/*" in visible
        at = start
        for number, part in enumerate(visible.split("\n"), self.line):
            at += len(part)
            if at <= self.end:
                yield CommentLine(number, part, has_inner)
            at += 1
        self.advance(after)

    def closing(self, start: int) -> int:
        """Where the `*/` stands that ends the comment whose text starts here; -1 for nowhere."""
        if self.unclosed_at:
            return -1
        if self.nests:
            depth = 1
            for found in DELIMITER.finditer(self.text, start, self.end):
                depth += 1 if found[0] == "/*" else -1
                if not depth:
                    return found.start()
            self.nests = False
        return self.text.find("*/", start)

    def line_end(self, position: int) -> int:
        found = self.text.find("\n", position)
        return len(self.text) if found < 0 else found

    def advance(self, position: int) -> None:
        self.line += self.text.count("\n", self.position, position)
        self.position = position
