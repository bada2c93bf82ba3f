"""However many ask at the same time, the last place in a quota is given once: on SQLite and on PostgreSQL."""

import json
import os
import subprocess
import sys

import pytest

from tests.support.database import new_database

pytestmark = pytest.mark.slow

REQUESTS = 50
# A quota, how much of it, whose: one person's or a team's of many people; what all do. One clone is there already.
ON_SQLITE = [
    ("clones", 2, "person", "clone"),
    ("memory", 128, "team", "clone"),
    ("clones", 2, "person", "undelete"),
]
ON_POSTGRESQL = [("running", 2, "team", "clone"), ("clones", 2, "team", "transfer")]
# Each child waits until all are there, then does it once; what it got, it says in one line.
PROGRAM = f"""
import json, os, subprocess, sys
import django
django.setup()
from django.conf import settings
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection
from audit.models import Via
from audit.services import Actor
from bases.services import Facts, Source, base_register
from clones.bin import clone_undelete
from clones.lending import Whom, clone_transfer
from clones.models import Binned, Clone
from clones.wanted import Wanted
from clones.services import clones_create
from django.utils import timezone
from cowweb.errors import DomainError
from people.models import Membership, Team
from quotas.models import Quota
from quotas.setting import person_account, quota_set, team_account
call_command("migrate", verbosity=0)
admin = Actor(User.objects.create_superuser("admin"), Via.SHELL)
disk = settings.COWWEB_IMPORT_FOLDERS[0] / "disk.qcow2"
disk.parent.mkdir(parents=True)
settings.COWWEB_STORE.mkdir(parents=True)
subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", str(disk), "16M"], check=True)
base_register(name="demo", source=Source(disk), facts=Facts(memory_mb=64, cpus=1), actor=admin)

def ask(user, team):
    wanted = Wanted(base="demo", team=team.name if team else "none", egress_ports=())
    return clones_create([wanted], actor=Actor(user, Via.WEB))[0].clone

def binned(user, team):
    clone = ask(user, team)
    Clone.objects.filter(pk=clone.pk).update(status="binned", removed_at=timezone.now())
    Binned.objects.create(clone=clone, until=timezone.now(), by_name="user", at=timezone.now())
    clone.folder.mkdir(parents=True)
    clone.disk.touch()
    return clone

# What each has before all begin
MADE = {{"clone": lambda user, team: None, "transfer": lambda user, team: ask(user, None), "undelete": binned}}
DONE = {{
    "clone": lambda user, team, clone: ask(user, team),
    "transfer": lambda user, team, clone: clone_transfer(
        clone=clone, whom=Whom(team=team.name), actor=Actor(user, Via.WEB)),
    "undelete": lambda user, team, clone: clone_undelete(clone=clone, actor=Actor(user, Via.WEB)),
}}

def race(case, quota, most, whose, deed):
    team = Team.objects.create(name=f"team{{case}}")
    people = [User.objects.create_user(f"user{{case}}.{{n}}") for n in range({REQUESTS})]
    for user in people:
        Membership.objects.create(team=team, user=user, role="member")
    if whose == "person":
        people = people[:1] * {REQUESTS}
    made = [MADE[deed](user, team) for user in people]
    account = person_account(people[0]) if whose == "person" else team_account(team)
    quota_set(account=account, quota=Quota(quota), most=most, actor=admin)
    ask(people[0], team)
    connection.close()
    go, ready = os.pipe()
    children = [begun(case, DONE[deed], (user, team, clone), go, ready) for user, clone in zip(people, made)]
    os.close(ready)
    for child in children:
        assert os.waitpid(child, 0)[1] == 0
    os.close(go)
    os.write(1, (json.dumps([case, "total", team.clones.live().count()]) + chr(10)).encode())

def begun(case, deed, given, go, ready):
    child = os.fork()
    if child:
        return child
    os.close(ready)
    os.read(go, 1)
    try:
        said = [case, "won", deed(*given).name]
    except DomainError as error:
        said = [case, error.code, str(error)]
    os.write(1, (json.dumps(said) + chr(10)).encode())
    os._exit(0)

for case, args in enumerate(json.loads(sys.argv[1])):
    race(case, *args)
"""


def raced(cases, data, **more):
    """What was said of each case: by kind, the words."""
    env = {**os.environ, "COWWEB_DATA": str(data), "DJANGO_SETTINGS_MODULE": "cowweb.settings"}
    env |= {"COWWEB_MAX_CLONES": "1000", **more}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps(cases)],
        env=env,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    said = [json.loads(line) for line in done.stdout.splitlines()]
    for case in range(len(cases)):
        kinds = [kind for of, kind, _ in said if of == case]
        totals = [words for of, kind, words in said if of == case and kind == "total"]
        yield kinds.count("won"), kinds.count("quota"), totals


def test_of_fifty_requests_for_the_last_place_one_wins(tmp_path):
    new_database(tmp_path)
    assert list(raced(ON_SQLITE, tmp_path)) == [(1, REQUESTS - 1, [2])] * len(ON_SQLITE)


@pytest.mark.long
def test_of_fifty_requests_for_the_last_place_one_wins_on_postgresql(tmp_path, postgres):
    said = list(raced(ON_POSTGRESQL, tmp_path, DATABASE_URL=postgres.made("raced")))
    assert said == [(1, REQUESTS - 1, [2])] * len(ON_POSTGRESQL)
