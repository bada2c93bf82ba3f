"""Rows of the list of clones, drawn once for everyone who looks at them.

A row shows nothing but `ROW_FIELDS` and whether its reader may use it: what is kept of it is found by those
and is never another's. It is kept for seconds: its relative times are told anew then, and by the browser
meanwhile.

Example::

    rows_drawn(Clone.objects.for_rows().only(*ROW_FIELDS))
"""

import hashlib
from collections.abc import Iterable

from django.core.cache import caches
from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from clones.models import Clone

# of five tables with a hundred columns, twenty rows are read as quickly as these are
ROW_FIELDS = (
    *("uuid", "name", "status", "created_at", "changed_at", "ready_at", "saved_at", "memory_mb", "cpus"),
    *("disk_bytes", "forwards", "way", "moment_ms", "disk_ms", "start_ms", "identity_ms", "ready_ms"),
    *(
        "owner__username",
        "team__name",
        "revision__number",
        "revision__base__name",
        "revision__base__ssh_user",
    ),
    *("lease__ends_at", "lease__warn_at", "lease__ended_at", "activity__active_at"),
)
TEMPLATE = "clones/_clone_row.html"
KEPT_S = 15
COUNTING = (Clone.Status.CREATING, Clone.Status.STARTING)  # their time counts up


def rows_drawn(clones: Iterable[Clone]) -> SafeString:
    """The rows, each as it was drawn a moment ago where nothing of it changed since."""
    cache, keys = caches["drawn"], {key_of(clone): clone for clone in clones}
    known = cache.get_many(keys)
    fresh = {key: drawn(clone) for key, clone in keys.items() if key not in known}
    cache.set_many({key: fresh[key] for key in fresh if keys[key].status not in COUNTING}, KEPT_S)
    return SafeString("".join((known | fresh)[key] for key in keys))


def drawn(clone: Clone) -> str:
    return render_to_string(TEMPLATE, {"clone": clone})


def key_of(clone: Clone) -> str:
    shown = [clone.pk, clone.is_usable, *(value_of(clone, path) for path in ROW_FIELDS)]
    return f"clone_row.{hashlib.sha256(repr(shown).encode()).hexdigest()}"


def value_of(clone: Clone, path: str) -> object:
    """None where there is no lease or activity."""
    found: object = clone
    for name in path.split("__"):
        found = getattr(found, name, None)
    return found
