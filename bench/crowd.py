"""Fills a site with rows: people in teams, bases, clones of them, their runs. Nothing of it exists on disk.

Into the site that the environment names::

    .venv/bin/python -m bench.inside rows 10000 500 1000
"""

import hashlib
from datetime import timedelta

from django.contrib.auth.models import User
from django.utils import timezone

from bases.models import BaseImage, BaseRevision
from clones.models import Clone, Lease, MachineHours
from hosts.services import local_host
from people.models import Membership, Team
from provisioning.models import Run

TEAM_OF = 10
AT_ONCE = 500
LASTS = timedelta(days=7)
RAN_EACH_DAY = 100
STATUSES = (Clone.Status.STOPPED, Clone.Status.STOPPED, Clone.Status.FAILED)


def crowd(clones: int, bases: int, users: int, *, owner: User) -> int:
    """So many of each. Clones belong to the owner and the people in turn, each in a person's team."""
    people = [owner, *people_made(users)]
    revisions = bases_made(bases)
    teams: dict[int, int] = dict(Membership.objects.values_list("user", "team"))
    made = [clone_row(number, people, revisions) for number in range(clones)]
    for clone in made:
        clone.team_id = teams.get(clone.owner_id)
    made = Clone.objects.bulk_create(made, batch_size=AT_ONCE)
    Lease.objects.bulk_create(map(lease_row, made), batch_size=AT_ONCE)
    Run.objects.bulk_create(map(run_row, made), batch_size=AT_ONCE)
    MachineHours.objects.bulk_create(hours_rows(made), batch_size=AT_ONCE)
    return len(made)


def people_made(count: int) -> list[User]:
    """People in teams of ten, the first of each its owner."""
    people = User.objects.bulk_create(
        (User(username=f"person-{number}", password="!") for number in range(count)), batch_size=AT_ONCE
    )
    teams = Team.objects.bulk_create(Team(name=f"team-{number}") for number in range(-(-count // TEAM_OF)))
    Membership.objects.bulk_create(
        Membership(
            team=teams[number // TEAM_OF],
            user=person,
            role=Membership.Role.MEMBER if number % TEAM_OF else Membership.Role.OWNER,
        )
        for number, person in enumerate(people)
    )
    return people


def bases_made(count: int) -> list[BaseRevision]:
    images = [BaseImage(name=f"rows-{number}", memory_mb=256, cpus=1) for number in range(count)]
    revisions = BaseRevision.objects.bulk_create(
        BaseRevision(
            base=image,
            number=1,
            digest=hashlib.sha256(image.name.encode()).hexdigest(),
            virtual_size=2 << 30,
            file_size=30 << 20,
        )
        for image in BaseImage.objects.bulk_create(images)
    )
    for revision in revisions:
        revision.base.current, revision.base.status = revision, BaseImage.Status.READY
    BaseImage.objects.bulk_update(images, ["current", "status"])
    return revisions


def clone_row(number: int, people: list[User], revisions: list[BaseRevision]) -> Clone:
    status = STATUSES[number % len(STATUSES)]
    return Clone(
        name=f"clone-{number}",
        owner=people[number % len(people)],
        host=local_host(),
        revision=revisions[number % len(revisions)],
        status=status,
        failure="no room" if status == Clone.Status.FAILED else "",
        memory_mb=256,
        cpus=1,
        disk_ms=1.5,
        start_ms=30.0,
        ready_ms=900.0 + number,
        disk_bytes=4 << 20,
    )


def lease_row(clone: Clone) -> Lease:
    now = timezone.now()
    return Lease(clone=clone, began_at=now, ends_at=now + LASTS, warn_at=now + LASTS - timedelta(days=1))


def hours_rows(clones: list[Clone]) -> list[MachineHours]:
    """A month in which so many machines ran each day."""
    today = timezone.localdate()
    return [
        MachineHours(
            day=today - timedelta(days=day),
            owner_name=clone.owner.username,
            team_id=clone.team_id,
            team_name=f"team-{clone.team_id}" if clone.team_id else "",
            base_name=clone.revision.base.name,
            seconds=3600.0 * (1 + clone.cpus),
        )
        for day in range(30)
        for clone in clones[day::RAN_EACH_DAY][:RAN_EACH_DAY]
    ]


def run_row(clone: Clone) -> Run:
    return Run(
        script_name="hello.sh",
        script_text="true",
        script_sha256="0" * 64,
        owner=clone.owner,
        clone=clone,
        clone_name=clone.name,
        base_reference="demo",
        status=Run.Status.SUCCEEDED,
        exit_code=0,
    )
