"""What the runner calls: takes an id, calls one function."""

from provisioning.engine import run_carried_out


def run_task(run_id: int) -> None:
    run_carried_out(run_id)
