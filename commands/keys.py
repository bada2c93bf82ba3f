"""What a verb of the command language is, and the keys that verbs take.

A key's check refuses what can be told from the text alone. Names of things that should exist are left to the
look-up, so that a wrong one is "not found" and not "invalid".
"""

from collections.abc import Callable
from dataclasses import dataclass

from bases.models import BaseRevision
from cowweb.values import (
    InvalidValue,
    base_reference,
    egress_ports,
    machine_name,
    memory_mb,
    port_list,
    script_name,
    shown,
    whole_number,
)
from cowweb.wording import either, joined
from pools.forms import MOST_AGE_MINUTES, MOST_IN_A_MINUTE, MOST_SPARES

MOST_CPUS = 4096
MOST_RUN = 10**9
MOST_CLONES = 1000
MOST_PORT = 65535
MOST_HOURS = 720
MOST_LINK = 999_999_999
MOST_LEASE = 87_600
MOST_DAYS = 90
NO_LENGTH = "none"
MOST_LINES = 100_000
MOST_REVISIONS = 1_000_000
MOST_TIMEOUT_MS = 86_400_000
MOST_TIMEOUT_S = 86_400
FLAG_WORDS = ("true", "false")
AFTER_WORDS = ("stop", "keep", "remove")
PHASES = (
    *("parse", "allocate", "clone", "start", "ready", "runtime", "script", "checks", "snapshot"),
    *("publish", "release"),
)
CHANNELS = ("agent", "ssh", "qga")
PATHS = ("cold", "memory", "spare")
DECISIONS = ("adopt", "remove", "leave")
BOOTS = ("bios", "uefi")
SEEDS = {"fw_cfg": BaseRevision.Seed.FW_CFG, "cloud-init": BaseRevision.Seed.NOCLOUD}
FINDING_STATES = ("waiting", "quarantined", "repaired", "resolved")


@dataclass(frozen=True, slots=True)
class Key:
    """`form` is how its value is written; `names` says which objects it names, `words` its only values."""

    name: str
    form: str
    check: Callable[[str], object] | None = None
    words: tuple[str, ...] = ()
    names: str = ""

    @property
    def is_flag(self) -> bool:
        return self.words == FLAG_WORDS


@dataclass(frozen=True, slots=True)
class Verb:
    """`either` keys stand for each other: exactly one is given. With `keeps_extra`, unknown keys are kept."""

    name: str
    summary: str
    required: tuple[Key, ...] = ()
    optional: tuple[Key, ...] = ()
    either: tuple[Key, ...] = ()
    keeps_extra: bool = False

    @property
    def keys(self) -> dict[str, Key]:
        return {key.name: key for key in (*self.either, *self.required, *self.optional)}

    @property
    def missing(self) -> str:
        """What is said where a required key is missing."""
        names = [key.name for key in (self.either[:1] or self.required)]
        return f"{self.name} requires {joined(names)} parameter{'s' if len(names) > 1 else ''}"


def number(what: str, most: int, least: int = 1) -> Callable[[str], object]:
    return lambda text: whole_number(text, least=least, most=most, what=what)


def lease_length(text: str) -> object:
    return text if text == NO_LENGTH else number("a number of hours, or none", MOST_LEASE)(text)


def one_of(words: tuple[str, ...]) -> Callable[[str], object]:
    def check(text: str) -> object:
        if text not in words:
            raise InvalidValue(f"{shown(text)} is not known here: write {either(words)}")
        return text

    return check


def flag(name: str) -> Key:
    return Key(name, "true", one_of(FLAG_WORDS), words=FLAG_WORDS)


NEW_NAME = Key("name", "NAME", machine_name)
CLONE = Key("name", "NAME", names="clones")
BINNED = Key("name", "NAME", names="binned")
VM = Key("vm", "NAME", names="clones")
BASE = Key("base", "NAME", names="bases")
FROM = Key("from", "CLONE", names="clones")
SCRIPT = Key("script", "NAME-OR-PATH", names="scripts")
STORED = Key("name", "NAME", names="scripts")
NEW_SCRIPT = Key("name", "NAME", script_name)
NEW_RUNTIME = Key("name", "NAME", names="runtimes")
SNAPSHOT = Key("snapshot_name", "NAME", names="snapshots")
MEMORY = Key("memory", "2G", memory_mb)
CPUS = Key("cpus", "2", number("a number of cpus", MOST_CPUS))
COUNT = Key("count", "3", number("a number of clones", MOST_CLONES))
PATH = Key("path", "cold", one_of(PATHS), words=PATHS)
EGRESS = Key("egress_ports", "443,8080", egress_ports)
PORT = Key("port", "8080", number("a TCP port", MOST_PORT))
HOURS = Key("hours", "24", number("a number of hours", MOST_HOURS))
LEASE = Key("lease", "24", number("a number of hours", MOST_LEASE))
LONGER = Key("hours", "24", number("a number of hours", MOST_LEASE))
USER = Key("user", "NAME", names="people")
TEAM = Key("team", "NAME", names="teams")
LEVEL = Key("level", "use", one_of(("read", "use")), words=("read", "use"))
LINES = Key("lines", "50", number("a number of lines", MOST_LINES))
TIMEOUT = Key("timeout", "30000", number("a time in ms", MOST_TIMEOUT_MS))
RUN = Key("run", "12", number("a run's number", MOST_RUN), names="runs")
AFTER = Key("after", "stop", one_of(AFTER_WORDS), words=AFTER_WORDS)
PUBLISH = Key("publish", "BASE", machine_name, names="bases")
CHANNEL = Key("channel", "ssh", one_of(CHANNELS), words=CHANNELS)
PHASE = Key("phase", "script", one_of(PHASES), words=PHASES)
PORTS = Key("ports", "80,443", port_list)
SECONDS = Key("timeout", "120", number("a time in seconds", MOST_TIMEOUT_S))
PARAMETERS = Key("parameters", "'--name value NAME=value'")
REVISION = Key("to", "2", number("a revision", MOST_REVISIONS))
FINDING = Key("finding", "7", number("a finding", MOST_LINK))
DECISION = Key("decision", "leave", one_of(DECISIONS), words=DECISIONS)
STATE = Key("state", "waiting", one_of(FINDING_STATES), words=FINDING_STATES)
OF_BASE = Key("base", "BASE[@REVISION]", base_reference, names="bases")
ALIAS = Key("alias", "next")
WHY = Key("why", "'TEXT'")
QUOTAS = ("clones", "running", "vcpus", "memory", "disk", "spares", "run_minutes")
QUOTA = Key("quota", "memory", one_of(QUOTAS), words=QUOTAS)
LIMIT = Key("limit", "16G")
OF_USER = USER
OF_TEAM = TEAM
DEFAULT_OF = Key("default_of", "people", one_of(("people", "teams")), words=("people", "teams"))
REQUEST = Key("request", "7", number("a request's number", MOST_RUN))
NOTE = Key("note", "TEXT")
PLACES = ("viewer", "member", "owner")
PLACE = Key("place", "member", one_of(PLACES), words=PLACES)
PLACE_OR_NONE = Key("place", "member", one_of((*PLACES, "none")), words=(*PLACES, "none"))
ROLES = ("member", "curator", "auditor", "administrator")
ROLE = Key("role", "curator", one_of(ROLES), words=ROLES)
DAYS = Key("days", "7", number("a number of days", MOST_DAYS))
SESSION = Key("session", "7", number("a session's number", MOST_LINK))
COPY = Key("copy", "3", number("a copy's number", MOST_LINK))
FILES = (VM, Key("local", "PATH"), Key("remote", "PATH"))
TEMPLATE = Key("template", "3", number("a template's number", MOST_RUN))
BOOT = Key("boot", "bios", one_of(BOOTS), words=BOOTS)
SEED = Key("seed", "cloud-init", one_of(tuple(SEEDS)), words=tuple(SEEDS))
POOL = (
    Key("minimum", "2", number("a number of spares", MOST_SPARES, least=0)),
    Key("maximum", "8", number("a number of spares", MOST_SPARES, least=0)),
    Key("refill_per_minute", "60", number("a number of spares", MOST_IN_A_MINUTE)),
    Key("age_minutes", "60", number("a number of minutes", MOST_AGE_MINUTES)),
    flag("instant"),
)
