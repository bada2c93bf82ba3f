"""Where Debian packages come from: this machine's own apt sources, or a mirror that the site names.

On a Debian host the host's entries for its release are reused, with their keyrings. Elsewhere, or
to build another release, `COWWEB_DEBIAN_MIRROR` (and `COWWEB_DEBIAN_SUITE`) say where and which.
"""

import os
import platform
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from hosts.drivers.errors import NotFound, Refused

NUMBERS: Mapping[str, str] = {"bookworm": "12", "trixie": "13"}
DEFAULT_SUITE = "bookworm"
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
ONE_LINE = re.compile(
    r"deb\s+(?:\[(?P<options>[^]]*)]\s+)?(?P<uri>\S+)\s+(?P<suite>\S+)\s+(?P<components>.+)"
)


@dataclass(frozen=True, slots=True)
class AptSource:
    uri: str
    suite: str
    signed_by: str = ""  # a keyring's path or an inline key block; empty: apt's trusted keys

    def line(self, keyring: str) -> str:
        option = f" [signed-by={keyring}]" if keyring else ""
        return f"deb{option} {self.uri} {self.suite} main"


@dataclass(frozen=True, slots=True)
class Sources:
    codename: str
    entries: tuple[AptSource, ...]

    @property
    def number(self) -> str:
        return NUMBERS[self.codename]


def debian_sources(environ: Mapping[str, str] = os.environ, etc: Path = Path("/etc")) -> Sources:
    """The release to build and where its packages are; Refused with what to set where neither is known."""
    if platform.machine() != "x86_64":
        raise Refused(f"guests are built for x86_64 only, this host is {platform.machine()}")
    host = _host_codename(etc)
    codename = environ.get("COWWEB_DEBIAN_SUITE") or host or DEFAULT_SUITE
    if codename not in NUMBERS:
        known = " or ".join(NUMBERS)
        raise Refused(f"Debian {codename} is not known here: set COWWEB_DEBIAN_SUITE to {known}")
    mirror = environ.get("COWWEB_DEBIAN_MIRROR", "")
    if mirror:
        return Sources(codename, _mirror_entries(mirror, codename))
    entries = tuple(_host_entries(etc / "apt", codename)) if host == codename else ()
    if not entries:
        raise Refused(
            f"this host's apt sources have no Debian {codename}: set COWWEB_DEBIAN_MIRROR to the address of "
            "a Debian mirror and install debian-archive-keyring"
        )
    return Sources(codename, entries)


def _host_codename(etc: Path) -> str:
    """The codename of a Debian host, or nothing."""
    try:
        text = (etc / "os-release").read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    facts = {key: value.strip("\"'") for key, _, value in (line.partition("=") for line in text.splitlines())}
    return facts.get("VERSION_CODENAME", "") if facts.get("ID") == "debian" else ""


def _mirror_entries(mirror: str, codename: str) -> tuple[AptSource, ...]:
    if not KEYRING.is_file():
        raise NotFound(f"{KEYRING} is missing: install debian-archive-keyring")
    suites = (codename, f"{codename}-updates")
    return tuple(AptSource(mirror, suite, str(KEYRING)) for suite in suites)


def _host_entries(apt: Path, codename: str) -> Iterator[AptSource]:
    parts = sorted((apt / "sources.list.d").glob("*")) if (apt / "sources.list.d").is_dir() else []
    for path in [apt / "sources.list", *parts]:
        if not path.is_file():
            continue
        text = path.read_text(encoding="utf-8", errors="replace")
        read = {".list": _one_line_entries, ".sources": _deb822_entries}.get(path.suffix)
        for entry in read(text) if read else ():
            if entry.suite in (codename, f"{codename}-updates", f"{codename}-security"):
                yield entry


def _one_line_entries(text: str) -> Iterator[AptSource]:
    for line in text.splitlines():
        match = ONE_LINE.match(line.split("#")[0].strip())
        if match and "main" in match["components"].split():
            options = dict(part.partition("=")[::2] for part in (match["options"] or "").split())
            yield AptSource(match["uri"], match["suite"], options.get("signed-by", ""))


def _deb822_entries(text: str) -> Iterator[AptSource]:
    for fields in _paragraphs(text):
        wanted = "deb" in fields.get("types", "").split() and "main" in fields.get("components", "").split()
        if not wanted or fields.get("enabled", "yes").lower() in ("no", "false", "0"):
            continue
        for uri in fields.get("uris", "").split():
            for suite in fields.get("suites", "").split():
                yield AptSource(uri, suite, fields.get("signed-by", ""))


def _paragraphs(text: str) -> Iterator[dict[str, str]]:
    for paragraph in re.split(r"\n[ \t]*\n", text):
        fields: dict[str, str] = {}
        key = ""
        for line in paragraph.splitlines():
            if line.startswith("#"):
                continue
            if line[:1].isspace():
                # A line with a lone dot stands for an empty one, as in an inline key block.
                fields[key] = f"{fields.get(key, '')}\n{'' if line.strip() == '.' else line.strip()}"
            else:
                key, _, value = line.partition(":")
                key = key.lower()
                fields[key] = value.strip()
        yield {name: value.strip() for name, value in fields.items()}
