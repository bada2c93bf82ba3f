"""What the clone pages show: the same context for the full page, its htmx answer and its live part."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.text import capfirst

from audit.models import AuditEntry, AuditEntryQuerySet
from bases.models import BaseImage
from clones.models import Clone
from clones.ports import ports_seen
from clones.querysets import CloneQuerySet
from clones.rows import ROW_FIELDS
from clones.services import MAKE
from clones.sharing import memory_use_of
from clones.tree import chain_of
from clones.wanted import why_not_live
from cowweb.clean import plain_text
from cowweb.roles import curates
from cowweb.values import egress_text
from hosts.errors import DriverError
from hosts.findings import Kind
from hosts.models import Finding, Job
from hosts.services import local_driver
from people import rights
from people.models import Team

PAGE_ROWS = 20
TEAMS_OFFERED = 50
OFFERED = ("name", "status", "memory_mb", "cpus")
BASES_OFFERED = 30  # of more, each is cloned from its own page
CAME: dict[str, str] = {
    Clone.Way.COLD: "It booted from its own disk.",
    Clone.Way.MEMORY: "It went on from the memory of a guest that had booted before. Nothing had to boot.",
    Clone.Way.SAVED: "It went on from its own memory, which was saved on disk.",
    Clone.Way.LIVE: "It went on from where its parent was, with its memory, as a machine of its own.",
    Clone.Way.SPARE: "A machine from the pool was waiting, and was handed over. Nothing had to start.",
}
DENIED_SHOWN = 12
KNOCK_S, KNOCK_SOON_S = 15, 3  # until the next knock; soon where nobody answers yet
SETTLE_S = 10.0  # how long a guest that has just come up may be silent on its ports
CONSOLE_LINES = 200
FILTERS = ("q", "whose", "status", "base", "show", "sort")
SHOWS = [("idle", "Idle"), ("ending", "Lease ends soon")]
COPIES = 20
STILL = "If it stays so, Stop ends it; its disk is kept."
SORTS = {
    "name": "name",
    "-name": "-name",
    "created": "pk",
    "-created": "-pk",
    "status": "status",
    "ready": "ready_ms",
}


def clone_page(user: User, query: Mapping[str, str]) -> dict[str, Any]:
    """One page of the list, filtered, sorted and cut as the query string says."""
    clones = Clone.objects.live().visible_to(user).for_rows()
    text, status, base = query.get("q", ""), query.get("status", ""), query.get("base", "")
    if text:
        owners = User.objects.filter(username__icontains=text)
        clones = clones.filter(Q(name__icontains=text) | Q(owner__in=owners))
    if status:
        clones = clones.filter(status=status)
    if base:
        clones = clones.filter(revision__base__name=base)
    clones = shown(held_by(clones, query.get("whose", ""), user), query.get("show", ""))
    sort = query.get("sort", "")
    ordered: Any = sorted_by(clones, sort)  # it is counted and cut, and nothing else
    page = Paginator(ordered, PAGE_ROWS).get_page(query.get("page"))
    keys = list(page.object_list)  # of all that are sorted and passed over, only the keys are read
    found = Clone.objects.for_rows().only(*ROW_FIELDS).in_bulk(keys)
    kept = {key: value for key, value in query.items() if key in FILTERS and value}
    return {
        "page": page,
        "clones": usable([found[key] for key in keys if key in found], user),
        "query": kept,
        "sort": sort,
        "total": page.paginator.count,
    }


def usable(clones: Iterable[Clone], user: User, level: rights.Level = rights.USE) -> list[Clone]:
    """The same, each with whether the user may use it: a row offers nothing that is only refused."""
    shown = list(clones)
    mine = Clone.objects.open_to(user, level).filter(pk__in=[clone.pk for clone in shown])
    keys = None if rights.everywhere(user, level) else set(mine.values_list("pk", flat=True))
    for clone in shown:
        clone.is_usable = keys is None or clone.pk in keys
    return shown


def sorted_by(clones: CloneQuerySet, sort: str) -> "QuerySet[Clone, int] | LastingLast":
    """Their keys, in order."""
    if sort == "lease":
        return LastingLast(clones)
    return clones.order_by(SORTS.get(sort, "-pk"), "-pk").values_list("pk", flat=True)


class LastingLast:
    """Keys of clones by the end of their lease, those without an end after all others.

    Two queries, as an index of the leases has the order of those that end, and nothing is to be sorted."""

    def __init__(self, clones: CloneQuerySet) -> None:
        self.clones = clones
        self.ending = clones.filter(lease__ends_at__isnull=False).order_by("lease__ends_at", "-pk")

    def __len__(self) -> int:
        return self.clones.count()

    def __getitem__(self, cut: slice) -> list[int]:
        keys = list(self.ending.values_list("pk", flat=True)[cut])
        if len(keys) == cut.stop - cut.start:
            return keys
        before = self.ending.count()
        lasting = self.clones.filter(lease__ends_at__isnull=True).order_by("-pk")
        rest = slice(max(cut.start - before, 0), max(cut.stop - before, 0))
        return [*keys, *lasting.values_list("pk", flat=True)[rest]]


def held_by(clones: CloneQuerySet, whose: str, user: User) -> CloneQuerySet:
    """One's own (`me`), a team's (`team:red`) or a person's (`user:mia`)."""
    kind, _, name = whose.partition(":")
    if whose == "me":
        return clones.filter(owner=user)
    if kind == "team":
        return clones.filter(team__name=name)
    return clones.filter(owner__username=name) if kind == "user" else clones


def whose_choices(user: User, chosen: str) -> list[tuple[str, str]]:
    """To filter by; also what was chosen elsewhere, though it is not among the first."""
    names = Team.objects.visible_to(user).order_by("name").values_list("name", flat=True)[:TEAMS_OFFERED]
    choices = [("me", "Mine"), *((f"team:{name}", f"Team {name}") for name in names)]
    if chosen and chosen not in dict(choices):
        choices.append((chosen, chosen.partition(":")[2]))
    return choices


def shown(clones: CloneQuerySet, what: str) -> CloneQuerySet:
    """Those that need a decision."""
    if what == "idle":
        return clones.idle()
    if what == "ending":
        return clones.filter(lease__warn_at__lte=timezone.now())
    return clones


def sharing_context(clone: Clone, user: User) -> dict[str, Any]:
    """Who has it, and whether the user may change that."""
    teams = Team.objects.visible_to(user)
    return {
        "shares": clone.shares.select_related("user", "team"),
        "team_choices": teams.order_by("name")[:TEAMS_OFFERED],
        "gives": rights.may(user, rights.OWN, clone),
    }


def list_context(user: User, query: Mapping[str, str]) -> dict[str, Any]:
    """The page around the rows: filters and the bases one can clone."""
    offered = BaseImage.objects.visible_to(user).usable().only(*OFFERED).order_by("name")
    usable = list(offered[: BASES_OFFERED + 1])
    page, bases = clone_page(user, query), usable[:BASES_OFFERED]
    return {
        **page,
        "bases": bases,
        "first": bases[0] if bases else None,
        "base_choices": base_choices(bases),
        "base_filters": base_filters(bases, page["query"].get("base", "")),
        "more_bases": len(usable) > BASES_OFFERED,
        "whose": whose_choices(user, page["query"].get("whose", "")),
        "statuses": [choice for choice in Clone.Status.choices if choice[0] not in Clone.GONE],
        "shows": SHOWS,
        "binned": Clone.objects.binned().visible_to(user).count(),
        "live_path": "/ws/clones/",
    }


def base_choices(bases: Sequence[BaseImage]) -> list[tuple[str, str]]:
    """For a new clone: what is no longer recommended comes last, and says so."""
    deprecated = [base for base in bases if base.status == BaseImage.Status.DEPRECATED]
    return [
        *((base.name, base.name) for base in bases if base not in deprecated),
        *((base.name, f"{base.name} (deprecated)") for base in deprecated),
    ]


def base_filters(bases: Sequence[BaseImage], chosen: str) -> list[tuple[str, str]]:
    """To filter by; also the one that was chosen on its own page, though it is not among the first."""
    names = [base.name for base in bases]
    return [(name, name) for name in ([] if not chosen or chosen in names else [chosen]) + names]


def detail_context(clone: Clone, user: User | None) -> dict[str, Any]:
    """Header, state, address, phases and what belongs to the clone; and what its reader may do with it."""
    owns = rights.may(user, rights.OWN, clone)
    return {
        "clone": clone,
        "owns": owns,
        "uses": owns or rights.may(user, rights.USE, clone),
        "curates": curates(user),
        "base": clone.revision.base,
        "snapshots": clone.snapshots.all(),
        "copies": clone.copies.all()[:COPIES],
        "runs": clone.runs.order_by("-pk")[:20],
        **network_context(clone, look=False),
        "saved_bytes": max(clone.revision.virtual_size - clone.disk_bytes, 0),
        "came": came_by(clone),
        "troubles": troubles_of(clone),
        "memory": memory_use_of(clone),
        "live_path": f"/ws/clones/{clone.name}/",
        **chain_context(clone),
    }


def troubles_of(clone: Clone) -> list[str]:
    """What the last look at the host found wrong with it while it runs: its state alone does not say."""
    if clone.status not in (Clone.Status.RUNNING, Clone.Status.PAUSED):
        return []
    found = Finding.objects.open().filter(subject=f"clone:{clone.name}", first_seen__gte=clone.created_at)
    then: dict[str, str] = {Kind.SOCKET: STILL}
    return [f"{capfirst(one.found)}. {then.get(one.kind, one.done)}" for one in found.order_by("pk")]


def chain_context(clone: Clone) -> dict[str, Any]:
    """Its chain, the last work on its disk, and what can be done about either."""
    chain = chain_of(clone)
    task = clone.disk_tasks.first()
    newest = clone.revision.base.current
    return {
        "chain": chain,
        "is_deep": chain["depth"] >= settings.COWWEB_CHAIN_WARN_DEPTH,
        "task": task,
        "newer": newest if newest and newest.number > clone.revision.number else None,
        "why_not_live": why_not_live(clone),
        "can_branch": clone.status in (Clone.Status.STOPPED, Clone.Status.RUNNING, Clone.Status.PAUSED),
    }


def record_of_clone(clone: Clone) -> AuditEntryQuerySet:
    """What made it, or ran on it, and what was done with it; not with an earlier clone of its name."""
    runs = Q(task__startswith="provisioning.", subject_id__in=clone.runs.values("pk"))
    jobs = Job.objects.filter(Q(task=MAKE, subject_id=clone.pk) | runs).exclude(audit_entry=None)
    done = Q(target=f"clone:{clone.name}", at__gte=clone.created_at)
    return AuditEntry.objects.filter(
        done | Q(pk__in=list(jobs.values_list("audit_entry", flat=True)))
    ).for_list()


def network_context(clone: Clone, *, look: bool) -> dict[str, Any]:
    """Its ports, with whether something answers there (`look` knocks), and what it may reach itself."""
    known = ports_seen(clone, look=look)
    return {
        "clone": clone,
        "knock_s": KNOCK_S if known and all(known.values()) else KNOCK_SOON_S,
        "forwards": [
            {"guest": guest, "host": host, **health_of(clone, host, known)} for guest, host in clone.forwards
        ],
        "egress": egress_text(clone.egress_ports),
        "denied": sorted(clone.denied.items(), key=lambda tried: -tried[1])[:DENIED_SHOWN],
    }


def health_of(clone: Clone, host: int, known: Mapping[int, bool]) -> dict[str, str]:
    """A port's dot and word. Silence of a guest that has only just come up says nothing yet."""
    if known.get(host):
        return {"tone": "ok", "icon": "circle-check", "word": "Answers"}
    if host not in known:
        return {"tone": "still", "icon": "circle-dashed", "word": "Not known yet"}
    if clone.ready_at is None or (timezone.now() - clone.ready_at).total_seconds() < SETTLE_S:
        return {"tone": "still", "icon": "circle-dashed", "word": "Not yet"}
    return {"tone": "warn", "icon": "circle-x", "word": "No answer"}


def came_by(clone: Clone) -> str:
    """How it came to run, in a sentence."""
    if clone.total_ms is None:
        return ""
    if clone.way == Clone.Way.LIVE and clone.pause_ms is not None:
        return f"{CAME[clone.way]} Its parent stood still for {clone.pause_ms:.1f} ms."
    return CAME[clone.way]


def console_text(clone: Clone) -> str:
    """The serial console's tail, or why there is none."""
    try:
        return plain_text(local_driver().console_tail(clone.folder, lines=CONSOLE_LINES))
    except DriverError as error:
        return str(error)
