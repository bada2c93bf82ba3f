"""Guest output is hostile text: what is kept of it, line by line.

UTF-8 is decoded as it comes; every escape sequence but colours (SGR) is dropped; control characters become
visible marks; a line longer than 8 KiB is cut with a mark.

Example::

    cleaner = Cleaner()
    cleaner.lines(b"\\x1b[2Jhel")   # []
    cleaner.lines(b"lo\\n")         # ["hello"]
    cleaner.rest()                 # what came after the last newline, at the end
"""

import codecs
import re
from collections.abc import Callable

LINE_CHARACTERS = 8192
CUT_MARK = " … [cut: the line is longer than 8 KiB]"

ESCAPE = re.compile(
    r"\x1b\[(?P<sgr>[0-9;:]{0,64}m)"  # kept: colours
    r"|\x1b\[[0-?]*[ -/]*[@-~]?"  # other control sequences
    r"|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\|$)"  # strings: titles, clipboard, links
    r"|\x1b[ -/]*[0-~]?"  # the rest
    r"|\x9b[0-?]*[ -/]*[@-~]?"
)
CONCEAL = "8"
LONG, LONG_COLOURS = ("38", "48", "58"), {"5": 2, "2": 4}  # a colour by its number, or by three of them
COLOUR = re.compile(r"\x1b\[[0-9;:]*m")
CONTROLS = {
    code: "\N{SYMBOL FOR NULL}" if code == 0 else "" for code in range(0x20) if chr(code) not in "\t\x1b"
}
CONTROLS |= dict.fromkeys((*range(127, 160), 8232, 8233, 65279), "")
CONTROLS |= dict.fromkeys((*range(8234, 8239), *range(8294, 8298)), "�")


class Cleaner:
    """One stream's state between its pieces. Memory stays below two lines."""

    def __init__(self, veil: Callable[[str], str] = str, longest: int = 0) -> None:
        """`veil` is laid over each line before it is cut, so that no part of what it hides is left: neither
        at the end of what is held of a line, where the `longest` that it hides may have begun."""
        self.veil, self.longest = veil, longest
        self.decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self.partial = ""
        self.is_cut = False

    def lines(self, data: bytes) -> list[str]:
        """The lines that these bytes complete."""
        *complete, last = self.decoder.decode(data).split("\n")
        done = [self.finished(part) for part in complete]
        self.keep(last)
        return done

    def rest(self) -> list[str]:
        """The unfinished last line, if there is one."""
        self.keep(self.decoder.decode(b"", final=True))
        return [self.finished("")] if self.partial or self.is_cut else []

    def keep(self, part: str) -> None:
        room = LINE_CHARACTERS * 2 - len(self.partial)
        self.is_cut = self.is_cut or len(part) > room
        self.partial += part[: max(room, 0)]

    def finished(self, part: str) -> str:
        self.keep(part)
        line = self.veil(cleaned(self.partial))
        if self.is_cut and self.longest:
            line = line[: -self.longest]
        is_cut = self.is_cut or len(line) > LINE_CHARACTERS
        self.partial, self.is_cut = "", False
        return line[:LINE_CHARACTERS] + CUT_MARK if is_cut else line


def cleaned(line: str) -> str:
    """One line without what could move, forge or hide; a carriage return shows what was written last."""
    line = line.rstrip("\r").rpartition("\r")[2]
    return ESCAPE.sub(lambda match: colour(match["sgr"]), line).translate(CONTROLS)


def colour(sgr: str | None) -> str:
    """What is kept of an escape sequence: colours and the like, and not what hides a text (8)."""
    if not sgr or CONCEAL not in sgr:
        return f"\x1b[{sgr}" if sgr else ""
    kept, rest = [], sgr[:-1].split(";")
    while rest:
        first, *rest = rest
        more = LONG_COLOURS.get(rest[0], 1) if first in LONG and rest else 0
        if more or first.lstrip("0") != CONCEAL:
            kept += [first, *rest[:more]]
        rest = rest[more:]
    return f"\x1b[{';'.join(kept)}m" if kept else ""


def plain_text(text: str) -> str:
    """Several lines without any escape sequence, for where no colours are drawn."""
    return "\n".join(COLOUR.sub("", cleaned(line)) for line in text.split("\n"))
