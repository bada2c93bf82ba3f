"""Whether a base's files are still what was admitted. Looking is cheap; reading happens when a look differs.

Example::

    revision_checked(clone.revision)     # before a machine starts; ConflictError where it no longer matches
"""

from django.utils import timezone

from bases.models import BaseRevision, stored
from bases.store import digest_of, identity_of
from cowweb.errors import ConflictError
from cowweb.live import ring


def revision_checked(revision: BaseRevision) -> None:
    """Refuses a revision whose image was modified, replaced, moved or deleted; its row says so then."""
    if looks_changed(revision):
        revision_verified(revision)
    if not revision.intact:
        raise ConflictError(f"{revision} no longer matches its digest; it starts no clones", field="base")


def looks_changed(revision: BaseRevision) -> bool:
    """Whether the image file is not the one that had the digest, as far as can be told without reading."""
    try:
        return identity_of(revision.disk) != revision.identity
    except OSError:
        return revision.intact or bool(revision.identity)


def revision_verified(revision: BaseRevision) -> bool:
    """Reads every file of it again; the row says whether they still have their digests."""
    files = [
        (revision.digest, "qcow2"),
        (revision.kernel_digest, "kernel"),
        (revision.initrd_digest, "initrd"),
    ]
    revision.intact = all(matches(digest, suffix) for digest, suffix in files if digest)
    revision.identity = identity_of(revision.disk) if revision.intact else ""
    revision.verified_at = timezone.now()
    revision.save(update_fields=["intact", "identity", "verified_at"])
    ring("bases", f"base.{revision.base_id}", "clones")
    return revision.intact


def matches(digest: str, suffix: str) -> bool:
    try:
        return digest_of(stored(digest, suffix)) == digest
    except OSError:
        return False
