"""The files of runtimes in the store: who answers for them, and when they go."""

from bases.models import stored
from bases.store import names_from
from provisioning.runtime_models import Runtime

SUFFIX = "runtime"


@names_from
def runtimes_stored() -> set[str]:
    digests = Runtime.objects.exclude(digest="").values_list("digest", flat=True)
    return {f"{digest}.{SUFFIX}" for digest in digests}


def runtime_file_left(digest: str) -> None:
    """Deletes what a runtime brought until now, unless another brings the same."""
    if digest and not Runtime.objects.filter(digest=digest).exists():
        stored(digest, SUFFIX).unlink(missing_ok=True)
