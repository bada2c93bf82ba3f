"""What an edit found and what it left, as the record keeps it of a command."""

import pytest

from audit.models import AuditOutcome

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("first", "then", "changes"),
    [
        (
            "set_quota default_of=people quota=memory limit=8G",
            "set_quota default_of=people quota=memory limit=none",
            {"memory": ["8 GiB", "none"]},
        ),
        ("create_team name=red", "transfer name=web team=red", {"team": [None, "red"]}),
        ("help", "transfer name=web user=mia", {"owner": ["admin", "mia"]}),
        (
            "share name=web user=mia level=read",
            "share name=web user=mia level=use",
            {"level": ["read", "use"]},
        ),
        (
            "create_team name=red",
            "base_visibility base=demo for=red",
            {"everyone": [True, False], "teams": [[], ["red"]]},
        ),
        ("help", "alias_base base=demo alias=next to=1", {"@next": [None, "demo@1"]}),
        ("help", "deprecate_base base=demo@1", {"stage": ["approved", "deprecated"]}),
        ("deprecate_base base=demo@1", "approve_base base=demo@1", {"stage": ["deprecated", "approved"]}),
    ],
)
def test_an_edit_is_on_record_with_what_was_there_before(web, member, do, first, then, changes):
    assert do(first)["success"]
    done = do(then)
    assert done["success"], done
    assert AuditOutcome.objects.order_by("seq").last().changes == changes


def test_a_longer_lease_is_on_record_with_its_former_end(web, do):
    before = web.lease.ends_at
    assert do("extend name=web hours=300")["success"]
    ((old, new),) = AuditOutcome.objects.order_by("seq").last().changes.values()
    assert old == str(before) and new > old
