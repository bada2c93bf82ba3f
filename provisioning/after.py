"""The phases after a script that succeeded and whose checks passed: what is kept of its clone's disk."""

from clones.models import Clone
from clones.snapshots import snapshot_taken
from hosts.services import local_driver
from provisioning.models import Run, RunPhase
from provisioning.work import Work

Phase = RunPhase.Name


def snapshot_kept(work: Work) -> None:
    """The clone's disk as the script left it, under the run's name."""
    if not work.steps.is_due(Phase.SNAPSHOT):
        return
    with work.steps.phase(Phase.SNAPSHOT) as phase:
        name = f"run-{work.run.pk}"
        clone = work.clone
        if not snapshot_there(clone, name):
            snapshot_taken(clone, name)
        Run.objects.filter(pk=work.run.pk).update(snapshot_name=name)
        phase.note = name


def snapshot_there(clone: Clone, name: str) -> bool:
    """Whether an earlier server got that far: a row whose snapshot was never taken is dropped."""
    row = clone.snapshots.filter(name=name)
    if not row.exists():
        return False
    if name in local_driver().image_inspect(clone.disk).snapshots:
        return True
    row.delete()
    return False
