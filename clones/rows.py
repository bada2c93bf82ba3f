"""Rows of the list of clones, drawn once for everyone who looks at them.

A row shows nothing but `ROW_FIELDS` and whether its reader may use it: what is kept of it is found by those
and is never another's. It is kept for seconds: its relative times are told anew then, and by the browser
meanwhile.

Example::

    rows_drawn(Clone.objects.for_rows().only(*ROW_FIELDS))
"""

from collections.abc import Iterable

from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from clones.models import Clone
from cowweb.drawn import drawn, key_of, values_of

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
COUNTING = (Clone.Status.CREATING, Clone.Status.STARTING)  # their time counts up


def rows_drawn(clones: Iterable[Clone]) -> SafeString:
    """The rows, each as it was drawn a moment ago where nothing of it changed since."""
    rows = {row_key(clone): clone for clone in clones}
    return drawn(rows, row, kept=lambda clone: clone.status not in COUNTING)


def row(clone: Clone) -> str:
    return render_to_string(TEMPLATE, {"clone": clone})


def row_key(clone: Clone) -> str:
    return key_of("clone_row", clone.pk, clone.is_usable, *values_of(clone, ROW_FIELDS))
