"""A site with the base `demo`, and one clone of it that was never started."""

import pytest

from audit.models import AuditEntry
from clones.models import Clone
from commands.dispatch import run_command
from commands.service import Caller


@pytest.fixture
def do(actor):
    """Carries out a command as the administrator does in a page that waits."""
    return lambda line: run_command(line, Caller(actor))


@pytest.fixture
def web(demo, do) -> Clone:
    """A stopped clone."""
    assert do("clone base=demo name=web no_start=true")["success"]
    return Clone.objects.get(name="web")


@pytest.fixture
def new_entry(web):
    """The one audit entry that was written since there was a clone."""
    before = AuditEntry.objects.count()

    def found() -> AuditEntry:
        (entry,) = AuditEntry.objects.order_by("pk")[before:]
        return entry

    return found
