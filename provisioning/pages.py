"""What the run pages show."""

import hashlib
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.core.paginator import Paginator
from django.db.models import Q

from bases.models import BaseImage
from clones.pages import network_context
from cowweb.errors import DomainError
from cowweb.wording import days_or_hours
from people import rights
from provisioning.going_on import secret_names
from provisioning.header import Parsed
from provisioning.header.params import FLAGS
from provisioning.machine_asked import rows_asked, rows_used, wishes_read
from provisioning.models import Run, RunPhase, Script
from provisioning.sending import takes_input
from provisioning.usage import minutes

PAGE_ROWS = 50


def run_page(user: User, query: Mapping[str, str]) -> dict[str, Any]:
    runs = Run.objects.visible_to(user).for_rows()
    text, status = query.get("q", ""), query.get("status", "")
    if text:
        runs = runs.filter(Q(script_name__icontains=text) | Q(clone_name__icontains=text))
    if status:
        runs = runs.filter(status=status)
    page = Paginator(runs, PAGE_ROWS).get_page(query.get("page"))
    kept = {key: query[key] for key in ("q", "status") if query.get(key)}
    return {"page": page, "runs": page.object_list, "query": kept, "total": page.paginator.count}


def list_context(user: User, query: Mapping[str, str]) -> dict[str, Any]:
    return {**run_page(user, query), "statuses": Run.Status.choices, "live_path": "/ws/runs/"}


def detail_context(run: Run, user: User) -> dict[str, Any]:
    """What is only for those who may `use` the run, or `own` its clone, is not offered to others."""
    phases = list(run.phases.all())
    uses = rights.may(user, rights.USE, run)
    return {
        "run": run,
        "uses": uses,
        "owns": uses and run.clone is not None and rights.may(user, rights.OWN, run.clone),
        "clone": run.clone,
        "machine": rows_used(run),
        "phases": phases,
        **ways_on(run, phases),
        **input_context(run, uses=uses),
        "checkpoints": run.checkpoints.all(),
        **(network_context(run.clone, look=False) if run.clone else {}),
        "live_path": f"/ws/runs/{run.pk}/",
        "log_path": f"/ws/runs/{run.pk}/log/",
    }


def input_context(run: Run, form: object = None, *, uses: bool = True) -> dict[str, Any]:
    """The box for what its script reads; `form` is what was sent last."""
    takes = uses and run.interactive and takes_input(run)
    return {"run": run, "uses": uses, "takes": takes, "sent": form}


def ways_on(run: Run, phases: list[RunPhase]) -> dict[str, Any]:
    """The phases that a run which ended badly can be retried from: the one that failed, and those before."""
    failed = next((phase for phase in phases if phase.name == run.failed_phase), None)
    script = next((phase for phase in phases if phase.name == RunPhase.Name.SCRIPT), None)
    return {
        "secrets_again": secret_names(run),
        "bin_kept": days_or_hours(settings.COWWEB_BIN_HOURS),
        "needs_secrets": bool(script and (failed is None or failed.position <= script.position)),
        "afterwards": Run.Afterwards.choices,
        "failed_label": failed.get_name_display() if failed else "where it stopped",
        "retry_from": [phase for phase in phases if failed and phase.position <= failed.position][::-1],
    }


def new_context(user: User, text: str = "") -> dict[str, Any]:
    usable = BaseImage.objects.visible_to(user).usable()
    return {
        "text": text,
        "scripts": Script.objects.visible_to(user).order_by("name"),
        "bases": [(name, name) for name in usable.order_by("name").values_list("name", flat=True)],
        "afterwards": Run.Afterwards.choices,
        "channels": Run.Channel.choices,
    }


def asked_context(
    user: User, parsed: Parsed, text: str, wishes: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """The machine that a script asks for, drawn from its header and from what is wished instead."""
    header, wishes = parsed.header, wishes or {}
    reference = wishes.get("base") or header.base_reference
    name = reference.partition("@")[0]
    usable = BaseImage.objects.visible_to(user).usable().select_related("current")
    base = usable.filter(name=name).first()
    rows = rows_asked(header, base, wishes)
    read = wishes_read(wishes)
    return {
        "parsed": parsed,
        "header": header,
        "problems": parsed.problems,
        "base": base,
        "memory_asked": read.get("memory") or header.memory_mb,
        "cpus_asked": read.get("cpus") or header.cpus,
        "minutes_asked": minutes(read.get("timeout") or header.timeout_s),
        "reference": reference,
        "is_empty": not text.strip(),
        "base_missing": bool(name) and base is None,
        "rows": rows,
        "said": {row.key: row for row in rows},
        "machine_open": any(row.is_changed for row in rows),
        **parameters_context(parsed, wishes),
    }


def parameters_context(parsed: Parsed, posted: Mapping[str, str]) -> dict[str, Any]:
    """The declared parameters with what was given so far; a secret is never given back."""
    params = [
        {
            "name": param.name,
            "kind": param.kind,
            "words": param.words,
            "default": param.default,
            "is_secret": param.is_secret,
            "is_argument": param.is_argument,
            "options": FLAGS if param.kind == "flag" else param.choices,
            "value": "" if param.is_secret else posted.get(f"param.{param.name}") or param.default or "",
        }
        for param in parsed.header.params
    ]
    shape = hashlib.sha256(repr(parsed.header.params).encode()).hexdigest()[:16]
    return {"params": params, "shape": shape, "shape_changed": posted.get("shape") != shape}


def refused_again(run: Run, error: DomainError) -> str:
    """Why a run was not begun again: most often because its secrets are gone."""
    names = secret_names(run)
    if error.field != "parameters" or not names:
        return str(error)
    return f"Secrets are deleted when a run ends: give {', '.join(names)} again, and run it"
