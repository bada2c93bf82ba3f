"""The admin is a door like any other: what it changes, a service changes, and the record says so."""

import pytest
from django.contrib import admin
from django.contrib.admin import ModelAdmin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, User
from django.test import Client, RequestFactory

from audit.models import AuditEntry
from bases.models import BaseImage
from cowweb.errors import QuotaError
from pools.models import Pool
from provisioning.library import Draft, script_save
from provisioning.models import Script

pytestmark = pytest.mark.django_db
REGISTERED = sorted(admin.site._registry, key=str)
# what may be changed here, with a change and what the record calls it
CHANGED = {
    BaseImage: ({"description": "another"}, "edit_base"),
    Pool: ({"maximum": "3"}, "set_pool"),
    Script: ({"description": "another"}, "save_script"),
}
WRITES = {
    "has_add_permission": ("save_model",),
    "has_change_permission": ("save_model",),
    "has_delete_permission": ("delete_model", "delete_queryset"),
}


@pytest.fixture
def request_of_admin(admin):
    request = RequestFactory().get("/admin/")
    request.user = admin
    return request


@pytest.fixture
def rows(demo, actor):
    pool, _ = Pool.objects.get_or_create(base=demo)
    text = b"#!/bin/sh\n# kvm-infra-use: demo\ntrue\n"
    script = script_save(Draft("s.sh", text.decode(), "", ""), actor=actor).script
    return {BaseImage: demo, Pool: pool, Script: script}


def own(model_admin, method):
    return getattr(type(model_admin), method) is not getattr(ModelAdmin, method)


@pytest.mark.parametrize("model", REGISTERED, ids=str)
def test_nothing_is_written_here_but_by_a_method_of_ours(model, request_of_admin):
    """For an administrator, who has every permission that Django knows."""
    model_admin = admin.site._registry[model]
    for permission, methods in WRITES.items():
        if getattr(model_admin, permission)(request_of_admin):
            missing = [method for method in methods if not own(model_admin, method)]
            assert not missing, f"{model_admin}: {permission}, and {missing} would write past the services"
            assert model in CHANGED, f"{model_admin} changes rows: add what the record says then to CHANGED"
    assert not model_admin.list_editable
    for inline in model_admin.get_inline_instances(request_of_admin):
        assert not inline.has_add_permission(request_of_admin, None)
        assert not inline.can_delete
        assert set(inline.fields) <= set(inline.readonly_fields), f"{inline} can be edited"


@pytest.mark.parametrize("model", CHANGED, ids=str)
def test_what_is_changed_here_is_on_record_with_who_did_it(model, rows, admin):
    changes, action = CHANGED[model]
    client, row = Client(), rows[model]
    client.force_login(admin)
    path = f"/admin/{model._meta.app_label}/{model._meta.model_name}/{row.pk}/change/"
    form = client.get(path).context["adminform"].form
    data = {name: value for name, value in form.initial.items() if value is not None and name in form.fields}
    prefixes = ["revisions"] if model is BaseImage else []
    for prefix in prefixes:
        data |= {f"{prefix}-TOTAL_FORMS": "0", f"{prefix}-INITIAL_FORMS": "0"}
    before = AuditEntry.objects.count()
    answer = client.post(path, {**{name: str(value) for name, value in data.items()}, **changes})
    assert answer.status_code == 302, answer.context["adminform"].form.errors
    entry = AuditEntry.objects.order_by("-pk").first()
    assert AuditEntry.objects.count() == before + 1
    assert (entry.actor_name, entry.action, entry.via) == ("admin", action, "web")
    assert entry.outcome.result == "done"


def test_what_a_service_refuses_is_said_on_the_page_and_on_record(rows, admin, monkeypatch):
    def refused(*args, **kwargs):
        raise QuotaError("no room for so many spares")

    monkeypatch.setattr("pools.services.spares_allowed", refused)
    client, pool = Client(), rows[Pool]
    client.force_login(admin)
    path = f"/admin/pools/pool/{pool.pk}/change/"
    form = client.get(path).context["adminform"].form
    data = {name: str(value) for name, value in form.initial.items() if name in form.fields}
    answer = client.post(path, {**data, "maximum": "7"}, follow=True)
    said = answer.content.decode()
    assert "No room for so many spares" in said and "changed successfully" not in said
    entry = AuditEntry.objects.latest("pk")
    assert (entry.action, entry.outcome.result) == ("set_pool", "refused")
    assert not LogEntry.objects.exists()
    assert Pool.objects.get().maximum == pool.maximum


def test_curators_find_the_registry_here_and_neither_people_nor_the_record(rows, member):
    User.objects.filter(pk=member.pk).update(is_staff=True)
    client, base = Client(), rows[BaseImage]
    client.force_login(member)
    index = client.get("/admin/").content.decode()
    assert "/admin/bases/baseimage/" in index and "/admin/pools/pool/" in index
    assert "/admin/auth/" not in index and "/admin/audit/" not in index and "/admin/people/" not in index
    path = f"/admin/bases/baseimage/{base.pk}/change/"
    form = client.get(path).context["adminform"].form
    data = {name: str(value) for name, value in form.initial.items() if value and name in form.fields}
    data |= {"revisions-TOTAL_FORMS": "0", "revisions-INITIAL_FORMS": "0", "description": "curated"}
    assert client.post(path, data).status_code == 302
    assert BaseImage.objects.get().description == "curated"
    script = rows[Script]
    assert client.get(f"/admin/provisioning/script/{script.pk}/change/").status_code == 200
    for closed in (f"provisioning/script/{script.pk}/delete/", "provisioning/script/add/", "auth/user/"):
        assert client.get(f"/admin/{closed}").status_code == 403, closed


def test_people_are_looked_at_here_and_changed_on_their_page(admin, member):
    client = Client()
    client.force_login(admin)
    path = f"/admin/auth/user/{member.pk}/"
    page = client.get(f"{path}change/").content.decode()
    assert f'href="/people/{member.username}/"' in page
    assert "pbkdf2" not in page and member.password not in page
    for what in ("change/", "delete/"):
        assert client.post(path + what, {"is_superuser": "on", "post": "yes"}).status_code == 403
    client.post(
        path + "password/", {"password1": "a-new-long-one", "password2": "a-new-long-one"}, follow=True
    )
    data = {"action": "delete_selected", "_selected_action": [member.pk], "post": "yes"}
    client.post("/admin/auth/user/", data)
    assert client.post("/admin/auth/user/add/", {"username": "x"}).status_code == 403
    now = User.objects.get(pk=member.pk)
    assert (now.is_superuser, now.password) == (False, member.password)
    assert Group not in admin_registry()


def admin_registry():
    return admin.site._registry
