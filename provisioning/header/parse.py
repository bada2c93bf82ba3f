"""Reads a whole script: its text, its header, its interpreter, and everything that is wrong with it."""

from dataclasses import dataclass
from typing import Any

from cowweb.values import InvalidValue, shown
from provisioning.header.comments import CommentLine, Comments
from provisioning.header.filetext import decoded
from provisioning.header.interpreter import Interpreter, interpreter_of
from provisioning.header.keys import KEY, KNOWN, PREFIXES, REPEATABLE, nearest, value_read
from provisioning.header.model import Header, KeyLine, Limits, Problem
from provisioning.header.params import Param

INVISIBLE = "\ufeff\u200b\u200c\u200d\u2060\u00ad"  # zero-width characters that pose as nothing
SHOWN_KEY_CHARACTERS = 60


@dataclass(frozen=True, slots=True)
class Parsed:
    """A script as read. Where there are problems, the header has only what was right."""

    header: Header
    problems: tuple[Problem, ...]
    text: str  # what the guest gets: LF, no BOM
    interpreter: Interpreter
    keys: tuple[KeyLine, ...]

    def line_of(self, key: str) -> int | None:
        """The line that gives this key (`memory`, `egress-ports` …), for marks beside the text."""
        return next((entry.line for entry in self.keys if entry.key == key), None)

    def spelled(self, key: str) -> str | None:
        """The value as it was written."""
        return next((entry.value for entry in self.keys if entry.key == key), None)

    def metadata(self) -> dict[str, Any]:
        """What the header asks for, spelled as the command language's `parse` answers it."""
        header = self.header
        return {
            "vmBase": header.base_reference or None,
            "memory": self.spelled("memory") if header.memory_mb else None,
            "cpus": header.cpus,
            "ingressPort": header.ingress_ports[0] if header.ingress_ports else None,
            "ingressPorts": list(header.ingress_ports),
            "egressPorts": list(header.egress_ports or ()),
            "egress": egress_word(header),
            "timeout": header.timeout_s if header.timeout_given else None,
            "checks": [str(check) for check in header.checks],
            "params": [param_row(param) for param in header.params],
        }

    def problem_rows(self) -> list[dict[str, Any]]:
        return [{"line": p.line, "key": p.key, "message": p.message} for p in self.problems]


def param_row(param: Param) -> dict[str, Any]:
    kind = "|".join(param.choices) or param.kind
    return {"name": param.name, "kind": kind, "default": param.default, "description": param.words}


def egress_word(header: Header) -> str:
    """Tells the two empty lists apart."""
    if header.egress_ports is None:
        return "unrestricted"
    return "listed" if header.egress_ports else "none"


def parse_script(data: bytes, *, limits: Limits | None = None, name: str = "") -> Parsed:
    """Reads a script. `name` is its file name, whose ending may say what runs it. Never raises."""
    text, problems = decoded(data)
    reading = Reading(limits or Limits())
    comments = Comments(text)
    for line in comments.lines():
        reading.take(line)
    if comments.unclosed_at:
        message = "the comment that begins here is never closed: end it with `*/`"
        problems.append(Problem(comments.unclosed_at, "", message))
    interpreter = interpreter_of(text, name=name)
    problems += reading.problems + argument_problems(reading, interpreter)
    problems.sort(key=lambda problem: problem.line)
    return Parsed(reading.header, tuple(problems), text, interpreter, tuple(reading.keys))


def argument_problems(reading: "Reading", interpreter: Interpreter) -> list[Problem]:
    """What is read from standard input has no arguments."""
    declared = [entry for entry in reading.keys if entry.key == "param" and interpreter.by_stdin]
    return [
        Problem(
            entry.line,
            entry.spelled,
            "REXX is read from standard input and gets no arguments: write the name in upper case",
        )
        for entry in declared
        if entry.value[:1].islower()
    ]


class Reading:
    """Collects the header and the problems, comment line by comment line."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.header = Header()
        self.keys: list[KeyLine] = []
        self.problems: list[Problem] = []
        self.first: dict[str, KeyLine] = {}

    def take(self, comment: CommentLine) -> None:
        """One line of a comment: a key, or plain words."""
        if comment.has_inner and any(prefix in comment.text.lower() for prefix in PREFIXES):
            self.problem(comment.line, "", "a header key in a comment that has `/*` inside: move the key out")
            return
        text = comment.text.strip(" \t").removeprefix("*").lstrip(" \t")
        match = KEY.fullmatch(text.lstrip(INVISIBLE).lstrip())
        if not match:
            return
        spelled, mark, value = match[1], match[2], match[3].strip(" \t")
        if not mark and spelled not in KNOWN:
            return  # prose that begins with such a word
        entry = KeyLine(comment.line, key_shown(spelled), KNOWN.get(spelled, ""), value)
        if match.string != text:
            self.problem(
                entry.line, entry.spelled, "invisible or exotic white space before the key: remove it"
            )
        elif not entry.key:
            self.problem(entry.line, entry.spelled, f"unknown key; the nearest is `{nearest(spelled)}`")
        elif mark != ":":
            self.problem(entry.line, entry.spelled, f"no `:` after the key: write `{entry.spelled}: VALUE`")
        else:
            self.valued(entry)

    def valued(self, entry: KeyLine) -> None:
        self.keys.append(entry)
        first = self.first.setdefault(entry.key, entry)
        header = self.header
        if not entry.value:
            self.problem(entry.line, entry.spelled, f"no value: write `{entry.spelled}: VALUE`")
            return
        try:
            header = value_read(entry.key, header, entry.value, self.limits)
        except InvalidValue as error:
            self.problem(entry.line, entry.spelled, str(error))
        if first is entry or entry.key in REPEATABLE:
            self.header = header
        else:
            message = f"given twice: line {first.line} has it already, as {shown(first.spelled)}; keep one"
            self.problem(entry.line, entry.spelled, message)

    def problem(self, line: int, key: str, message: str) -> None:
        self.problems.append(Problem(line, key, message))


def key_shown(spelled: str) -> str:
    """A key safe to show: printable ASCII, not too long."""
    plain = spelled.encode("ascii", "backslashreplace").decode()
    return plain if len(plain) <= SHOWN_KEY_CHARACTERS else plain[: SHOWN_KEY_CHARACTERS - 3] + "..."
