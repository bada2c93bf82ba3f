"""What the pages of the library show."""

from collections.abc import Mapping
from typing import Any

from django.contrib.auth.models import User
from django.core.paginator import Paginator
from django.db.models import Count, Max, Q

from cowweb.errors import NotFoundError
from cowweb.roles import curates
from people.models import Team
from people.rights import USE, teams_giving
from provisioning.difference import compared
from provisioning.library import version_number
from provisioning.models import Run, Script, ScriptVersion
from provisioning.pages import asked_context
from provisioning.services import script_parsed

PAGE_ROWS = 50
RUNS = 50
TABS = ("text", "versions", "runs")


def script_page(user: User, query: Mapping[str, str]) -> dict[str, Any]:
    scripts = (
        Script.objects.visible_to(user)
        .for_list()
        .annotate(run_count=Count("versions__runs"), run_at=Max("versions__runs__created_at"))
    )
    text = query.get("q", "")
    if text:
        scripts = scripts.filter(Q(name__icontains=text) | Q(description__icontains=text))
    page = Paginator(scripts, PAGE_ROWS).get_page(query.get("page"))
    kept = {"q": text} if text else {}
    return {"page": page, "scripts": page.object_list, "query": kept, "total": page.paginator.count}


def teams_of(user: User) -> list[str]:
    """The teams that the user may keep scripts for."""
    teams = Team.objects.all() if curates(user) else Team.objects.filter(pk__in=teams_giving(user, USE))
    return list(teams.order_by("name").values_list("name", flat=True))


def script_list_context(user: User, query: Mapping[str, str]) -> dict[str, Any]:
    return {**script_page(user, query), "live_path": "/ws/scripts/"}


def script_context(script: Script, user: User, query: Mapping[str, str]) -> dict[str, Any]:
    """One script: a version's text, all its versions, or the runs of any of them."""
    tab = query.get("tab", "text")
    version = version_shown(script, query.get("version", ""))
    context = {
        "script": script,
        "version": version,
        "is_current": script.current_id == version.pk,
        "tab": tab if tab in TABS else "text",
        "tabs": TABS,
        "may_change": script.may_be_changed_by(user),
    }
    if tab == "versions":
        return context | {"versions": versions_of(script)}
    if tab == "runs":
        runs = Run.objects.visible_to(user).filter(script_version__script=script)
        return context | {"runs": runs.for_list().select_related("script_version")[:RUNS]}
    asked = asked_context(user, script_parsed(version.text.encode(), name=script.name), version.text)
    return (
        context | asked | {"lines": version.text.split("\n")[: -1 if version.text.endswith("\n") else None]}
    )


def versions_of(script: Script) -> list[ScriptVersion]:
    versions = script.versions.select_related("saved_by").annotate(run_count=Count("runs")).defer("text")
    return list(versions.order_by("-number"))  # of a model that is counted over, the ordering does not hold


def version_shown(script: Script, number: str) -> ScriptVersion:
    version = script.current
    if number:
        version = script.versions.filter(number=version_number(number)).first()
    if version is None:
        raise NotFoundError(f"Script {script.name} has no version {number}", field="version")
    return version


def diff_context(script: Script, query: Mapping[str, str]) -> dict[str, Any]:
    """What became of one version in another; without a choice, of the last but one in the newest."""
    new = version_shown(script, query.get("to", ""))
    old = version_shown(script, query.get("from", "") or str(max(new.number - 1, 1)))
    return {
        "script": script,
        "old": old,
        "new": new,
        "versions": versions_of(script),
        "difference": compared(old.text, new.text),
    }
