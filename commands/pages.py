"""What the overview shows, and what the palette finds."""

from typing import Any, TypeVar

from django.contrib.auth.models import User
from django.db.models import Count, Model, Q, QuerySet, Sum
from django.urls import reverse

from audit.models import AuditEntry
from bases.imports import images_offered
from bases.models import BaseImage
from clones.models import Clone
from clones.pages import usable
from clones.room import Room
from clones.sharing import memory_shared
from clones.times import times_of
from cowweb.roles import administers, audits, curates
from people.models import Team
from provisioning.models import Run, Script

T = TypeVar("T", bound=Model)
CARDS = 8
TIMED = 50
RUNS_LOOKED_THROUGH = 200
FOUND = 6


def overview_context(user: User) -> dict[str, Any]:
    """My machines, what copy-on-write saved, how fast clones came, what runs and who did what."""
    clones = Clone.objects.live().visible_to(user)
    entries = AuditEntry.objects.for_list()
    bases = BaseImage.objects.visible_to(user).usable()
    sums = saved(clones)
    return {
        "clones": usable(clones.for_rows()[:CARDS], user),
        "clone_count": sums["count"],
        "running_count": sums["running"],
        "bases": bases.order_by("name")[:CARDS],
        "runs": Run.objects.visible_to(user).for_rows()[:6],
        "entries": (entries if audits(user) else entries.filter(actor=user))[:8],
        "saved": sums,
        "memory": memory_shared(Clone.objects.visible_to(user)),
        "times": times_of(Clone.objects.visible_to(user), last=TIMED),
        **room_context(user, bases),
        "live_path": "/ws/overview/",
    }


def room_context(user: User, bases: Any) -> dict[str, Any]:
    """The base that is offered first, and what one more clone of it leaves."""
    base = bases.filter(name="demo").first() or bases.order_by("name").first()
    if base is None:
        return {"base": None, "words": "", "fit": ""}
    return {"base": base, **Room(user).after(base)}


def saved(clones: Any) -> dict[str, int]:
    """Bytes that the clones' layers take, against full copies of their bases; how many there are and run."""
    sums: dict[str, int] = clones.aggregate(
        actual=Sum("disk_bytes", default=0),
        full=Sum("revision__file_size", default=0),
        count=Count("pk"),
        running=Count("pk", filter=Q(status=Clone.Status.RUNNING)),
    )
    return {**sums, "full": sums["full"] + sums["actual"]}


def found(user: User, text: str) -> list[dict[str, str]]:
    """Objects whose name has the text, each with where it is."""
    hits = [
        {"kind": "Base", "name": base.name, "url": reverse("base-detail", args=[base.name])}
        for base in named(BaseImage.objects.visible_to(user), text).order_by("name")[:FOUND]
    ]
    hits += [
        {"kind": "Clone", "name": clone.name, "url": reverse("clone-detail", args=[clone.name])}
        for clone in named(Clone.objects.live().visible_to(user), text).order_by("-pk")[:FOUND]
    ]
    hits += [
        {"kind": "Script", "name": script.name, "url": reverse("script-detail", args=[script.name])}
        for script in named(Script.objects.visible_to(user), text).order_by("name")[:FOUND]
    ]
    hits += [
        {"kind": "Run", "name": f"{run.pk} {run.script_name}", "url": reverse("run-detail", args=[run.pk])}
        for run in Run.objects.visible_to(user)
        .filter(script_name__icontains=text)
        .only("script_name")
        .order_by("-pk")[:FOUND]
    ]
    return hits + people_found(user, text)


def named(found: QuerySet[T], text: str) -> QuerySet[T]:
    """Those whose name has the text; nothing else of them is read."""
    return found.filter(name__icontains=text).only("name")


def people_found(user: User, text: str) -> list[dict[str, str]]:
    """Teams that one may see; for administrators, who have pages of people, these too."""
    teams = Team.objects.visible_to(user).filter(name__icontains=text).order_by("name")[:FOUND]
    hits = [
        {"kind": "Team", "name": team.name, "url": reverse("team-detail", args=[team.name])} for team in teams
    ]
    if administers(user):
        named = User.objects.filter(Q(username__icontains=text) | Q(first_name__icontains=text))
        for person in named.order_by("username")[:FOUND]:
            name, url = person.get_username(), reverse("person-detail", args=[person.get_username()])
            hits.append({"kind": "Person", "name": name, "url": url})
    return hits


def names_for(user: User, kind: str, prefix: str) -> list[str]:
    """The names of a kind that begin with what was typed, for completing a command."""
    if kind == "runs":
        newest = Run.objects.visible_to(user).order_by("-pk").values_list("pk", flat=True)
        return [str(pk) for pk in newest[:RUNS_LOOKED_THROUGH] if str(pk).startswith(prefix)][:FOUND]
    if kind == "imports":
        offered = images_offered() if curates(user) else []
        return [name for name in offered if name.startswith(prefix)][:FOUND]
    if kind == "people":
        people = User.objects.filter(username__startswith=prefix).order_by("username")
        return list(people.values_list("username", flat=True)[:FOUND]) if administers(user) else []
    clones = Clone.objects.live().visible_to(user)
    queries: dict[str, QuerySet[Any]] = {
        "teams": Team.objects.visible_to(user).filter(name__startswith=prefix).order_by("name"),
        "binned": Clone.objects.binned().visible_to(user).filter(name__startswith=prefix).order_by("-pk"),
        "bases": BaseImage.objects.visible_to(user).usable().filter(name__startswith=prefix).order_by("name"),
        "clones": clones.filter(name__startswith=prefix).order_by("-pk"),
        "scripts": Script.objects.visible_to(user).filter(name__startswith=prefix).order_by("name"),
    }
    query = queries.get(kind)
    return [] if query is None else list(query.values_list("name", flat=True)[:FOUND])
