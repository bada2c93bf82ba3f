"""What the serving process does beside answering: the doorbell, the jobs, and looking after the machines."""

import asyncio
import logging
from collections.abc import Callable

from audit.seal import head_sealed
from audit.streams import records_streamed
from audit.verify import looked_after as record_looked_after
from bases.schedule import registry_looked_after
from clones.activity import machines_looked_at
from clones.branching import disks_reconciled
from clones.disk_watch import disks_measured, full_disks_looked_after
from clones.egress import egress_cleared, egress_looked_after
from clones.lease_upkeep import leases_looked_after
from clones.reconcile import clones_reconciled
from clones.stranded import clones_looked_after
from clones.survey import site_surveyed
from cowweb import live
from cowweb.threads import in_thread
from hosts.capacity import capacity_measured
from hosts.runner import Runner
from hosts.services import host_look
from pools.refill import pools_refilled
from pools.spares import spares_reconciled
from pools.upkeep import abandoned_ended, templates_reconciled
from provisioning.at_work import clones_of_runs
from provisioning.retention import outputs_expired
from provisioning.stranded import runs_looked_after
from quotas.raises import raises_ended

logger = logging.getLogger(__name__)

MACHINES_EVERY_S = 2.0
LEASES_EVERY_S = 60.0
SURVEY_EVERY_S = 30.0
EGRESS_EVERY_S = 3.0
STALE_EVERY_S = 60.0
HOST_EVERY_S = 300.0
REGISTRY_EVERY_S = 60.0
CAPACITY_EVERY_S = 10.0
RAISES_EVERY_S = 60.0
STRANDED_EVERY_S = 60.0
OUTPUT_EVERY_S = 600.0
SEAL_EVERY_S = 2.0
STREAM_EVERY_S = 2.0
RECORD_EVERY_S = 120.0


async def background(loop: asyncio.AbstractEventLoop) -> None:
    """Runs for as long as the server does."""
    live.attach(loop)
    await asyncio.gather(
        live.watch(),
        Runner().run(),
        every(MACHINES_EVERY_S, clones_reconciled),
        every(MACHINES_EVERY_S, disks_reconciled),
        every(MACHINES_EVERY_S, full_disks_looked_after),
        every(CAPACITY_EVERY_S, disks_measured),
        every(MACHINES_EVERY_S, pools_looked_after),
        every(LEASES_EVERY_S, machines_kept_in_time),
        every(SURVEY_EVERY_S, site_surveyed),
        every(EGRESS_EVERY_S, egress_looked_after),
        every(STALE_EVERY_S, egress_cleared),
        every(HOST_EVERY_S, host_look),
        every(REGISTRY_EVERY_S, registry_looked_after),
        every(CAPACITY_EVERY_S, capacity_measured),
        every(RAISES_EVERY_S, raises_ended),
        every(STRANDED_EVERY_S, stranded_looked_after),
        every(OUTPUT_EVERY_S, outputs_expired),
        every(SEAL_EVERY_S, head_sealed),
        every(STREAM_EVERY_S, records_streamed),
        every(RECORD_EVERY_S, record_looked_after),
    )


def pools_looked_after() -> None:
    """Stale templates and dead spares go, missing ones are asked for."""
    templates_reconciled()
    abandoned_ended()
    spares_reconciled()
    pools_refilled()


def machines_kept_in_time() -> None:
    """What the machines do is seen first, so that no lease ends under somebody's work."""
    machines_looked_at()
    leases_looked_after(clones_of_runs)


def stranded_looked_after() -> None:
    """Runs first: they bring their clones on."""
    runs_looked_after()
    clones_looked_after(clones_of_runs)


async def every(seconds: float, work: Callable[[], object]) -> None:
    """Does the work now and again and again; a failure is logged and does not end it."""
    while True:
        try:
            await in_thread(work)
        except Exception:
            logger.exception("%s failed", work.__name__)
        await asyncio.sleep(seconds)
