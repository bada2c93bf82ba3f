"""The verbs of the command language and their keys, as data.

A key's check refuses what can be told from the text alone. Names of things that should exist are left to the
look-up, so that a wrong one is "not found" and not "invalid".
"""

from collections.abc import Callable
from dataclasses import dataclass

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

MOST_CPUS = 4096
MOST_RUN = 10**9
MOST_CLONES = 1000
MOST_PORT = 65535
MOST_HOURS = 720
MOST_LINK = 999_999_999
MOST_LEASE = 87_600
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
        listed = " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
        return f"{self.name} requires {listed} parameter{'s' if len(names) > 1 else ''}"


def number(what: str, most: int) -> Callable[[str], object]:
    return lambda text: whole_number(text, least=1, most=most, what=what)


def lease_length(text: str) -> object:
    return text if text == NO_LENGTH else number("a number of hours, or none", MOST_LEASE)(text)


def one_of(words: tuple[str, ...]) -> Callable[[str], object]:
    def check(text: str) -> object:
        if text not in words:
            raise InvalidValue(
                f"{shown(text)} is not known here: write {', '.join(words[:-1])} or {words[-1]}"
            )
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
USER = Key("user", "NAME")
TEAM = Key("team", "NAME")
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
OF_USER = Key("user", "NAME")
OF_TEAM = Key("team", "NAME")
DEFAULT_OF = Key("default_of", "people", one_of(("people", "teams")), words=("people", "teams"))
REQUEST = Key("request", "7", number("a request's number", MOST_RUN))
NOTE = Key("note", "TEXT")
SESSION = Key("session", "7", number("a session's number", MOST_LINK))
FILES = (VM, Key("local", "PATH"), Key("remote", "PATH"))

TABLE = (
    Verb(
        "register_base",
        "inspect an image, copy it into the store, register it",
        (NEW_NAME, Key("disk", "PATH", names="imports")),
        (MEMORY, CPUS, flag("rexxjs_installed"), Key("os", "TEXT"), Key("description", "TEXT")),
        keeps_extra=True,
    ),
    Verb("list_bases", "every base you may clone"),
    Verb(
        "import_base",
        "fetch an image over https, or a well-known one, and register it",
        (NEW_NAME,),
        (
            *(Key("digest", "sha256:HEX"), MEMORY, CPUS, Key("ssh_user", "NAME")),
            *(Key("os", "TEXT"), Key("description", "TEXT")),
        ),
        (Key("url", "https://HOST/PATH"), Key("image", "debian-12")),
    ),
    Verb("cancel_import", "end an import", (Key("import", "3", number("an import's number", MOST_RUN)),)),
    Verb("list_images", "the well-known images that can be imported"),
    Verb("list_revisions", "a base's revisions, their stages and aliases", (BASE,)),
    Verb("approve_base", "open a revision for clones, or take a deprecation back", (OF_BASE,), (WHY,)),
    Verb(
        "deprecate_base",
        "warn whoever clones a revision, and name its successor",
        (OF_BASE,),
        (Key("successor", "BASE[@REVISION]", base_reference, names="bases"), WHY),
    ),
    Verb(
        "retire_base",
        "end a revision on which nothing depends, or list what does",
        (OF_BASE,),
        (flag("rehearse"), WHY),
    ),
    Verb(
        "alias_base", "lead an alias of a base to a revision", (BASE, ALIAS), (REVISION, flag("remove"), WHY)
    ),
    Verb("rollback_base", "lead stable, or another alias, where it led before", (BASE,), (ALIAS, WHY)),
    Verb("verify_base", "read a base's files again and compare their digests", (BASE,)),
    Verb(
        "base_visibility",
        "open a base to everyone, to teams or to curators alone",
        (BASE, Key("for", "TEAMS")),
    ),
    Verb(
        "clone",
        "make a copy-on-write clone of a base or of another clone",
        optional=(NEW_NAME, MEMORY, CPUS, flag("no_start"), flag("live"), COUNT, PATH, EGRESS, LEASE),
        either=(BASE, FROM),
    ),
    Verb(
        "provision",
        "clone, run a script in it, stream its output",
        (SCRIPT,),
        (
            *(NEW_NAME, flag("keep_running"), flag("snapshot"), PUBLISH, AFTER, CHANNEL, flag("interactive")),
            *(BASE, MEMORY, CPUS, PORTS, SECONDS, PARAMETERS),
        ),
    ),
    Verb("cancel", "end a run and everything it started in the guest", (RUN,), (AFTER,)),
    Verb(
        "send",
        "send a line to the script of an interactive run, or end its input",
        (RUN,),
        (Key("text", "'LINE'"), flag("end"), flag("hidden")),
    ),
    Verb("retry", "go on with a run that ended badly, from the phase that failed", (RUN,), (PHASE, SECONDS)),
    Verb("keep", "keep a run's clone, for a look at it", (RUN,)),
    Verb("parse", "rehearse a script's header; makes nothing", (SCRIPT,)),
    Verb(
        "save_script",
        "keep a file as a script of the library, or as its new version",
        (NEW_SCRIPT, Key("file", "PATH", names="imports")),
        (Key("description", "TEXT"), Key("note", "TEXT"), Key("team", "TEAM")),
    ),
    Verb("list_scripts", "the scripts of the library"),
    Verb("show_script", "the text of a script", (STORED,)),
    Verb("remove_script", "take a script out of the library", (STORED,)),
    Verb("list_runtimes", "the interpreters that the site knows, and what it brings"),
    Verb(
        "register_runtime",
        "add an interpreter, or change what is brought and how it is called",
        (NEW_RUNTIME,),
        (
            *(Key("file", "PATH", names="imports"), Key("sha256", "DIGEST"), Key("entry", "NAME")),
            *(Key("language", "NAME"), Key("description", "TEXT"), Key("look", "'SHELL'")),
            *(Key("from_stdin", "'{program} -'"), Key("from_file", "'{program} {file}'")),
        ),
    ),
    Verb("remove_runtime", "take an interpreter out of the registry", (NEW_RUNTIME,)),
    Verb("install_runtime", "bring an interpreter into a base, as its next revision", (NEW_RUNTIME, BASE)),
    Verb("list", "the clones"),
    Verb("status", "the host"),
    Verb("inspect", "one clone", (CLONE,)),
    Verb("start", "start a clone", (CLONE,)),
    Verb("stop", "stop a clone", (CLONE,)),
    Verb("restart", "stop and start a clone", (CLONE,)),
    Verb("pause", "hold a clone's processors", (CLONE,)),
    Verb("resume", "let a paused clone go on", (CLONE,)),
    Verb("remove", "remove a clone and its disk, or put it into the bin", (CLONE,), (flag("bin"),)),
    Verb("list_bin", "the clones in the recycle bin"),
    Verb("undelete", "take a clone out of the bin again", (BINNED,), (Key("as", "NAME", machine_name),)),
    Verb("purge", "delete a clone in the bin for good", (BINNED,)),
    Verb("extend", "let a clone last longer", (CLONE,), (LONGER,)),
    Verb(
        "lease",
        "how long a clone lasts, or the clones of a team or base",
        optional=(
            Key("default", "24", lease_length),
            Key("most", "168", lease_length),
        ),
        either=(CLONE, TEAM, BASE),
    ),
    Verb("list_idle", "the machines that have done nothing for hours", (), (LONGER,)),
    Verb("share", "let a person or a team look at a clone, or use it", (CLONE,), (LEVEL,), (USER, TEAM)),
    Verb("unshare", "take that back", (CLONE,), (), (USER, TEAM)),
    Verb("transfer", "give a clone to a person or a team", (CLONE,), (), (USER, TEAM)),
    Verb("start_if_stopped", "start a clone unless it runs", (CLONE,)),
    Verb("stop_if_running", "stop a clone if it runs", (CLONE,)),
    Verb("save_state", "keep a clone's memory on disk and stop it", (CLONE,)),
    Verb("restore_state", "bring a clone back from its saved memory", (CLONE,)),
    Verb("set_egress", "choose what a clone may connect to: open, none or TCP ports", (CLONE, EGRESS)),
    Verb("forward", "make a clone's TCP port reachable on the host", (CLONE, PORT)),
    Verb("share_port", "make a link to a clone's port, to give away", (CLONE, PORT), (HOURS,)),
    Verb("revoke_link", "end such a link", (CLONE, Key("link", "7", number("a link", MOST_LINK)))),
    Verb("snapshot", "take a disk snapshot of a clone", (CLONE, Key("snapshot_name", "NAME"))),
    Verb("restore", "bring a clone's disk back to a snapshot", (CLONE, SNAPSHOT)),
    Verb("flatten", "have a clone's disk stand on its base alone", (CLONE,)),
    Verb(
        "promote",
        "publish a stopped clone as a base, or as its base's next revision",
        (CLONE, Key("as", "BASE", names="bases")),
    ),
    Verb(
        "rebase",
        "move a stopped clone, or all of a base, to a newer revision",
        optional=(REVISION, flag("rehearse")),
        either=(CLONE, BASE),
    ),
    Verb("execute", "run one command in a clone", (VM, Key("command", "'COMMAND'")), (TIMEOUT,)),
    Verb("copy_to", "copy a file or folder into a clone", FILES),
    Verb("copy_from", "copy a file or folder out of a clone", FILES),
    Verb("logs", "the tail of a clone's serial console", (CLONE,), (LINES,)),
    Verb("quota", "what you may use, and what is left", optional=(OF_USER, OF_TEAM)),
    Verb("list_quotas", "the quotas of everyone you may see"),
    Verb(
        "set_quota",
        "set a limit: an amount, none, or default for the site's",
        (QUOTA, LIMIT),
        either=(OF_USER, OF_TEAM, DEFAULT_OF),
    ),
    Verb(
        "request_quota",
        "ask for a higher limit until a day",
        (QUOTA, LIMIT, Key("until", "2026-12-24"), Key("why", "TEXT")),
        (OF_TEAM,),
    ),
    Verb("list_requests", "requests for higher limits"),
    Verb("approve", "give what a request asks for", (REQUEST,), (NOTE,)),
    Verb("refuse", "refuse a request, or end early what it gave", (REQUEST, NOTE)),
    Verb("withdraw_request", "take back your own request", (REQUEST,)),
    Verb("list_sessions", "where you, or a person, are signed in", optional=(USER,)),
    Verb("end_session", "sign out one browser, or a person everywhere", either=(SESSION, USER)),
    Verb("disable_user", "keep a person out, at once and everywhere", (USER,)),
    Verb("enable_user", "let a disabled person in again", (USER,)),
    Verb("password_link", "make a link by which a person sets a new password", (USER,)),
    Verb("security_audit", "the tail of the audit trail", (), (LINES,)),
    Verb("list_findings", "what the reconciler found to differ between rows and host", (), (STATE,)),
    Verb("decide_finding", "decide on such a difference that waits", (FINDING, DECISION), (NEW_NAME,)),
)
VERBS = {verb.name: verb for verb in TABLE}
