"""One of everything, in the hands of a member of the team red; and each kind of person at its door."""

from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.test import Client
from django.utils import timezone

from audit.keeping_models import SavedView
from audit.models import Via
from audit.services import Actor
from bases.import_models import Import
from bases.services import Facts, Source, base_register
from clones.file_models import FileCopy
from clones.lease_models import Binned
from clones.models import Clone, Snapshot
from hosts.findings import Kind, Noted, finding_noted
from hosts.services import host_look, local_host
from links.models import ShareLink
from people.models import Invitation, Token, Visit
from pools.models import Template
from provisioning.library import Draft, script_save
from provisioning.models import Run, RunPhase
from provisioning.runtime_models import Runtime
from quotas.models import Quota, Raise
from quotas.setting import default_account, person_account, quota_set
from tests.people.conftest import crowd  # noqa: F401 - a fixture

SCRIPT = "#!/bin/sh\n# kvm-infra-use: demo\necho ok\n"


@pytest.fixture
def world(site, crowd, image):  # noqa: F811
    """The crowd, and by its name each thing that a door may lead to."""
    host_look()
    boss = Actor(user=crowd.administrator, via=Via.SHELL)
    base = base_register(name="demo", source=Source(image), facts=Facts(memory_mb=64, cpus=1), actor=boss)
    machine = {
        "host": local_host(),
        "revision": base.current,
        "memory_mb": 64,
        "cpus": 1,
        "status": "stopped",
    }
    clone = Clone.objects.create(name="web", owner=crowd.member, team=crowd.team, **machine)
    Snapshot.objects.create(clone=clone, name="before")
    old = {**machine, "status": "binned"}
    old_clone = Clone.objects.create(name="old", owner=crowd.member, team=crowd.team, **old)
    binned = Binned.objects.create(
        clone=old_clone, until=timezone.now() + timedelta(days=1), by_name="member"
    )
    old_clone.folder.mkdir(parents=True)
    old_clone.disk.write_bytes(b"")
    Runtime.objects.create(name="lua", language="lua", look="command -v lua")
    run = Run.objects.create(
        pk=4242,
        script_name="x.sh",
        script_text=SCRIPT,
        owner=crowd.member,
        clone=clone,
        clone_name="web",
        base_reference="demo",
        status="failed",
        failed_phase="script",
    )
    for position, name in enumerate(("parse", "script")):
        RunPhase.objects.create(run=run, position=position, name=name, state="failed" if position else "done")
    script_save(Draft("deploy.sh", SCRIPT), actor=Actor(user=crowd.member, via=Via.WEB))
    later = timezone.now() + timedelta(days=1)
    token = Token.objects.create(user=crowd.member, name="ci", digest="1" * 64, shown="cow_1")
    invited = Invitation.objects.create(
        digest="2" * 64, team=crowd.team, invited_by=crowd.owner, expires_at=later
    )
    link = ShareLink.objects.create(clone=clone, port=8080, created_by=crowd.member, expires_at=later)
    visit = Visit.objects.create(user=crowd.member, session_key="elsewhere", seen_at=timezone.now())
    template = Template.objects.create(revision=base.current, memory_mb=64, cpus=1, status="ready")
    finding = finding_noted(Noted(Kind.FILE, "store/notes.txt", "a file that the site does not know"))
    quota_set(account=default_account("people"), quota=Quota.CLONES, most=2, actor=boss)
    request = Raise.objects.create(
        account=person_account(crowd.member),
        quota="clones",
        most=3,
        why="x",
        until=later,
        asked_by=crowd.member,
    )
    return SimpleNamespace(
        finding=finding,
        view=SavedView.objects.create(user=crowd.member, name="mine", query="action=clone"),
        arriving=Import.objects.create(
            way="url", name="more", url="https://images.invalid/x", asked_by=crowd.curator
        ),
        binned=binned.clone,
        copy=FileCopy.objects.create(clone=clone, way="out", remote="/etc/hosts", name="hosts"),
        people=crowd,
        request=request,
        day=timezone.localdate() + timedelta(days=1),
        base=base,
        clone=clone,
        run=run,
        token=token,
        invited=invited,
        link=link,
        visit=visit,
        template=template,
    )


def person(world, kind: str) -> User | AnonymousUser:
    return AnonymousUser() if kind == "nobody" else User.objects.get(username=kind)


def browser(world, kind: str) -> Client:
    """As someone of this kind; who is disabled had signed in before."""
    client = Client(raise_request_exception=False)
    if kind != "nobody":
        client.force_login(getattr(world.people, kind))
    return client
