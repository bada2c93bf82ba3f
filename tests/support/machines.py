"""Ends what machines a test left: their processes, and the rules that hold them."""

from pathlib import Path
from uuid import UUID

from hosts.drivers.qemu import QemuDriver
from hosts.services import local_driver


def machines_ended(folder: Path, driver: QemuDriver | None = None) -> None:
    """All that run from below this folder."""
    driver = driver or local_driver()
    for record in driver.running(folder):
        driver.kill(record)
        driver.egress_end(UUID(record.uuid))
