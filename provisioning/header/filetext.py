"""From bytes to text that means the same to us and to the guest: UTF-8, LF, no BOM, no posing line ends."""

import codecs

from provisioning.header.model import Problem

MAX_BYTES = 1 << 20
POSERS = {
    "\r": "a carriage return without a line feed",
    "\v": "a vertical tab",
    "\f": "a form feed",
    "\x1c": "a file separator (U+001C)",
    "\x1d": "a group separator (U+001D)",
    "\x1e": "a record separator (U+001E)",
    "\x85": "a next-line character (U+0085)",
    "\u2028": "a line separator (U+2028)",
    "\u2029": "a paragraph separator (U+2029)",
}


def decoded(data: bytes) -> tuple[str, list[Problem]]:
    """The file's text with LF and without BOM, and what is wrong with the file as a whole."""
    if len(data) > MAX_BYTES:
        return "", [Problem(1, "", f"the file is too large: a script has at most {MAX_BYTES} bytes (1 MiB)")]
    data = data.removeprefix(codecs.BOM_UTF8)
    problems = []
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        found = f"byte 0x{data[error.start]:02x}"
        problems.append(Problem(line, "", f"the file is not UTF-8 text ({found}): save it as UTF-8"))
        text = data.decode(errors="replace")  # so that the header's own problems are told as well
    text = text.replace("\r\n", "\n")
    if not text.strip():
        problems.append(Problem(1, "", "the file is empty: a script has at least one line"))
    return text, problems + character_problems(text)


def character_problems(text: str) -> list[Problem]:
    """One problem for each kind of character that must not be there, at its first place."""
    problems = []
    for character, called in {"\0": "a NUL byte", **POSERS}.items():
        first = text.find(character)
        if first >= 0:
            line = text.count("\n", 0, first) + 1
            times = text.count(character)
            more = f" (and {times - 1} more)" if times > 1 else ""
            right = "remove it" if character == "\0" else "end lines with LF or CRLF"
            problems.append(Problem(line, "", f"the file has {called} here{more}: {right}"))
    return problems
