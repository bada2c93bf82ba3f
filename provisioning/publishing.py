"""The phase that publishes a run's clone: as the next revision of its own base, or as a new base.

The clone is shut down for it, so that its disk is whole. The image is made beside the clone's disk and goes
through the same gate into the store as every import.
"""

from dataclasses import asdict, dataclass
from pathlib import Path

from audit.models import Via
from audit.services import Actor
from bases.models import BaseImage, BaseRevision
from bases.services import Facts, Source, base_register, base_revise
from bases.store import digest_of
from clones.grounds import grounds_checked
from clones.machines import clone_stopped
from clones.models import Clone
from clones.services import clone_moved
from cowweb.errors import ConflictError
from hosts.services import local_driver
from provisioning.models import Run, RunPhase
from provisioning.services import may_publish
from provisioning.work import Work

Phase = RunPhase.Name
FILE = "publish.qcow2"
HOLDS_MACHINE = [Clone.Status.RUNNING, Clone.Status.PAUSED, Clone.Status.STOPPING]


@dataclass
class Shown:
    """Percent beside the phase, a word each time a whole one is done."""

    work: Work
    seen: int = -1

    def __call__(self, percent: float) -> None:
        if int(percent) > self.seen:
            self.seen = int(percent)
            self.work.steps.say(f"writing an image of its own, {self.seen} %")


def published(work: Work) -> None:
    """The clone's disk as a base revision, once."""
    if not work.steps.is_due(Phase.PUBLISH):
        return
    with work.steps.phase(Phase.PUBLISH) as phase:
        clone = stood_still(work)
        file = clone.folder / FILE
        file.unlink(missing_ok=True)
        try:
            grounds_checked(clone)
            driver = local_driver()
            driver.disk_standalone(clone.disk, file, on_percent=Shown(work), cancel=work.stop)
            revision = published_before(work.run, file) or published_now(work.run, clone, file)
        finally:
            file.unlink(missing_ok=True)
        Run.objects.filter(pk=work.run.pk).update(published=revision)
        phase.note = f"published as {revision}"


def stood_still(work: Work) -> Clone:
    """The clone, shut down."""
    clone = work.clone
    if clone_moved(clone.pk, to=Clone.Status.STOPPING, since=HOLDS_MACHINE, start_asked=False):
        clone_stopped(clone.pk)
    clone = work.clone
    if clone.status != Clone.Status.STOPPED:
        raise ConflictError(f"{clone.name} is {clone.status}; only a stopped clone can be published")
    return clone


def published_before(run: Run, file: Path) -> BaseRevision | None:
    """What this run published before its server died: the same bytes under that name since it was ordered."""
    since = BaseRevision.objects.filter(base__name=run.publish_as, created_at__gte=run.created_at)
    return since.filter(digest=digest_of(file)).first() if since.exists() else None


def published_now(run: Run, clone: Clone, file: Path) -> BaseRevision:
    """In the name of who ordered the run."""
    actor, own = Actor(user=run.owner, via=Via.SYSTEM), clone.revision.base
    may_publish(run.publish_as, own, actor)
    old = clone.revision
    source = Source(file, old.boot_kind, old.kernel, old.initrd, old.cmdline, old.seed)
    if run.publish_as == own.name:
        base = base_revise(name=own.name, source=source, actor=actor)
    else:
        base = base_register(name=run.publish_as, source=source, facts=facts_of(own, run), actor=actor)
    if base.newest is None:
        raise ConflictError(f"{base.name} has no revision yet")
    return base.newest


def facts_of(own: BaseImage, run: Run) -> Facts:
    """A new base is as its clone's base was."""
    names = asdict(Facts()).keys() - {"description", "metadata"}
    return Facts(
        **{name: getattr(own, name) for name in names},
        description=f"{own.name} after {run.script_name} (run {run.pk})",
        metadata={**own.metadata, "run": run.pk, "script_sha256": run.script_sha256},
    )
