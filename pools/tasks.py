"""What the runner calls: takes an id, calls one function."""

from pools.building import template_built
from pools.refill import spare_filled_on


def template_build_task(template_id: int) -> None:
    template_built(template_id)


def spare_fill_task(spare_id: int) -> None:
    spare_filled_on(spare_id)
