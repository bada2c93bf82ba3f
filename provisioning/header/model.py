"""What is read from a header, and what can be wrong with it."""

from dataclasses import dataclass

from provisioning.header.checks import Check
from provisioning.header.params import Param

TIMEOUT_S = 120


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong. `key` is spelled as in the file, and empty where the file as a whole is wrong."""

    line: int
    key: str
    message: str

    def __str__(self) -> str:
        return ": ".join(part for part in (f"line {self.line}", self.key, self.message) if part)


@dataclass(frozen=True, slots=True)
class Limits:
    """The most that a script may ask for; None is no limit. `limited_by` names whose: host, site, team x."""

    memory_mb: int | None = None
    cpus: int | None = None
    limited_by: str = "host"


@dataclass(frozen=True, slots=True)
class KeyLine:
    """One line `key: value` of a known key, as it was written; the value may be wrong."""

    line: int
    spelled: str  # rexxjs-vm-memory
    key: str  # memory
    value: str


@dataclass(frozen=True, slots=True)
class Header:
    """The machine a script asks for. What it leaves open is None or empty."""

    base: str | None = None
    revision: str | None = None
    memory_mb: int | None = None
    cpus: int | None = None
    ingress_ports: tuple[int, ...] = ()
    egress_ports: tuple[int, ...] | None = None  # None: unrestricted; (): no egress at all
    timeout_s: int = TIMEOUT_S
    timeout_given: bool = False
    checks: tuple[Check, ...] = ()
    params: tuple[Param, ...] = ()

    @property
    def base_reference(self) -> str:
        """`name` or `name@revision`, as `clone base=` takes it; empty where no base is named."""
        return f"{self.base}@{self.revision}" if self.revision else self.base or ""
