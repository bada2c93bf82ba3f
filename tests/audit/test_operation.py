"""Every command leaves one entry, and its outcome follows."""

import pytest

from audit.models import AuditEntry
from audit.services import finish, operation
from cowweb.errors import DomainError
from hosts.drivers.errors import DriverError


def outcome() -> tuple[str, str]:
    entry = AuditEntry.objects.get()
    return entry.outcome.result, entry.outcome.reason


def test_done_says_who_what_and_on_what(actor):
    with operation(actor, "clone", target="base:demo", params={"name": "web", "empty": ""}):
        pass
    entry = AuditEntry.objects.get()
    assert (entry.actor_name, entry.action, entry.target) == ("admin", "clone", "base:demo")
    assert entry.params == {"name": "web"}
    assert outcome() == ("done", "")


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (DomainError("no"), ("refused", "no")),
        (DriverError("disk"), ("failed", "disk")),
        (RuntimeError("x"), ("failed", "x")),
    ],
)
def test_errors_are_told_apart(actor, error, expected):
    with pytest.raises(type(error)), operation(actor, "clone"):
        raise error
    assert outcome() == expected


def test_what_goes_on_has_its_outcome_later_and_once(actor):
    with operation(actor, "clone") as op:
        op.goes_on()
    assert not hasattr(AuditEntry.objects.get(), "outcome")
    finish(op.entry.pk, "failed", "the guest did not answer")
    finish(op.entry.pk, "done")
    assert outcome() == ("failed", "the guest did not answer")


def test_one_command_is_one_entry_however_many_services_it_calls(actor):
    with operation(actor, "provision", target="script:x"), operation(actor, "clone", target="base:demo"):
        pass
    assert AuditEntry.objects.get().action == "provision"


def test_long_parameters_are_cut(actor):
    with operation(actor, "clone", params={"text": "x" * 10_000}):
        pass
    assert len(AuditEntry.objects.get().params["text"]) < 600
