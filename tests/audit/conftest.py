"""A record with something in it."""

import pytest

from audit.models import AuditEntry
from audit.services import operation
from cowweb.errors import DomainError


@pytest.fixture
def record(site, actor):
    """Twelve commands, of which each third is refused."""

    def commands(count=12):
        for number in range(count):
            try:
                with operation(actor, "clone", target=f"clone:web-{number}", params={"cpus": 1.0}):
                    if number % 3 == 2:
                        raise DomainError("no room")
            except DomainError:
                pass
        return AuditEntry.objects.count()

    commands()
    return commands
