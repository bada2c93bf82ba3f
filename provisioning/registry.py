"""The registry of runtimes, which curators keep.

Example::

    runtime_register(Wish(name="perl", file=path, sha256=digest), actor=actor)
    runtime_install(runtime=runtime_named("regina"), base="demo", actor=actor)   # a run that publishes
"""

import re
from dataclasses import dataclass
from pathlib import Path

from django.db import transaction

from audit.services import Actor, operation
from bases.services import curators_only
from bases.store import digest_of
from cowweb.errors import DomainError, NotFoundError
from cowweb.live import ring
from provisioning.known_runtimes import NAMES, known_runtimes, path_look
from provisioning.models import Runtime, RuntimeFound
from provisioning.runtimes import file_kept
from provisioning.services import Order, Ordered, run_create
from provisioning.stored import runtime_file_left

NAME = re.compile(r"[a-z0-9][a-z0-9._+-]{0,39}", re.ASCII)
DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)
LONGEST = {"look": 2000, "from_stdin": 200, "from_file": 200, "description": 200}
INSTALL = "#!/bin/sh\nexit 0\n"


@dataclass(frozen=True, slots=True)
class Wish:
    """What a curator says of a runtime; what is empty stays as it is, or gets its usual value."""

    name: str
    language: str = ""
    description: str = ""
    look: str = ""
    from_stdin: str = ""
    from_file: str = ""
    entry: str = ""
    file: Path | None = None
    file_name: str = ""
    sha256: str = ""


def runtime_named(name: str) -> Runtime:
    runtime = known_runtimes().filter(name=name).first()
    if runtime is None:
        raise NotFoundError(f"Runtime {name} not found", field="name")
    return runtime


def runtime_register(wish: Wish, *, actor: Actor) -> Runtime:
    """Adds a runtime, or changes the one of this name. What was seen of it in bases is looked for anew."""
    params = {"language": wish.language, "sha256": wish.sha256, "file": wish.file_name, "look": wish.look}
    with operation(actor, "register_runtime", target=f"runtime:{wish.name}", params=params):
        curators_only(actor)
        wish_checked(wish)
        runtime = known_runtimes().filter(name=wish.name).first() or Runtime(name=wish.name)
        runtime.language = wish.language or runtime.language or wish.name
        runtime.description = wish.description or runtime.description
        runtime.look = wish.look or runtime.look or path_look(wish.name)
        runtime.from_stdin = wish.from_stdin or runtime.from_stdin
        runtime.from_file = wish.from_file or runtime.from_file
        runtime.changed_by = actor.user
        before = runtime.digest
        with transaction.atomic():
            runtime.save()
            RuntimeFound.objects.filter(runtime=runtime).delete()
            if wish.file:
                file_kept(runtime, wish.file, entry=wish.entry)
                Runtime.objects.filter(pk=runtime.pk).update(
                    file_name=(wish.file_name or wish.file.name)[:200]
                )
            ring("runtimes")
        runtime_file_left(before)
        runtime.refresh_from_db()
        return runtime


def wish_checked(wish: Wish) -> None:
    """Names the field at fault, and what would be right."""
    for field, text in (("name", wish.name), ("language", wish.language), ("entry", wish.entry)):
        if (text or field == "name") and not NAME.fullmatch(text):
            raise DomainError(
                f"{field}={text!r}: write up to 40 of a-z, 0-9, dot, plus, minus and underscore", field=field
            )
    for field, most in LONGEST.items():
        if len(getattr(wish, field)) > most or "\0" in getattr(wish, field):
            raise DomainError(f"{field}: write at most {most} characters", field=field)
    for field in ("from_stdin", "from_file"):
        text = getattr(wish, field)
        if text and "{program}" not in text:
            raise DomainError(f"{field}={text!r}: say where the program goes, as {{program}}", field=field)
    if wish.from_file and "{file}" not in wish.from_file:
        raise DomainError(
            f"from_file={wish.from_file!r}: say where the script goes, as {{file}}", field="from_file"
        )
    digest_checked(wish)


def digest_checked(wish: Wish) -> None:
    """A digest that is given is that of the file."""
    if not wish.sha256:
        return
    if not DIGEST.fullmatch(wish.sha256):
        raise DomainError(f"sha256={wish.sha256!r}: write 64 hexadecimal digits", field="sha256")
    if wish.file is None:
        raise DomainError("sha256 is that of a file: give the file with it", field="sha256")
    found = digest_of(wish.file)
    if found != wish.sha256:
        raise DomainError(f"The file has sha256 {found}, not {wish.sha256}: nothing was kept", field="sha256")


def runtime_remove(*, runtime: Runtime, actor: Actor) -> None:
    """Takes a runtime out of the registry; what was brought into bases stays there."""
    with operation(actor, "remove_runtime", target=f"runtime:{runtime.name}"):
        curators_only(actor)
        if runtime.name in NAMES:
            raise DomainError(f"{runtime.name} is known to every site: change it instead", field="name")
        with transaction.atomic():
            runtime.delete()
            ring("runtimes")
        runtime_file_left(runtime.digest)


def runtime_install(*, runtime: Runtime, base: str, actor: Actor) -> Ordered:
    """Keeps a runtime in a base: a run brings it into a clone, which becomes the base's next revision."""
    order = Order(
        text=INSTALL.encode(),
        script_name=f"install {runtime.name}",
        base=base,
        publish=base.partition("@")[0],
        runtime=runtime.name,
        afterwards="remove",
    )
    return run_create(order, actor=actor)
