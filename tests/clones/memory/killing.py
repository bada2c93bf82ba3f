"""A site in a process of its own whose workers are killed at random moments; run by `test_killed_workers`.

`python killing.py ROWS ROUNDS OF`: ROWS are a template, and what it is of, of the site at OF. Prints what was found, as JSON.
"""

import json
import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import django

django.setup()

from django.conf import settings  # noqa: E402
from django.contrib.auth.models import User  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402

from audit.models import Via  # noqa: E402
from audit.services import Actor  # noqa: E402
from clones.leftovers import leftovers_cleared  # noqa: E402
from clones.models import Clone  # noqa: E402
from clones.services import clone_create, clone_remove  # noqa: E402
from clones.wanted import Wanted  # noqa: E402
from hosts import services  # noqa: E402
from hosts.drivers.qemu import QemuDriver  # noqa: E402
from hosts.jobs import queued_ids, requeue_orphans, this_worker, work  # noqa: E402
from pools.models import Spare, Template  # noqa: E402
from pools.spares import spare_discarded, spare_wanted, spares_reconciled  # noqa: E402
from tests.drivers.driver_support import TCG  # noqa: E402
from tests.support.machines import machines_ended  # noqa: E402

LOOKS, LOOK_EVERY_S = 10, 0.3
LATEST_S = 1.2  # by then a clone or a spare is usually there, on a slow machine too


def forked(task: Callable[[], object]) -> int:
    """Does it in another process, as a worker would."""
    connection.close()
    child = os.fork()
    if not child:
        this_worker.cache_clear()
        task()
        os._exit(0)
    return child


def done(task: Callable[[], object]) -> None:
    assert os.waitpid(forked(task), 0)[1] == 0


def all_done() -> None:
    requeue_orphans()
    for job_id in queued_ids():
        work(job_id)


def killed_at_random(task: Callable[[], object]) -> None:
    child = forked(task)
    time.sleep(random.uniform(0, LATEST_S))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def machines() -> set[int]:
    return {record.pid for record in services.local_driver().running(Path(settings.COWWEB_DATA))}


def known() -> set[int]:
    """The processes that rows answer for."""
    rows = [*Clone.objects.live(), *Spare.objects.filter(status="ready")]
    return {row.record["pid"] for row in rows if row.record}


def reconciled() -> None:
    """As often as it takes: what was killed between fork and exec is no machine yet at the first look."""
    for _ in range(LOOKS):
        leftovers_cleared()
        if machines() == known():
            return
        time.sleep(LOOK_EVERY_S)


def one_round(number: int, actor: Actor, template: Template) -> str:
    """Kills a worker in the middle; then reconciles as a server that starts does. What it was doing."""
    if number % 3 == 0:
        _, job = spare_wanted(template)
        job_id, clone = job.pk, None
    else:
        asked = clone_create(Wanted(base="tiny", name=f"k{number}"), actor=actor)
        assert asked.job
        job_id, clone = asked.job.pk, asked.clone
    killed_at_random(lambda: work(job_id))
    caught = f"clone {Clone.objects.get(pk=clone.pk).status}" if clone else "spare"
    if clone and number % 2:
        clone_remove(clone=Clone.objects.get(pk=clone.pk), actor=actor)
    done(all_done)
    spares_reconciled()
    reconciled()
    assert machines() == known(), (caught, machines(), known())
    live = Clone.objects.live()
    assert all(one.status == "running" and one.identity_verified for one in live), list(live.values())
    return caught


def main(rows: str, rounds: int, of: Path) -> None:
    settings.COWWEB_STORE, settings.COWWEB_TEMPLATES = of / "store", of / "templates"
    call_command("migrate", verbosity=0)
    call_command("loaddata", rows, verbosity=0)
    driver = QemuDriver(accelerator=lambda: TCG, disks=Path(settings.COWWEB_DATA))
    services.driver_for = lambda *args, **kwargs: driver
    actor, template = Actor(user=User.objects.get(), via=Via.SHELL), Template.objects.get()
    try:
        caught = Counter(one_round(number, actor, template) for number in range(rounds))
        ways = Counter(Clone.objects.filter(ready_at__isnull=False).values_list("way", flat=True))
        for clone in Clone.objects.live():
            clone_remove(clone=clone, actor=actor)
        done(all_done)
        for spare in Spare.objects.filter(status="ready"):
            spare_discarded(spare, "the end")
        cleared = leftovers_cleared()
        left = [str(path) for path in Path(settings.COWWEB_CLONES).iterdir()]
        memory = [path.name for path in Path(settings.COWWEB_MEMORY).iterdir()]
        found = {"left": left, "memory": memory, "machines": len(machines()), "cleared": cleared}
        print(json.dumps({**found, "caught": caught, "ways": ways, "ram": template.memory.name}))
    finally:
        machines_ended(Path(settings.COWWEB_DATA), driver)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
