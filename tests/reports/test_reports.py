"""The reports: right sums, no more than their reader may see, and CSV that is no formula."""

import csv
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from clones.models import Activity, Clone, MachineHours
from clones.services import clone_create
from clones.wanted import Wanted
from commands.dispatch import run_command
from commands.service import Caller
from cowweb.tables import csv_text
from people.models import Membership, Team
from reports.drawn import Hours, columns
from reports.tables import REPORTS

pytestmark = pytest.mark.django_db


@pytest.fixture
def red(member):
    team = Team.objects.create(name="red")
    Membership.objects.create(team=team, user=member, role="viewer")
    return team


@pytest.fixture
def held(demo, actor, red):
    """Two clones of the administrator, one of them the team's and running."""
    for name in ("a", "b"):
        clone_create(Wanted(base="demo", name=name, start=False), actor=actor)
    Clone.objects.filter(name="a").update(team=red, status="starting", memory_mb=512, disk_bytes=1000)


def rows(name, user):
    return REPORTS[name](User.objects.get(pk=user.pk), 30).rows


def test_who_holds_what_counts_memory_of_running_ones(held, admin, member):
    assert rows("holdings", admin) == [["admin", "red", 1, 1, 512, 1000], ["admin", None, 1, 0, 0, 0]]
    assert rows("holdings", member) == [["admin", "red", 1, 1, 512, 1000]]


def test_hours_are_ones_own_and_ones_teams(red, admin, member):
    today = timezone.localdate()
    for owner, team, base, seconds in (
        *(("admin", red, "demo", 7200), ("otto", red, "demo", 1800)),
        *(("admin", None, "big", 3600), ("mia", None, "demo", 360)),
    ):
        MachineHours.objects.create(
            day=today,
            owner_name=owner,
            team=team,
            team_name=team.name if team else "",
            base_name=base,
            seconds=seconds,
        )
    MachineHours.objects.create(
        day=today - timedelta(days=40), owner_name="mia", base_name="demo", seconds=99999
    )
    assert rows("hours", admin) == [
        *([today, None, "big", 1.0], [today, None, "demo", 0.1], [today, "red", "demo", 2.5])
    ]
    assert rows("hours", member) == [[today, None, "demo", 0.1], [today, "red", "demo", 2.5]]


def test_idle_machines_and_old_images_are_named(held, admin, member):
    now = timezone.now()
    clone = Clone.objects.get(name="b")
    Clone.objects.filter(pk=clone.pk).update(status="running", record={"uuid": "x"})
    Activity.objects.create(clone=clone, start="x", looked_at=now, active_at=now - timedelta(days=2))
    assert [row[0] for row in rows("idle", admin)] == ["b"]
    assert rows("idle", member) == []
    assert [(row[0], row[4:]) for row in rows("images", admin)] == [("demo", [0, 2, 0])]


def test_refusals_are_summed_and_shown_to_whom_they_concern(demo, actor, admin, member_actor, member):
    for who in (actor, actor, member_actor):
        run_command("clone base=nothing", Caller(who))
    assert [row[:3] for row in rows("denied", admin)] == [["admin", "clone", 2], ["mia", "clone", 1]]
    assert [(row[0], row[4]) for row in rows("denied", member)] == [("mia", "Base image nothing not found")]


def test_a_spreadsheet_finds_no_formula():
    bad = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "  =1", "|x", "fine", -3, None]
    text = csv_text(["=Name"], [[value] for value in bad])
    found = [row[0] if row else "" for row in csv.reader(text.splitlines(keepends=True))]
    assert found[0] == "'=Name"
    assert all(cell.startswith("'") for cell in found[1:8])
    assert found[8:] == ["fine", "-3", ""]


def test_what_can_be_measured_is_drawn_against_the_most(held, admin, client):
    client.force_login(admin)
    page = client.get("/reports/").content.decode()
    assert "Memory, of the most" in page and "Days, of the most" in page
    assert REPORTS["images"](admin, 30).most == 0  # made today


@pytest.mark.parametrize("name", REPORTS)
def test_each_report_is_a_page_and_a_csv(held, client, member, name):
    assert client.get(f"/reports/{name}.csv").status_code == 302
    client.force_login(member)
    answer = client.get(f"/reports/{name}.csv?days=7")
    assert answer["Content-Type"].startswith("text/csv")
    assert "attachment" in answer["Content-Disposition"]
    page = client.get("/reports/").content.decode()
    assert f"/reports/{name}.csv?days=30" in page
    assert client.get("/reports/nothing.csv").status_code == 404


def test_columns_stand_on_the_ground_and_keep_their_proportions():
    today = timezone.localdate()
    many = [Hours(today, f"base-{at}", 1.0) for at in range(8)]
    drawn = columns([*many, Hours(today, "demo", 8.0)], until=today, days=7)
    last = drawn["days"][-1]["parts"]
    assert sum(float(part["height"]) for part in last) == pytest.approx(160)
    assert last[0] == {"colour": 0, "y": "80.00", "height": "80.00"}
    assert [(part["name"], part["hours"]) for part in drawn["legend"]][::6] == [
        ("demo", 8.0),
        ("others", 3.0),
    ]
    assert all(day["parts"] == [] for day in drawn["days"][:-1])
