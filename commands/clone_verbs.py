"""The verbs about clones: make them, look at them, move them through their life."""

from collections.abc import Callable
from typing import Any

from django.conf import settings

from bases.references import warning_of
from clones.actions import clone_pause, clone_resume
from clones.models import Clone
from clones.named import clone_named
from clones.saved import state_restore, state_save
from clones.services import Asked, clone_restart, clone_start, clone_stop, clones_create
from clones.snapshots import clone_reset, snapshot_create, snapshot_delete, snapshot_restore
from clones.wanted import Wanted
from commands.base_verbs import flag, megabytes, number
from commands.keys import MOST_LEASE
from commands.language import Command
from commands.service import Caller, Result
from cowweb.errors import DomainError
from cowweb.values import egress_ports, egress_text
from cowweb.wording import counted
from hosts.jobs import work_or_wait
from hosts.models import Host, Job
from hosts.services import host_look, local_host

MOST_AT_ONCE = 64
WAIT_SLACK_S = 60


def clone(command: Command, caller: Caller) -> Result:
    values = command.values
    count = number(values.get("count", "1"), key="count", most=MOST_AT_ONCE)
    name = values.get("name", "")
    names = [name] if count == 1 else [f"{name}-{n}" if name else "" for n in range(1, count + 1)]
    asked = clones_create([wanted(values, each) for each in names], actor=caller.actor)
    if caller.waits:
        for one in asked:
            finished(one)
    made = [clone_entry(Clone.objects.for_list().get(pk=one.clone.pk)) for one in asked]
    warning = warning_of(asked[0].clone.revision)
    warned = {"warning": warning} if warning else {}
    if count == 1:
        said = clone_sentence(made[0], waited=caller.waits) + (f" ({warning})" if warning else "")
        return {**made[0], **warned, "output": said}
    listed = ", ".join(one["name"] for one in made)
    output = f"{count} clones of {values.get('base') or values['from']}: {listed}"
    return {"output": output, "count": count, "clones": made, **warned}


def wanted(values: dict[str, str], name: str) -> Wanted:
    return Wanted(
        base=values.get("base", ""),
        parent=values.get("from", ""),
        name=name,
        memory_mb=megabytes(values["memory"]) if "memory" in values else None,
        cpus=number(values["cpus"], key="cpus") if "cpus" in values else None,
        start=not flag(values, "no_start"),
        way=way_wanted(values),
        egress_ports=egress_ports(values.get("egress_ports", "open")),
        lease_hours=number(values["lease"], key="lease", most=MOST_LEASE) if "lease" in values else None,
    )


def way_wanted(values: dict[str, str]) -> str:
    if not flag(values, "live"):
        return values.get("path", "")
    if "path" in values:
        raise DomainError("live=true is a way of its own: leave path out", field="path")
    return Clone.Way.LIVE


def finished(asked: Asked) -> Clone:
    """Does the asked work here, or waits for the server to do it; its failure is raised."""
    if asked.job is None:
        return asked.clone
    within_s = settings.COWWEB_READY_TIMEOUT_S + settings.COWWEB_STOP_GRACE_S + WAIT_SLACK_S
    if not work_or_wait(asked.job, timeout_s=within_s):
        raise DomainError(f"{asked.clone.name} was not done within {within_s} s", code="timeout")
    asked.job.refresh_from_db()
    if asked.job.state == Job.State.FAILED:
        raise DomainError(asked.job.failure, code="host_error")
    asked.clone.refresh_from_db()
    return asked.clone


def clone_entry(one: Clone) -> dict[str, Any]:
    """A clone as `clone` answers it."""
    return {
        "name": one.name,
        "disk": str(one.disk),
        "basedOn": one.revision.base.name,
        "started": one.status in (Clone.Status.RUNNING, Clone.Status.PAUSED),
        "status": one.status,
        "timings": {f"{name}_ms": ms for name, ms in one.timed},
        "path": one.way,
        "reason": one.way_reason,
        **({"parentPauseMs": one.pause_ms} if one.way == Clone.Way.LIVE else {}),
    }


def clone_sentence(entry: dict[str, Any], *, waited: bool) -> str:
    if not waited:
        return f"Clone {entry['name']} of {entry['basedOn']} is being made"
    if not entry["started"]:
        return f"Clone {entry['name']} of {entry['basedOn']} created in {entry['timings']['disk_ms']:.0f} ms"
    total = sum(ms for ms in entry["timings"].values() if ms)
    way = Clone.Way(entry["path"]).label.lower() + (f", because {entry['reason']}" if entry["reason"] else "")
    return f"Clone {entry['name']} of {entry['basedOn']} ready in {total:.0f} ms ({way})"


def clone_list(command: Command, caller: Caller) -> Result:
    clones = Clone.objects.live().visible_to(caller.actor.user).for_list()
    vms = [machine_entry(one) for one in clones]
    listed = ", ".join(f"{vm['name']} ({vm['status']})" for vm in vms)
    many = counted(len(vms), "clone")
    return {"output": f"{many}: {listed}" if vms else "No clones", "count": len(vms), "vms": vms}


def machine_entry(one: Clone) -> dict[str, Any]:
    """A clone as `list` and `inspect` answer it."""
    return {
        "name": one.name,
        "image": one.revision.base.name,
        "status": one.status,
        "created": one.created_at.isoformat(),
        "memory": f"{one.memory_mb}M",
        "cpus": one.cpus,
        "disk": str(one.disk),
        "network": {
            "forwards": [{"guest": guest, "host": host} for guest, host in one.forwards],
            "egress": egress_text(one.egress_ports),
            "denied": one.denied_attempts,
        },
    }


def inspect(command: Command, caller: Caller) -> Result:
    one = clone_named(command.values["name"], caller.actor)
    return {
        **machine_entry(one),
        **clone_entry(one),
        "output": f"{one.name} is {one.status}" + (f": {one.failure}" if one.failure else ""),
        "owner": one.owner.get_username(),
        "revision": str(one.revision),
        "failure": one.failure,
        "note": one.note,
        "leaseEnds": one.lease.ends_at.isoformat() if hasattr(one, "lease") and one.lease.ends_at else None,
        "sharedWith": [str(share) for share in one.shares.select_related("user", "team")],
        "savedAt": one.saved_at.isoformat() if one.saved_at else None,
        "diskBytes": one.disk_bytes,
        "ssh": one.ssh_command,
        "snapshots": [snapshot.name for snapshot in one.snapshots.all()],
    }


def status(command: Command, caller: Caller) -> Result:
    host: Host = host_look() if not local_host().facts else local_host()
    verdict = host.facts["accelerator"]
    active = Clone.objects.active().count()
    accelerator = f"{verdict['accelerator'].upper()}: {verdict['reason']}"
    return {
        "output": f"{active} of {settings.COWWEB_MAX_CLONES} machines, {accelerator}",
        "runtime": f"QEMU {host.facts['hypervisor_version']}",
        "activeVMs": active,
        "maxVMs": settings.COWWEB_MAX_CLONES,
        "accelerator": verdict["accelerator"],
    }


def life(verb: Callable[..., Asked], word: str, **fixed: bool) -> Callable[[Command, Caller], Result]:
    """A verb that moves a clone through its life."""

    def moved(command: Command, caller: Caller) -> Result:
        one = clone_named(command.values["name"], caller.actor)
        asked = verb(clone=one, actor=caller.actor, **fixed)
        if caller.waits:
            finished(asked)
        asked.clone.refresh_from_db()
        result: Result = {"vm": one.name, "status": asked.clone.status}
        if fixed and asked.skipped:
            return {**result, "output": f"{one.name} is {asked.clone.status} already", "skipped": True}
        return {**result, "output": f"{one.name} {word}"}

    return moved


start = life(clone_start, "started")
stop = life(clone_stop, "stopped")
restart = life(clone_restart, "restarted")
pause = life(clone_pause, "paused")
resume = life(clone_resume, "resumed")
save_state = life(state_save, "has its memory on disk and is stopped")
restore_state = life(state_restore, "goes on from its saved memory")
start_if_stopped = life(clone_start, "started", if_stopped=True)
stop_if_running = life(clone_stop, "stopped", if_running=True)


def snapshot(command: Command, caller: Caller) -> Result:
    one = clone_named(command.values["name"], caller.actor)
    taken = snapshot_create(clone=one, name=command.values["snapshot_name"], actor=caller.actor)
    return {"output": f"Snapshot {taken.name} of {one.name} taken", "vm": one.name, "snapshot": taken.name}


def restore(command: Command, caller: Caller) -> Result:
    one = clone_named(command.values["name"], caller.actor)
    name = command.values["snapshot_name"]
    snapshot_restore(clone=one, name=name, actor=caller.actor)
    return {"output": f"{one.name} is back at {name}", "vm": one.name, "snapshot": name}


def delete_snapshot(command: Command, caller: Caller) -> Result:
    one = clone_named(command.values["name"], caller.actor)
    name = command.values["snapshot_name"]
    snapshot_delete(clone=one, name=name, actor=caller.actor)
    return {"output": f"Snapshot {name} of {one.name} deleted", "vm": one.name, "snapshot": name}


def reset(command: Command, caller: Caller) -> Result:
    one = clone_reset(clone=clone_named(command.values["name"], caller.actor), actor=caller.actor)
    return {"output": f"{one.name} is as {one.revision} is", "vm": one.name, "base": str(one.revision)}
