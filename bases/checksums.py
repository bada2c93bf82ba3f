"""Publishers' files of checksums, each in its own form.

Example::

    digest_in(text, file="disk.qcow2", form="gnu", algorithm="sha512")     # "sha512:ab…"
"""

import re

from cowweb.errors import DomainError

HEX = {"sha256": "[0-9a-fA-F]{64}", "sha512": "[0-9a-fA-F]{128}"}
SIGNED = "-----BEGIN PGP SIGNED MESSAGE-----"
SIGNATURE = "-----BEGIN PGP SIGNATURE-----"


def digest_in(text: str, *, file: str, form: str, algorithm: str, renamed: bool = False) -> str:
    """The digest of a file. Where there are several, or none, it is no answer.

    `renamed`: the file is offered under another name than the publisher's list has, and is its only one.
    """
    found = {
        match.lower() for name, match in entries(lines_of(text), form, algorithm) if name == file or renamed
    }
    if len(found) != 1:
        how = "no" if not found else "more than one"
        raise DomainError(f"The publisher's checksums have {how} {algorithm} of {file}", field="digest")
    return f"{algorithm}:{found.pop()}"


def lines_of(text: str) -> list[str]:
    """The lines, of a text that is signed in place only those that the signature covers."""
    lines = text.replace("\r\n", "\n").split("\n")
    if SIGNED not in lines:
        return lines
    if lines.count(SIGNED) != 1 or SIGNATURE not in lines:
        raise DomainError("The publisher's checksums are signed in a way that is not known", field="digest")
    inside = lines[lines.index(SIGNED) + 1 : lines.index(SIGNATURE)]
    body = inside[inside.index("") + 1 :] if "" in inside else []
    return [line.removeprefix("- ") for line in body]


def entries(lines: list[str], form: str, algorithm: str) -> list[tuple[str, str]]:
    """(file, digest) of each line that has one."""
    digits = HEX[algorithm]
    patterns = {
        "gnu": rf"(?P<hex>{digits}) [ *](?:\./)?(?P<name>\S.*)",
        "bsd": rf"{algorithm.upper()} \((?P<name>[^)]+)\) = (?P<hex>{digits})",
        "bare": rf"(?P<hex>{digits})(?:\s+\*?(?P<name>\S+))?",
    }
    matches = (re.fullmatch(patterns[form], line.strip(), re.ASCII) for line in lines)
    if form == "bare":  # a file of one: the name is the publisher's courtesy
        return [(match["name"] or "", match["hex"]) for match in matches if match]
    return [(match["name"].strip(), match["hex"]) for match in matches if match]
