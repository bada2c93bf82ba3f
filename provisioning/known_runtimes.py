"""The runtimes that every site knows from the start; curators change them and add others."""

from django.db import models

from provisioning.models import Runtime

VERSION = '"$("$p" -v </dev/null 2>&1 | head -n 1)"'
IS_REGINA = "*[Rr][Ee][Gg][Ii][Nn][Aa]*"
NOT_REGINA = f'case {VERSION} in {IS_REGINA}) ;; *) echo "$p"; exit;; esac'
REGINA = f'case {VERSION} in {IS_REGINA}) echo "$p"; exit;; esac'
PLACES = 'for p in {names} "$brought"; do [ -x "$p" ] || continue; {test}; done'


def path_look(name: str) -> str:
    """Where a program of this name is in the guest's path, or where it was brought to. A shell may have a
    program within itself, as busybox has, and then names it without its place."""
    first = f"command -v {name} | grep ^/ || which {name} | grep ^/"
    return f'{first} || {{ [ -x "$brought" ] && echo "$brought"; }}'


KNOWN: tuple[dict[str, object], ...] = (
    {
        "name": "rexx",
        "language": "rexx",
        "description": "RexxJS",
        "position": 10,
        "look": PLACES.format(names='"$(command -v rexx)"', test=NOT_REGINA),
        "from_stdin": "{program} --stdin",
    },
    {
        "name": "regina",
        "language": "rexx",
        "description": "Regina REXX; built from Debian's packages when it is first needed",
        "position": 20,
        "look": PLACES.format(
            names='"$(command -v regina)" "$(command -v rexx)" "$HOME/.cowweb/rexx/rexx"', test=REGINA
        ),
        "from_stdin": "{program}",
    },
    {"name": "sh", "language": "sh", "description": "the guest's own shell", "from_stdin": "{program} -s"},
    {"name": "bash", "language": "bash", "description": "Bash", "from_stdin": "{program} -s"},
    {"name": "python3", "language": "python3", "description": "Python 3", "from_stdin": "{program} -"},
)


NAMES = frozenset(str(one["name"]) for one in KNOWN)


def known_runtimes() -> models.QuerySet[Runtime]:
    """All runtimes of the site; those that every site knows are put in where they are missing."""
    if Runtime.objects.filter(name__in=NAMES).count() < len(NAMES):
        rows = ({"look": path_look(str(one["name"])), **one} for one in KNOWN)
        Runtime.objects.bulk_create((Runtime(**row) for row in rows), ignore_conflicts=True)
    return Runtime.objects.all()


def runtimes_of(language: str) -> list[Runtime]:
    """Those that run scripts in this language, the preferred one first."""
    return list(known_runtimes().filter(language=language).order_by("position", "name"))
