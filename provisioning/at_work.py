"""Which clones runs count on, so that nothing ends under them."""

from provisioning.models import Run


def clones_of_runs() -> dict[int, str]:
    """Each clone that an unfinished run works in, and the words for it."""
    found = Run.objects.unfinished().filter(clone__isnull=False).values_list("clone", "pk")
    return {clone: f"run {run} works in it" for clone, run in found}
