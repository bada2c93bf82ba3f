"""Which interpreter a script wants: its shebang's, or the one its form says."""

import re
from dataclasses import dataclass
from typing import Literal

FIRST_COMMENT = re.compile(r"[ \t\n]*(/\*|--)?", re.ASCII)
REXX_PROGRAM = re.compile(r"(rexx|rexxjs|regina|oorexx)(-[0-9a-z.-]+)?", re.ASCII)
REXX_SUFFIXES = (".rexx", ".rex", ".rx")


@dataclass(frozen=True, slots=True)
class Interpreter:
    """`kind` says who runs it: a REXX runtime, `sh`, or the program of a shebang.

    `argv` is what the shebang names, split as the kernel does (program and at most one argument);
    `("rexx",)` or `("/bin/sh",)` without one. REXX is fed `by_stdin` where the runtime has such a form;
    others get a file, because what they start may read standard input itself.
    """

    kind: Literal["rexx", "sh", "shebang"]
    argv: tuple[str, ...]

    @property
    def by_stdin(self) -> bool:
        return self.kind == "rexx"


REXX = Interpreter("rexx", ("rexx",))
SH = Interpreter("sh", ("/bin/sh",))


def interpreter_of(text: str, *, name: str = "") -> Interpreter:
    """From the script's text and, where its form is open, the ending of its file name."""
    argv = shebang_argv(text)
    if argv:
        is_rexx = REXX_PROGRAM.fullmatch(program_of(argv)) is not None
        return Interpreter("rexx" if is_rexx else "shebang", argv)
    first = FIRST_COMMENT.match(text)
    mark = first[1] if first else None
    if mark == "/*" or name.lower().endswith(REXX_SUFFIXES):
        return REXX
    return REXX if mark == "--" and not name.lower().endswith(".sh") else SH


def shebang_argv(text: str) -> tuple[str, ...]:
    """What a first line `#!…` names; empty without one."""
    if not text.startswith("#!"):
        return ()
    line = text[2:].partition("\n")[0].strip(" \t")
    program, _, argument = line.replace("\t", " ").partition(" ")
    return tuple(part for part in (program, argument.strip(" ")) if part)


def program_of(argv: tuple[str, ...]) -> str:
    """The bare name of the program, seen through `/usr/bin/env`."""
    program = argv[0].rpartition("/")[2]
    if program != "env" or len(argv) == 1:
        return program
    words = [word for word in argv[1].split(" ") if word and not word.startswith("-") and "=" not in word]
    return words[0].rpartition("/")[2] if words else program
