"""What a header's `check` may wait for: an open port, an answer over HTTP, a command that succeeds."""

import re
from dataclasses import dataclass

from cowweb.values import InvalidValue, shown, whole_number

HTTP = re.compile(r"([^/]*)(/[!-~]*)", re.ASCII)


@dataclass(frozen=True, slots=True)
class TcpCheck:
    port: int

    def __str__(self) -> str:
        return f"tcp:{self.port}"


@dataclass(frozen=True, slots=True)
class HttpCheck:
    port: int
    path: str  # begins with "/"

    def __str__(self) -> str:
        return f"http:{self.port}{self.path}"


@dataclass(frozen=True, slots=True)
class ExecCheck:
    command: str

    def __str__(self) -> str:
        return f"exec:{self.command}"


FORMS = "tcp:PORT, http:PORT/PATH or exec:COMMAND"
Check = TcpCheck | HttpCheck | ExecCheck


def check_of(text: str) -> Check:
    """The check that this text spells; raises `InvalidValue`."""
    kind, colon, rest = text.partition(":")
    reader = READERS.get(kind)
    if not colon or reader is None:
        raise InvalidValue(f"{shown(text)} is not a check: write {FORMS}")
    return reader(rest)


def tcp_check(text: str) -> Check:
    return TcpCheck(port_of(text))


def http_check(text: str) -> Check:
    match = HTTP.fullmatch(text)
    if not match:
        raise InvalidValue(
            f"{shown('http:' + text)} is not a check: write http:PORT/PATH, in plain ASCII without spaces"
        )
    return HttpCheck(port_of(match[1]), match[2])


def exec_check(text: str) -> Check:
    command = text.strip(" \t")
    if not command or not command.replace("\t", " ").isprintable():
        raise InvalidValue(f"{shown('exec:' + text)} is not a check: write exec:COMMAND, in printable text")
    return ExecCheck(command)


def port_of(text: str) -> int:
    return whole_number(text, least=1, most=65535, what="a TCP port")


READERS = {"tcp": tcp_check, "http": http_check, "exec": exec_check}
