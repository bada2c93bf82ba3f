"""What the hosts page shows."""

from typing import Any

from hosts.models import Host, Job
from hosts.services import host_look, local_host, room


def list_context() -> dict[str, Any]:
    """The hosts with their facts; the first visit looks for itself."""
    if not local_host().facts:
        host_look()
    return {
        "hosts": Host.objects.order_by("name"),
        "room": room(),
        "jobs": Job.objects.unfinished().order_by("pk")[:20],
    }
