"""Rows of runs, and what the page of a base shows of scripts and runs: `{% load provisioning %}`."""

from collections.abc import Iterable

from django import template
from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from bases.models import BaseImage, BaseRevision
from cowweb.drawn import drawn, key_of, values_of
from provisioning.models import ROW_FIELDS, Run, RuntimeFound
from provisioning.named_by import NamedBy, named_by

register = template.Library()


@register.simple_tag
def run_rows(runs: Iterable[Run]) -> SafeString:
    """Drawn once for everyone; of those that go on the time counts up."""
    rows = {key_of("run_row", run.pk, *values_of(run, ROW_FIELDS)): run for run in runs}
    return drawn(rows, run_row, kept=lambda run: run.has_ended)


def run_row(run: Run) -> str:
    return render_to_string("provisioning/_run_row.html", {"run": run})


@register.simple_tag(takes_context=True)
def base_named_by(context: template.Context, base: BaseImage) -> NamedBy:
    """As far as the page's user may see it."""
    return named_by(base, context["user"])


@register.simple_tag
def runtimes_of(revision: BaseRevision | None) -> dict[str, list[RuntimeFound]]:
    """Which of the site's runtimes a revision `has` and which it `lacks`, as its first script found."""
    rows = list(RuntimeFound.objects.filter(revision=revision).select_related("runtime"))
    rows.sort(key=lambda row: row.runtime.name)
    return {"has": [row for row in rows if row.path], "lacks": [row for row in rows if not row.path]}
