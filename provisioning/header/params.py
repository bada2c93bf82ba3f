"""What a header's `param` declares: a value that whoever runs the script may or must give.

    # kvm-infra-param: region text = eu-1 -- where it goes
    # kvm-infra-param: size small|medium|large = small
    # kvm-infra-param: DEPLOY_TOKEN secret

A name in lower case reaches the script as the argument `--region eu-1`, one in upper case as an environment
variable. Secrets are upper case: every process of a guest can read another's arguments.
"""

import re
from dataclasses import dataclass

from cowweb.values import InvalidValue, shown

ARGUMENT = re.compile(r"[a-z]([a-z0-9-]{0,30}[a-z0-9])?", re.ASCII)
VARIABLE = re.compile(r"[A-Z][A-Z0-9_]{0,62}", re.ASCII)
NUMBER = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,9})?", re.ASCII)
CHOICE = re.compile(r"[!-{}~]+(\|[!-{}~]+)+", re.ASCII)
DECLARED = re.compile(r"(\S+)[ \t]+(\S+)[ \t]*(?:=[ \t]*(.*?))?[ \t]*(?:[ \t]--[ \t]+(.*))?", re.DOTALL)
KINDS = ("text", "number", "flag", "secret")
FLAGS = ("true", "false")
WRITTEN = (
    "NAME KIND [= DEFAULT] [-- what it is], where KIND is text, number, flag, secret or words such as a|b|c"
)
MOST_CHARACTERS = 16_384
LEAST_SECRET = 4  # shorter ones cannot be hidden in the output without hiding half of it
TAKEN = re.compile(
    r"(BASH_)?ENV|HOME|IFS|LANG|LOGNAME|(OLD)?PWD|PATH|PS4|SHELL(OPTS)?|TERM|TMPDIR|UID|USER|(LD|COWWEB)_.*",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Param:
    """A parameter of a script. Without a default it has to be given."""

    name: str
    kind: str = "text"
    choices: tuple[str, ...] = ()
    default: str | None = None
    words: str = ""

    @property
    def is_secret(self) -> bool:
        return self.kind == "secret"

    @property
    def is_argument(self) -> bool:
        return self.name[0].islower()

    def read(self, text: str) -> str:
        """The value that this text gives; raises `InvalidValue`."""
        if len(text) > MOST_CHARACTERS or "\0" in text:
            raise InvalidValue(f"{self.name} is too long or has a NUL: at most {MOST_CHARACTERS} characters")
        if self.is_secret:
            return secret_read(self.name, text)
        if self.kind == "number" and not NUMBER.fullmatch(text):
            raise InvalidValue(f"{self.name}: {shown(text)} is not a number: write digits, as 3 or -0.5")
        words = FLAGS if self.kind == "flag" else self.choices
        if words and text not in words:
            raise InvalidValue(f"{self.name}: {shown(text)} is not one of {', '.join(words)}")
        if not text.replace("\t", " ").replace("\n", " ").isprintable():
            raise InvalidValue(f"{self.name}: {shown(text)} has characters that cannot be seen: remove them")
        return text


def secret_read(name: str, text: str) -> str:
    """A refused secret is not quoted."""
    if len(text.strip()) < LEAST_SECRET:
        raise InvalidValue(f"{name}: a secret has at least {LEAST_SECRET} characters")
    return text


def parameter_name(text: str) -> str:
    """A name in one of its two forms."""
    if not (ARGUMENT.fullmatch(text) or VARIABLE.fullmatch(text)):
        raise InvalidValue(
            f"{shown(text)} is not a name of a parameter: write region for the argument --region, "
            "or REGION for an environment variable"
        )
    if TAKEN.fullmatch(text):
        raise InvalidValue(f"{text} has a meaning of its own in the guest: take another name")
    return text


def param_of(text: str) -> Param:
    """The parameter that this text declares; raises `InvalidValue`."""
    match = DECLARED.fullmatch(text)
    if not match:
        raise InvalidValue(f"{shown(text)} declares no parameter: write {WRITTEN}")
    name, kind, default, words = parameter_name(match[1]), match[2], match[3], match[4] or ""
    choices = tuple(kind.split("|")) if CHOICE.fullmatch(kind) else ()
    if kind not in KINDS and not choices:
        raise InvalidValue(f"{shown(kind)} is no kind of parameter: write {WRITTEN}")
    param = Param(name, "choice" if choices else kind, choices, words=words[:200])
    if param.is_secret and param.is_argument:
        raise InvalidValue(f"{name} is secret: write it in upper case, so that it is no argument")
    if default is None:
        return param
    if param.is_secret:
        raise InvalidValue(f"{name} is secret: it has no default")
    return Param(name, param.kind, choices, param.read(default), param.words)
