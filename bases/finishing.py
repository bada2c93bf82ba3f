"""The work behind an import: fetching it, and leading what came through the gate into the registry."""

import hashlib
import os
from pathlib import Path

from django.conf import settings

from audit.models import Via
from audit.services import Actor
from bases.arrivals import State, Told, ended, origin_of, outside, received_all
from bases.catalogue import image_named
from bases.digests import mismatch
from bases.fetching import Fetched, Limits, Stopped, fetched
from bases.gate import glance
from bases.gate.opening import opened
from bases.imports import import_file
from bases.models import BaseImage, BaseRevision, Import
from bases.published import digest_published
from bases.services import Facts, Source, base_begun, base_named, revisable, revision_imported
from cowweb.errors import DomainError
from cowweb.live import ring
from hosts.errors import DriverError

BLOCK = 1 << 20
COPIED_AT_ONCE = 16 << 20


def import_fetched(pk: int) -> None:
    """Fetches or copies from the beginning; one whose server died is fetched anew."""
    arriving = Import.objects.get(pk=pk)
    if arriving.state != State.RECEIVING:
        return
    Path(settings.COWWEB_ARRIVALS).mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        told = Told(arriving, Stopped)
        told(0, 0)
        if arriving.way == Import.Way.PATH:
            copied(import_file(arriving.file_name, field="path"), arriving.path, told)
        else:
            over_network(arriving, told)
    except Stopped:
        ended(arriving, State.CANCELLED, "Cancelled")
    except (DomainError, OSError) as error:
        ended(arriving, State.FAILED, str(error))
    else:
        received_all(arriving)


def copied(source: Path, target: Path, told: Told) -> None:
    """A file of an import folder, whichever way somebody swaps it meanwhile; the copy is what is checked."""
    with opened(source) as file, target.open("wb") as here:
        size, done = os.fstat(file.fileno()).st_size, 0
        while block := file.read(COPIED_AT_ONCE):
            here.write(block)
            done += len(block)
            told(done, size)


def over_network(arriving: Import, told: Told) -> None:
    expected_found(arriving)
    limits = Limits(most_bytes=settings.COWWEB_IMPORT_MAX_BYTES)
    found = fetched(arriving.url, arriving.path, limits, on_progress=told, network=outside.network())
    as_expected(arriving, found)


def expected_found(arriving: Import) -> None:
    """For an image of the catalogue: what its publisher says of it, now."""
    if not arriving.image_key:
        return
    found = digest_published(image_named(arriving.image_key), network=outside.network())
    Import.objects.filter(pk=arriving.pk).update(
        expected=found.digest, expected_from=found.said_by, note=found.signature
    )
    ring(f"import.{arriving.pk}")
    arriving.refresh_from_db()


def as_expected(arriving: Import, found: Fetched) -> None:
    wrong = mismatch(arriving.expected, sha256=found.sha256, sha512=found.sha512)
    if wrong:
        raise DomainError(wrong, field="digest")


def import_finished(pk: int) -> None:
    """Digest, gate, store, revision. Done again after a crash, it finds what it did before."""
    arriving = Import.objects.select_related("asked_by").get(pk=pk)
    if arriving.state != State.CHECKING:
        return
    try:
        sha256, sha512 = digests_of(arriving.path)
        Import.objects.filter(pk=pk).update(digest=sha256)
        wrong = mismatch(arriving.expected, sha256=sha256, sha512=sha512)
        if wrong:
            raise DomainError(wrong, field="digest")
        revision = registered(arriving, sha256)
    except (DomainError, DriverError, OSError) as error:
        ended(arriving, State.FAILED, str(error).replace(arriving.path.name, "The image"))
    else:
        ended(arriving, State.DONE, revision=revision)


def digests_of(path: Path) -> tuple[str, str]:
    sha256, sha512 = hashlib.sha256(), hashlib.sha512()
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            sha256.update(block)
            sha512.update(block)
    return sha256.hexdigest(), sha512.hexdigest()


def registered(arriving: Import, sha256: str) -> BaseRevision:
    """As `register_base` and `revise_base` do, in the name of who asked."""
    actor = Actor(user=arriving.asked_by, via=Via.SYSTEM)
    since = BaseRevision.objects.filter(base__name=arriving.name, created_at__gte=arriving.created_at)
    before = since.filter(digest=sha256).first()
    if before:
        return before
    glance(arriving.path)
    facts, source = facts_of(arriving)
    base = BaseImage.objects.filter(name=arriving.name).exclude(status=BaseImage.Status.FAILED).first()
    if base and base.revisions.exists():
        revisable(base)
    else:
        base = base_begun(arriving.name, facts, actor)
    return revision_imported(base_named(base.name), source, actor=actor, made_of=origin_of(arriving))


def facts_of(arriving: Import) -> tuple[Facts, Source]:
    said = dict(arriving.facts)
    boot = said.pop("boot", BaseRevision.BootKind.BIOS)
    seed = said.pop("seed", BaseRevision.Seed.NOCLOUD)
    return Facts(**said), Source(disk=arriving.path, boot_kind=boot, seed=seed)
