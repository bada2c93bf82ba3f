"""Curators do it on a base's page and in the admin; others are told that they may not."""

import pytest
from django.test import Client

from bases.models import BaseImage, BaseRevision

pytestmark = pytest.mark.slow


@pytest.fixture
def curator(admin):
    client = Client()
    client.force_login(admin)
    return client


def text(answer):
    return answer.content.decode()


def test_a_revision_is_deprecated_taken_back_and_retired_on_its_page(curator, demo_2):
    where = "/bases/demo/revisions/1/"
    unknown = {"action": "deprecate", "successor": "nope"}
    refused = "successor=&#x27;nope&#x27;: Base image nope not found"
    assert refused in text(curator.post(where, unknown, follow=True))
    page = text(curator.post(where, {"action": "deprecate", "why": "old kernel"}, follow=True))
    assert "demo@1 is deprecated" in page and "old kernel" in page and "use demo@2" in page
    curator.post(where, {"action": "approve"})
    assert "demo@1 is retired" in text(curator.post(where, {"action": "retire"}, follow=True))
    assert "demo@1 is deprecated" in text(curator.post(where, {"action": "unretire"}, follow=True))
    assert "Refused: 1 depends on demo@2" in text(
        curator.post("/bases/demo/revisions/2/", {"action": "retire"}, follow=True)
    )
    assert curator.post(where, {"action": "burn"}).status_code == 404


def test_stable_is_rolled_back_with_one_click(curator, demo_2):
    assert "Roll stable back to @1" in text(curator.get("/bases/demo/?tab=revisions"))
    page = text(curator.post("/bases/demo/rollback/", {"alias": "stable"}, follow=True))
    assert "demo@stable leads to demo@1 again" in page
    assert BaseImage.objects.get().current.number == 1
    assert "is no more" not in text(
        curator.post("/bases/demo/alias/", {"alias": "lts", "to": "2"}, follow=True)
    )
    assert "demo@lts is no more" in text(
        curator.post("/bases/demo/alias/", {"alias": "lts", "to": "none"}, follow=True)
    )


def test_settings_are_changed_and_a_mistake_is_shown_at_its_field(curator, demo):
    form = {"description": "new", "os": "Test", "ssh_user": "root", "memory": "1G", "cpus": "4"}
    form |= {"releases": "next"}
    assert "Saved" in text(curator.post("/bases/demo/settings/", form, follow=True))
    base = BaseImage.objects.get()
    assert (base.description, base.memory_mb, base.cpus, base.releases) == ("new", 1024, 4, "next")
    assert base.for_everyone is False
    answer = curator.post("/bases/demo/settings/", {**form, "memory": "lots"})
    assert (answer.status_code, "is not an amount of memory" in text(answer)) == (422, True)


def test_verifying_says_what_changed(curator, demo):
    assert "matches its digest" in text(curator.post("/bases/demo/verify/", follow=True))
    demo.current.disk.chmod(0o644)
    demo.current.disk.write_bytes(b"x")
    assert "No longer as registered: demo@1" in text(curator.post("/bases/demo/verify/", follow=True))


@pytest.mark.parametrize("path", ["settings/", "verify/", "alias/", "rollback/", "revisions/1/"])
def test_members_may_not(member, demo_2, path):
    client = Client()
    client.force_login(member)
    form = {"action": "retire", "alias": "stable", "to": "1"}
    assert client.post(f"/bases/demo/{path}", form).status_code == 403
    assert BaseImage.objects.get().current.number == 2
    BaseImage.objects.update(for_everyone=False)
    assert client.post(f"/bases/demo/{path}", form).status_code == 404


@pytest.mark.parametrize(
    ("action", "words"),
    [
        ("approve", "demo@2 is approved"),
        ("mark_deprecated", "Base image demo is deprecated now"),
        ("retire", "Refused: 1 depends on demo@2"),
        ("roll_back", "Done: demo@stable is 1"),
        ("verify_digest", "Every revision of demo still matches"),
    ],
)
def test_the_admins_actions_call_the_services(curator, demo_2, action, words):
    if action == "approve":
        BaseRevision.objects.filter(number=2).update(stage="inspected")
    form = {"action": action, "_selected_action": [demo_2.pk]}
    page = text(curator.post("/admin/bases/baseimage/", form, follow=True))
    assert words in page or (action == "approve" and "Done: demo@2" in page)


def test_the_admin_says_why_nothing_was_done(curator, demo):
    """In words that begin with none of a base's name: the admin gives the first one a capital."""
    for action, words in (
        ("approve", "Nothing of these waits for approval"),
        ("roll_back", f"Refused: {demo.name}@stable was never moved"),
    ):
        form = {"action": action, "_selected_action": [demo.pk]}
        assert words in text(curator.post("/admin/bases/baseimage/", form, follow=True))
