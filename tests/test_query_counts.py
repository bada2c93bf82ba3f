"""A page asks the database as often for thirty objects as for one; the numbers are in query_counts.json.

A number that changes is a decision: run with `COWWEB_NEW_QUERY_COUNTS=1`, look at the difference, commit it.
"""

import json
import os
from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from audit.services import operation
from bases.models import AliasMove, BaseAlias, BaseImage, BaseRevision, Import, RevisionMove
from clones.models import Clone, Snapshot
from hosts.services import host_look, local_host
from people.models import Invitation, Membership, Passkey, Person, Team, Token, Visit
from provisioning.library import Draft, script_save
from provisioning.models import Run, RunPhase
from provisioning.output import Recorder
from quotas.models import Raise
from quotas.setting import person_account

FILE = Path(__file__).with_name("query_counts.json")
COUNTS = json.loads(FILE.read_text()) if FILE.exists() else {}
PAGES = {
    "overview": "/",
    "bases": "/bases/",
    "base": "/bases/base-0/",
    "base revisions": "/bases/base-0/?tab=revisions",
    "base dependents": "/bases/base-0/?tab=dependents",
    "base settings": "/bases/base-0/?tab=settings",
    "imports": "/bases/_imports/",
    "catalogue": "/bases/_catalogue/",
    "base pool": "/bases/base-0/?tab=pool",
    "clones": "/clones/",
    "clone": "/clones/clone-0/",
    "clone sharing": "/clones/clone-0/?tab=sharing",
    "bin": "/clones/_bin/",
    "clone runs": "/clones/clone-0/?tab=runs",
    "clone snapshots": "/clones/clone-0/?tab=snapshots",
    "clone files": "/clones/clone-0/?tab=files",
    "clone audit": "/clones/clone-0/?tab=audit",
    "runs": "/runs/",
    "run": "/runs/{run}/",
    "runs compared": "/runs/compare/?b={run}",
    "runtimes": "/runtimes/",
    "new run": "/runs/new/",
    "scripts": "/scripts/",
    "script": "/scripts/script-0/",
    "script versions": "/scripts/script-0/?tab=versions",
    "script runs": "/scripts/script-0/?tab=runs",
    "script edit": "/scripts/script-0/edit/",
    "hosts": "/hosts/",
    "findings": "/hosts/findings/",
    "quotas of people": "/quotas/?q=person-",
    "quotas of teams": "/quotas/?q=team-",
    "quotas of one": "/quotas/?of=user:admin&q=team-",
    "quota request": "/quotas/requests/{request}/",
    "people": "/people/",
    "team": "/teams/team-0/",
    "person": "/people/person-0/",
    "tokens": "/people/admin/tokens/",
    "settings": "/settings/",
    "security": "/settings/security/",
    "audit": "/audit/",
    "reports": "/reports/",
    "admin bases": "/admin/bases/baseimage/",
    "admin scripts": "/admin/provisioning/script/",
    "admin audit": "/admin/audit/auditentry/",
}


@pytest.fixture
def world(site, admin, actor):
    """Makes objects of every kind; those of number 0 have many parts."""
    host_look()

    def make(numbers):
        for number in numbers:
            base = BaseImage.objects.create(name=f"base-{number}")
            revision = BaseRevision.objects.create(
                base=base, number=1, digest=f"{number:064}", virtual_size=1 << 30, file_size=1 << 20
            )
            of_zero = BaseImage.objects.get(name="base-0")
            BaseAlias.objects.create(base=base, name="lts", revision=revision)
            RevisionMove.objects.create(revision=of_zero.revisions.first(), after="approved", by_name="a")
            AliasMove.objects.create(base=of_zero, name="lts", after=of_zero.revisions.first(), by_name="a")
            Import.objects.create(way="url", name=f"i-{number}", url="https://images.test/", asked_by=admin)
            BaseImage.objects.filter(pk=base.pk).update(current=revision, status="ready")
            owned(number, revision, admin, actor)
            people(number, admin)

    return make


def people(number, admin):
    """A team with a person, both of number 0 with many of the other; and what lets people and programs in."""
    now, later = timezone.now(), timezone.now() + timedelta(days=9)
    person = User.objects.create(username=f"person-{number}")
    team = Team.objects.create(name=f"team-{number}")
    first, its = User.objects.get(username="person-0"), Team.objects.get(name="team-0")
    for place in {(person, its), (first, team), (admin, team)}:
        Membership.objects.get_or_create(user=place[0], team=place[1])
    Person.objects.create(user=person, is_service=bool(number % 2), default_team=its)
    for invited in (None, its):
        Invitation.objects.create(
            digest=f"{number}-{invited}", team=invited, invited_by=admin, expires_at=later
        )
    account = person_account(person)
    Raise.objects.create(account=account, quota="memory", most=1, until=later, why="more", asked_by=person)
    for user in {admin, first}:
        Token.objects.create(user=user, name="ci", digest=f"{number}-{user.pk}", shown="cow_1")
        Visit.objects.create(user=user, session_key=f"{number}-{user.pk}", method="password", seen_at=now)
        Passkey.objects.create(user=user, name="key", credential_id=f"{number}-{user.pk}", data=b"k")


def owned(number, revision, admin, actor):
    clone = Clone.objects.create(
        name=f"clone-{number}",
        owner=admin,
        host=local_host(),
        revision=revision,
        memory_mb=128,
        cpus=1,
        status="stopped",
        disk_ms=1,
        start_ms=2,
        ready_ms=3,
    )
    of_zero = Clone.objects.get(name="clone-0")
    Snapshot.objects.create(clone=of_zero, name=f"s-{number}")
    for its in {clone.pk: clone, of_zero.pk: of_zero}.values():
        run = Run.objects.create(
            script_name=f"s-{number}.sh", owner=admin, clone=its, clone_name=its.name, base_reference="base-0"
        )
        RunPhase.objects.create(run=run, position=0, name="parse")
        Recorder(run).note("said")
    for name in {f"script-{number}", "script-0"}:
        text = f"# kvm-infra-use: base-0\necho {number}\n"
        script_save(Draft(name, text, "says a number"), actor=actor)
    with operation(actor, "clone", target="clone:clone-0"):
        pass


def queries(client, page):
    path = PAGES[page].format(
        run=Run.objects.order_by("pk").first().pk, request=Raise.objects.order_by("pk").first().pk
    )
    with CaptureQueriesContext(
        connection,
    ) as captured:
        answer = client.get(path)
    assert answer.status_code == 200, path
    return len(captured)


@pytest.mark.django_db
def test_pages_ask_as_often_for_thirty_objects_as_for_one(world, admin):
    client = Client()
    client.force_login(admin)
    world(range(1))
    for page in PAGES:
        queries(client, page)  # what is asked once per process is not the page's
    one = {page: queries(client, page) for page in PAGES}
    world(range(1, 30))
    thirty = {page: queries(client, page) for page in PAGES}
    assert thirty == one
    if os.environ.get("COWWEB_NEW_QUERY_COUNTS"):
        FILE.write_text(json.dumps(one, indent=2) + "\n")
    else:
        assert one == COUNTS
