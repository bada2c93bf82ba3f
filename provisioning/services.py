"""What can be done with scripts and runs.

Example::

    run = run_create(Order(text=data, script_name="deploy.rexx"), actor=actor).run   # queued; a job runs it
    run_again(run=run, actor=actor)                                          # the same on a fresh clone
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction

from audit.services import Actor, operation
from bases.models import BaseImage
from bases.services import base_open, curators_only
from clones.admission import admitted
from clones.wanted import Wanted, checked_name, clone_row
from cowweb.errors import DomainError, NameTakenError, NotFoundError
from cowweb.live import ring
from hosts.jobs import enqueue
from hosts.models import Job
from hosts.services import room
from provisioning.header import Header, Limits, Parsed, parse_script
from provisioning.known_runtimes import known_runtimes
from provisioning.models import Run, RunPhase, ScriptVersion
from provisioning.parameters import Value, values_of
from provisioning.sealed import secrets_sealed
from provisioning.usage import minutes_checked

Status = Run.Status
RUN = "provisioning.tasks.run_task"
MISSING_BASE = "Script missing required metadata: rexxjs-vm-base"


@dataclass(frozen=True, slots=True)
class Order:
    """A script to run, and what the caller wants other than its header says."""

    text: bytes
    script_name: str
    version: ScriptVersion | None = None  # of the library, when the text is one of its own
    name: str = ""
    base: str = ""
    memory_mb: int | None = None
    cpus: int | None = None
    ports: tuple[int, ...] | None = None
    timeout_s: int | None = None
    parameters: Mapping[str, str] = field(default_factory=dict, repr=False)
    keep_running: bool = False
    snapshot: bool = False
    afterwards: str = ""
    channel: str = ""
    publish: str = ""
    interactive: bool = False
    runtime: str = ""

    @property
    def then(self) -> str:
        """What becomes of the clone: `keep_running` is the older word for keeping it."""
        return self.afterwards or (Run.Afterwards.KEEP if self.keep_running else Run.Afterwards.STOP)


@dataclass(frozen=True, slots=True)
class Ordered:
    run: Run
    job: Job


def script_parsed(data: bytes, *, name: str = "") -> Parsed:
    """The script's header, held against what this host can give."""
    most = room()
    limits = Limits(memory_mb=most.memory_mb, cpus=most.cpus, limited_by=most.limited_by)
    return parse_script(data, limits=limits, name=name)


def run_named(run_id: int, actor: Actor) -> Run:
    run = Run.objects.visible_to(actor.user).for_list().filter(pk=run_id).first()
    if run is None:
        raise NotFoundError(f"Run {run_id} not found", field="run")
    return run


def run_create(order: Order, *, actor: Actor) -> Ordered:
    """Asks for a script to be run on a fresh clone."""
    params = {
        "script": order.script_name,
        "version": order.version.number if order.version else None,
        "name": order.name,
        "base": order.base,
        "memory_mb": order.memory_mb,
        "cpus": order.cpus,
        "ports": order.ports,
        "timeout_s": order.timeout_s,
        "parameters": sorted(order.parameters),
        "after": order.then,
        "channel": order.channel,
        "publish": order.publish,
        "snapshot": order.snapshot,
        "interactive": order.interactive,
        "runtime": order.runtime,
        "sha256": hashlib.sha256(order.text).hexdigest(),
    }
    with operation(actor, "provision", target=f"script:{order.script_name}", params=params) as op:
        wishes_agree(order)
        parsed = script_accepted(order)
        values = values_of(parsed.header.params, order.parameters)
        with transaction.atomic():
            run = run_row(order, parsed, values, actor)
            job = enqueue(RUN, run.pk, entry=op.entry)
        op.goes_on()
        return Ordered(run, job)


def wishes_agree(order: Order) -> None:
    """What is wanted of the clone afterwards is one thing, and its channel can carry what is sent."""
    if order.interactive and order.channel == Run.Channel.QGA:
        raise DomainError(
            "channel=qga carries no input to a running script: choose agent or ssh, or no interactive=true",
            field="channel",
        )
    if order.runtime and not known_runtimes().filter(name=order.runtime).exists():
        raise NotFoundError(f"Runtime {order.runtime} not found", field="runtime")
    if order.keep_running and order.then != Run.Afterwards.KEEP:
        raise DomainError(
            f"after={order.then} contradicts keep_running=true: leave one of them out", field="after"
        )
    if order.snapshot and order.then == Run.Afterwards.REMOVE:
        raise DomainError(
            "after=remove would remove the snapshot with the clone: choose after=stop, or no snapshot",
            field="after",
        )


def script_accepted(order: Order) -> Parsed:
    """The parsed script, or every problem of its header at once."""
    parsed = script_parsed(order.text, name=order.script_name)
    if parsed.problems:
        listed = "; ".join(str(problem) for problem in parsed.problems)
        raise DomainError(f"{order.script_name}: {listed}", field="script")
    if not (order.base or parsed.header.base):
        raise DomainError(MISSING_BASE, field="script")
    return parsed


def run_row(order: Order, parsed: Parsed, values: Sequence[Value], actor: Actor) -> Run:
    """The run, its phases and its clone's row, in the caller's transaction."""
    header = parsed.header
    reference = order.base or header.base_reference
    wanted = Wanted(
        base=reference,
        name=order.name,
        memory_mb=order.memory_mb or header.memory_mb,
        cpus=order.cpus or header.cpus,
        ports=header.ingress_ports if order.ports is None else order.ports,
        egress_ports=header.egress_ports,
    )
    if order.publish:
        may_publish(order.publish, base_open(reference, actor)[0], actor)
    clone = clone_row(wanted, actor=actor)
    run = Run.objects.create(
        script_name=order.script_name[:200],
        script_text=parsed.text,
        script_sha256=hashlib.sha256(parsed.text.encode()).hexdigest(),
        script_version=order.version,
        owner=clone.owner,
        clone=clone,
        clone_name=clone.name,
        base_reference=reference,
        revision_name=str(clone.revision),
        memory_mb=clone.memory_mb,
        cpus=clone.cpus,
        timeout_s=order.timeout_s or header.timeout_s,
        overrides=overrides_of(order, header),
        parameters=[value.stored() for value in values],
        afterwards=order.then,
        channel_asked=order.channel,
        publish_as=order.publish,
        snapshot=order.snapshot,
        interactive=order.interactive,
        runtime_asked=order.runtime,
    )
    secrets_sealed(run, {value.name: value.text for value in values if value.is_secret})
    RunPhase.objects.bulk_create(
        RunPhase(run=run, name=name, position=position)
        for position, name in enumerate(phases_of(order, parsed))
    )
    admitted([clone])
    minutes_checked(run)
    ring("runs")
    return run


def may_publish(name: str, own: BaseImage, actor: Actor) -> None:
    """Refuses before anything is made what could not be published in the end."""
    curators_only(actor)
    checked_name(name)
    other = BaseImage.objects.filter(name=name).exclude(pk=own.pk).exclude(status=BaseImage.Status.FAILED)
    if other.exists():
        raise NameTakenError(
            f"There is a base image {name} already; a run on {own.name} publishes a revision of {own.name}, "
            "or a new base",
            field="publish",
        )


def overrides_of(order: Order, header: Header) -> dict[str, list[Any]]:
    """What the caller wanted other than the script says: by key, what it says and what is used."""
    said_and_wanted = {
        "base": (header.base_reference, order.base or None),
        "memory": (header.memory_mb, order.memory_mb),
        "cpus": (header.cpus, order.cpus),
        "ports": (list(header.ingress_ports), None if order.ports is None else list(order.ports)),
        "timeout": (header.timeout_s, order.timeout_s),
    }
    return {
        key: [said, wanted]
        for key, (said, wanted) in said_and_wanted.items()
        if wanted is not None and wanted != said
    }


def phases_of(order: Order, parsed: Parsed) -> list[str]:
    """The steps this run will take, in order."""
    name = RunPhase.Name
    steps = [name.PARSE, name.ALLOCATE, name.CLONE, name.START, name.READY, name.RUNTIME, name.SCRIPT]
    steps += [name.CHECKS] if parsed.header.checks else []
    steps += [name.SNAPSHOT] if order.snapshot else []
    steps += [name.PUBLISH] if order.publish else []
    return [str(step) for step in (*steps, name.RELEASE)]


def run_again(*, run: Run, actor: Actor, parameters: Mapping[str, str] | None = None) -> Ordered:
    """The same text with the same wishes and parameters, on a fresh clone; secrets are not kept, so they are
    to be given again."""
    return run_create(order_of(run, parameters or {}), actor=actor)


def order_of(run: Run, parameters: Mapping[str, str]) -> Order:
    """What was asked for with a run, with other parameters where they are given."""
    given = {one["name"]: one["value"] for one in run.parameters if one["given"] and one["value"] is not None}
    used = {key: values[1] for key, values in run.overrides.items()}
    return Order(
        text=run.script_text.encode(),
        script_name=run.script_name,
        version=run.script_version,
        base=used.get("base", ""),
        memory_mb=used.get("memory"),
        cpus=used.get("cpus"),
        ports=tuple(used["ports"]) if "ports" in used else None,
        timeout_s=used.get("timeout"),
        parameters={**given, **parameters},
        afterwards=run.afterwards,
        channel=run.channel_asked,
        publish=run.publish_as,
        snapshot=run.snapshot,
        interactive=run.interactive,
        runtime=run.runtime_asked,
    )
