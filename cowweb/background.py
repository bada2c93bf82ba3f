"""What the serving process does beside answering: the doorbell, the jobs, and looking after the machines."""

import asyncio
import logging
from collections.abc import Callable

from bases.schedule import registry_looked_after
from clones.branching import disks_reconciled
from clones.egress import egress_cleared, egress_looked_after
from clones.reconcile import clones_reconciled
from clones.survey import site_surveyed
from cowweb import live
from cowweb.threads import in_thread
from hosts.runner import Runner
from hosts.services import host_look
from pools.refill import pools_refilled
from pools.spares import spares_reconciled
from pools.upkeep import templates_reconciled
from provisioning.retention import outputs_expired

logger = logging.getLogger(__name__)

MACHINES_EVERY_S = 2.0
SURVEY_EVERY_S = 30.0
EGRESS_EVERY_S = 3.0
STALE_EVERY_S = 60.0
HOST_EVERY_S = 300.0
REGISTRY_EVERY_S = 60.0
OUTPUT_EVERY_S = 600.0


async def background(loop: asyncio.AbstractEventLoop) -> None:
    """Runs for as long as the server does."""
    live.attach(loop)
    await asyncio.gather(
        live.watch(),
        Runner().run(),
        every(MACHINES_EVERY_S, clones_reconciled),
        every(MACHINES_EVERY_S, disks_reconciled),
        every(MACHINES_EVERY_S, pools_looked_after),
        every(SURVEY_EVERY_S, site_surveyed),
        every(EGRESS_EVERY_S, egress_looked_after),
        every(STALE_EVERY_S, egress_cleared),
        every(HOST_EVERY_S, host_look),
        every(REGISTRY_EVERY_S, registry_looked_after),
        every(OUTPUT_EVERY_S, outputs_expired),
    )


def pools_looked_after() -> None:
    """Stale templates and dead spares go, missing ones are asked for."""
    templates_reconciled()
    spares_reconciled()
    pools_refilled()


async def every(seconds: float, work: Callable[[], object]) -> None:
    """Does the work now and again and again; a failure is logged and does not end it."""
    while True:
        try:
            await in_thread(work)
        except Exception:
            logger.exception("%s failed", work.__name__)
        await asyncio.sleep(seconds)
