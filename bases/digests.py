"""Digests as people give them: `sha256:…`, `sha512:…`, or the hexadecimal alone.

Example::

    checked_digest("AB…")                  # "sha256:ab…"
    mismatch("sha256:ab…", sha256="cd…")   # the sentence, or "" where it matches
"""

import re

from cowweb.errors import DomainError

LENGTHS = {"sha256": 64, "sha512": 128}
DIGEST = re.compile(r"(?:(sha256|sha512):)?([0-9a-f]{64}|[0-9a-f]{128})", re.ASCII)


def checked_digest(text: str) -> str:
    match = DIGEST.fullmatch(text.strip().lower())
    algorithm = match and (match[1] or ("sha256" if len(match[2]) == LENGTHS["sha256"] else "sha512"))
    if match is None or len(match[2]) != LENGTHS[str(algorithm)]:
        raise DomainError(
            "digest= is none: write the 64 hexadecimal digits of a sha256 or the 128 of a sha512",
            field="digest",
        )
    return f"{algorithm}:{match[2]}"


def mismatch(expected: str, *, sha256: str, sha512: str) -> str:
    """What is wrong, where a digest was expected."""
    if not expected:
        return ""
    algorithm, _, wanted = expected.partition(":")
    found = {"sha256": sha256, "sha512": sha512}[algorithm]
    return "" if found == wanted else f"Its {algorithm} is {found}, and should be {wanted}: nothing was kept"
