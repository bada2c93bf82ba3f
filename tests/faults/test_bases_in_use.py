"""A base with clones cannot be deleted, by whichever door."""

import pytest
from django.db.models import ProtectedError
from django.test import Client

from bases.models import BaseImage, BaseRevision
from commands.dispatch import run_command
from commands.service import Caller
from commands.verbs import VERBS

pytestmark = pytest.mark.django_db


def test_no_door_deletes_a_base_that_a_clone_stands_on(made, demo, admin, actor):
    web = made("web")
    for row in (demo, demo.current):
        with pytest.raises(ProtectedError):
            row.delete()
    with pytest.raises(ProtectedError):
        BaseRevision.objects.all().delete()
    client = Client()
    client.force_login(admin)
    page = f"/admin/bases/baseimage/{demo.pk}/delete/"
    assert client.post(page, {"post": "yes"}).status_code == 403
    client.post(
        "/admin/bases/baseimage/", {"action": "delete_selected", "_selected_action": [demo.pk], "post": "yes"}
    )
    assert client.post("/bases/demo/", {"delete": "1"}).status_code == 405
    assert run_command("remove_base name=demo", Caller(actor))["success"] is False
    assert run_command("remove name=demo", Caller(actor))["code"] == "not_found"
    assert not [verb for verb in VERBS if "base" in verb and ("remove" in verb or "delete" in verb)]
    assert BaseImage.objects.get().current.disk.exists() and web.disk.exists()
