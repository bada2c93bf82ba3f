"""What the Files tab of a clone shows: the same for the page and for its live part."""

from typing import Any

from django.urls import reverse
from django.utils.http import urlencode

from audit.services import Actor
from clones.file_models import FileCopy
from clones.files import folder_listed, remote_checked
from clones.models import Clone
from cowweb.errors import DomainError
from hosts.errors import DriverError

FIRST = "/root"


def files_context(clone: Clone, path: str, actor: Actor) -> dict[str, Any]:
    """A guest's folder, or why it cannot be shown."""
    here = f"{reverse('clone-detail', args=[clone.name])}?{urlencode({'tab': 'files', 'path': path})}"
    context: dict[str, Any] = {"path": path, "here": here, "crumbs": crumbs(path), "cannot": ""}
    try:
        context["listing"] = folder_listed(clone=clone, path=remote_checked(path), actor=actor)
    except (DomainError, DriverError) as error:
        context["cannot"] = str(error)
    return context


def crumbs(path: str) -> list[tuple[str, str]]:
    """Each folder above, by name and path."""
    parts = [part for part in path.split("/") if part]
    return [("/", "/"), *((part, "/" + "/".join(parts[: at + 1])) for at, part in enumerate(parts))]


def folder_changed(clone: Clone) -> tuple[str, int | None]:
    """Another answer than before: what is in the guest's folders may have changed by us, or cannot be asked
    for any more."""
    arrived = clone.copies.filter(way=FileCopy.Way.IN, ended_at__isnull=False).order_by("-ended_at")
    return clone.status, arrived.values_list("pk", flat=True).first()
