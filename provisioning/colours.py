"""The colours that a line of guest output leaves behind for the next, so that any line can be drawn alone.

Example::

    coloured_after({}, [("stdout", 0, "\\x1b[31mred")])   # {"stdout": "\\x1b[31m"}
"""

import re
from collections.abc import Iterable, Mapping

Colours = dict[str, str]

SGR = re.compile(r"\x1b\[([0-9;:]*)m")
RESETS = ("", "0", "00")
MOST = 12  # sequences kept in force; a guest that never resets keeps its latest


def plain(text: str) -> str:
    return SGR.sub("", text) if "\x1b" in text else text


def coloured_after(colours: Mapping[str, str], lines: Iterable[tuple[str, int, str]]) -> Colours:
    """What is in force after these lines, by stream; a stream without colours has no entry."""
    after = dict(colours)
    for stream, _, text in lines:
        if "\x1b" in text:
            after[stream] = "".join(in_force(SGR.findall(after.get(stream, "") + text)))
    return {stream: sequences for stream, sequences in after.items() if sequences}


def in_force(parameters: list[str]) -> list[str]:
    """The sequences since the last reset."""
    last = max((at for at, one in enumerate(parameters) if one in RESETS), default=-1)
    return [f"\x1b[{one}m" for one in parameters[last + 1 :]][-MOST:]
