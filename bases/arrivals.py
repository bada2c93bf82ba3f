"""Imports: begun here, filled by a browser (`bases.uploads`), a fetch or a copy, led through the gate.

Example::

    arriving = import_begin(Wanted(name="web", way=Import.Way.URL, url="https://…"), actor=actor)
    import_fetched(arriving.pk)         # a job; then import_finished puts it into the registry
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from audit.models import AuditOutcome
from audit.services import Actor, finish, operation
from bases.digests import checked_digest
from bases.fetching import Network, internet
from bases.fetching.network import checked_url
from bases.imports import import_file
from bases.models import BaseImage, Import
from bases.rights import curators_only
from bases.services import revisable
from cowweb.errors import ConflictError, DomainError, NotFoundError
from cowweb.live import ring
from cowweb.values import InvalidValue, machine_name
from hosts.jobs import enqueue

State = Import.State
FETCH = "bases.tasks.import_fetch_task"
FINISH = "bases.tasks.import_finish_task"
ENDED = {State.DONE: AuditOutcome.Result.DONE, State.CANCELLED: AuditOutcome.Result.REFUSED}


@dataclass
class Outside:
    """How the Internet is reached. Tests put a network of their own here."""

    network: Callable[[], Network] = internet


outside = Outside()


@dataclass(frozen=True, slots=True)
class Wanted:
    """An image to import, and what is said of the base it becomes. `facts` are of `Facts` and `Source`."""

    name: str
    way: str
    url: str = ""
    image_key: str = ""
    digest: str = ""
    file_name: str = ""
    file_modified: int = 0
    size: int = 0
    facts: Mapping[str, Any] = field(default_factory=dict)


def import_begin(wanted: Wanted, *, actor: Actor) -> Import:
    """Checks what can be told now; the rest is a job, or the browser's chunks."""
    params = {"name": wanted.name, "way": wanted.way, "url": wanted.url, "image": wanted.image_key}
    params |= {"file": wanted.file_name, "digest": wanted.digest}
    with operation(actor, "import_base", target=f"base:{wanted.name}", params=params) as op:
        curators_only(actor)
        expected = checked_digest(wanted.digest) if wanted.digest else ""
        way_checked(wanted, expected)
        with transaction.atomic():
            name_checked(wanted.name)
            arriving = Import.objects.create(
                way=wanted.way,
                name=wanted.name,
                url=wanted.url,
                image_key=wanted.image_key,
                file_name=wanted.file_name[:255],
                file_modified=wanted.file_modified,
                size=wanted.size,
                expected=expected,
                expected_from="whoever asked for it" if expected else "",
                facts=dict(wanted.facts),
                asked_by=actor.user,
                audit_entry=op.entry,
            )
            if wanted.way != Import.Way.UPLOAD:
                enqueue(FETCH, arriving.pk)
            ring("imports")
        op.goes_on()
        return arriving


def name_checked(name: str) -> None:
    """A new base, or the next revision of one that takes it."""
    try:
        machine_name(name)
    except InvalidValue as error:
        raise DomainError(str(error), field="name") from None
    base = BaseImage.objects.filter(name=name).exclude(status=BaseImage.Status.FAILED).first()
    if base:
        revisable(base)
    under_way = Import.objects.open().filter(name=name).first()
    if under_way:
        rests = under_way.state == Import.State.RECEIVING and under_way.way == Import.Way.UPLOAD
        way_on = ": its upload goes on, or is ended, on its own page" if rests else ""
        words = f"An image for {name} is being imported already{way_on} (import {under_way.pk})"
        raise ConflictError(words, field="name")


def way_checked(wanted: Wanted, expected: str) -> None:
    if wanted.way == Import.Way.URL:
        checked_url(wanted.url)
        if settings.COWWEB_IMPORT_DIGEST and not (expected or wanted.image_key):
            raise DomainError(
                "This site takes an address only with the image's digest: sha256=…", field="digest"
            )
        return
    is_path = wanted.way == Import.Way.PATH
    size = import_file(wanted.file_name, field="path").stat().st_size if is_path else wanted.size
    if not 0 < size <= settings.COWWEB_IMPORT_MAX_BYTES:
        most = settings.COWWEB_IMPORT_MAX_BYTES
        field = "path" if is_path else "size"
        raise DomainError(f"size={size} is not from 1 to {most:,} bytes", field=field)


def import_named(pk: int, actor: Actor) -> Import:
    """An import, for its curators."""
    curators_only(actor)
    found = Import.objects.select_related("asked_by", "revision__base").filter(pk=pk).first()
    if found is None:
        raise NotFoundError(f"Import {pk} not found", field="import")
    return found


def import_cancel(*, arriving: Import, actor: Actor) -> Import:
    """Ends one that is under way. A fetch notices within a second; what came of it is deleted."""
    with operation(actor, "cancel_import", target=f"base:{arriving.name}", params={"import": arriving.pk}):
        curators_only(actor)
        if not Import.objects.open().filter(pk=arriving.pk).update(cancel_asked=True):
            raise ConflictError(f"Import {arriving.pk} is over", field="import")
        if arriving.way == Import.Way.UPLOAD and arriving.state == State.RECEIVING:
            ended(arriving, State.CANCELLED, f"Cancelled by {actor.name}")
        ring("imports", f"import.{arriving.pk}")
        arriving.refresh_from_db()
        return arriving


def moved(arriving: Import, to: str, since: str, **changes: object) -> bool:
    """The door: only from where it still is."""
    rows = Import.objects.filter(pk=arriving.pk, state=since)
    done = bool(rows.update(state=to, moved_at=timezone.now(), **changes))
    ring("imports", f"import.{arriving.pk}")
    arriving.refresh_from_db()
    return done


def ended(arriving: Import, to: str, failure: str = "", **changes: object) -> None:
    """Over, whichever way; the file beside it goes, and the record has the outcome."""
    Path(arriving.path).unlink(missing_ok=True)
    arriving.refresh_from_db()
    if arriving.is_open and moved(
        arriving, to, arriving.state, failure=failure, ended_at=timezone.now(), **changes
    ):
        finish(arriving.audit_entry_id, ENDED.get(State(to), AuditOutcome.Result.FAILED), failure)


def received_all(arriving: Import) -> None:
    """Everything has come: the rest is a job's."""
    with transaction.atomic():
        if moved(arriving, State.CHECKING, State.RECEIVING, note="Checking it and copying it into the store"):
            enqueue(FINISH, arriving.pk)


class Told:
    """Writes the progress of a fetch down, and hears of its end being wanted."""

    def __init__(self, arriving: Import, stopped: type[Exception]) -> None:
        self.arriving, self.stopped, self.at = arriving, stopped, time.monotonic()

    def __call__(self, received: int, total: int) -> None:
        rows = Import.objects.filter(pk=self.arriving.pk)
        rows.update(received=received, size=total, moved_at=timezone.now())
        ring("imports", f"import.{self.arriving.pk}")
        if rows.filter(cancel_asked=True).exists():
            raise self.stopped


def origin_of(arriving: Import) -> str:
    """With what was checked of the publisher's word, for an image of the catalogue."""
    if arriving.image_key and arriving.note:
        return f"{arriving.url} ({arriving.note[0].lower()}{arriving.note[1:]})"[:2048]
    how = "uploaded" if arriving.way == Import.Way.UPLOAD else "import folder"
    return arriving.url or f"{arriving.file_name} ({how})"
