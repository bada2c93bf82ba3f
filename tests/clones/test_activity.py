"""Idle machines are told from busy ones by what the kernel says of their process; their hours are counted."""

import socket
from datetime import timedelta

import pytest
from django.utils import timezone

from clones.activity import days, looked_at, machines_looked_at
from clones.activity_models import Activity, MachineHours
from clones.models import Clone
from clones.ports import connection
from clones.specs import record_of
from commands.dispatch import run_command
from commands.service import Caller
from hosts.drivers.records import Activity as Seen
from hosts.services import local_driver
from tests.clones.conftest import fresh
from tests.support.site import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.django_db]
HOUR = timedelta(hours=1)


@pytest.fixture
def machine(made, running):
    """One whose firmware waits for nothing to boot from, with its SSH port forwarded."""
    clone = running(made("web"))
    forwards = local_driver().forward(record_of(clone), [22])
    Clone.objects.update(forwards=[[f.guest_port, f.host_port] for f in forwards])
    return fresh(clone)


def seen(**facts):
    return Seen(**{"cpu_s": 1.0, "sessions": 0, "traffic_bytes": 0, **facts})


def test_a_session_in_a_real_machine_is_seen_and_makes_it_busy(machine):
    assert machines_looked_at() == 1
    Activity.objects.update(active_at=timezone.now() - 99 * HOUR)
    with socket.create_connection(("127.0.0.1", machine.ssh_port)):
        wait_until(lambda: machines_looked_at() and Activity.objects.get().sessions, timeout_s=20)
    found = Activity.objects.get()
    assert (found.sessions, found.what) == (1, "a connection to it is open")
    assert found.is_at_work
    assert found.cpu_s > 0


def test_the_knock_of_an_open_page_is_nobodys_session(machine):
    machines_looked_at()
    knock = connection(machine.ssh_port)
    assert knock is not None
    with knock, socket.create_connection(("127.0.0.1", machine.ssh_port)) as session:
        wait_until(lambda: machines_looked_at() and Activity.objects.get().sessions == 1, timeout_s=20)
        session.close()
        wait_until(lambda: machines_looked_at() and Activity.objects.get().sessions == 0, timeout_s=20)
        assert knock.getpeername()[1] == machine.ssh_port


def test_what_ended_is_left_out(machine):
    local_driver().kill(record_of(machine))
    assert local_driver().activity([record_of(machine)]) == {}
    assert machines_looked_at() == 0


@pytest.mark.parametrize(
    ("facts", "what"),
    [
        ({"cpu_s": 1.5}, ""),
        ({"cpu_s": 31.0}, "it uses 50 % of a processor"),
        ({"traffic_bytes": 100}, ""),
        ({"traffic_bytes": 90_000}, "there is traffic"),
        ({"sessions": 2}, "2 connections to it are open"),
    ],
)
def test_work_is_told_from_waiting(machine, facts, what):
    now = timezone.now()
    looked_at(machine, seen(), now - timedelta(seconds=60))
    Activity.objects.update(what="", active_at=now - 99 * HOUR)
    looked_at(fresh(machine), seen(**facts), now)
    found = Activity.objects.get()
    assert (found.what, found.is_idle) == (what, not what)


def test_idle_ones_are_listed_and_those_that_stopped_are_not(machine, actor, settings):
    do = lambda line: run_command(line, Caller(actor))  # noqa: E731
    looked_at(machine, seen(), timezone.now())
    assert do("list_idle")["output"] == "No machine is idle"
    Activity.objects.update(active_at=timezone.now() - 20 * HOUR)
    assert do("list_idle")["output"] == "1 idle: web (admin)"
    assert do("list_idle hours=30")["count"] == 0
    settings.COWWEB_IDLE_HOURS = 0
    assert do("list_idle")["count"] == 0
    settings.COWWEB_IDLE_HOURS = 12
    Clone.objects.update(status="stopped")
    assert do("list_idle")["count"] == 0


def test_hours_are_counted_once_also_over_a_gap(machine):
    now = timezone.now()
    looked_at(machine, seen(), now - 3 * HOUR)
    MachineHours.objects.all().delete()
    stale = fresh(machine)
    looked_at(fresh(machine), seen(), now)
    looked_at(stale, seen(), now)
    assert sum(MachineHours.objects.values_list("seconds", flat=True)) == pytest.approx(3 * 3600)


def test_a_night_belongs_to_both_its_days():
    since = timezone.now().replace(hour=22, minute=0, second=0, microsecond=0)
    assert [spent for _, spent in days(since, since + 5 * HOUR)] == [2 * 3600, 3 * 3600]


def test_a_new_process_begins_anew(machine):
    looked_at(machine, seen(cpu_s=500.0), timezone.now())
    machine.record["pid"] += 1
    looked_at(machine, seen(cpu_s=1.0), timezone.now())
    assert (Activity.objects.get().what, Activity.objects.get().cpu_s) == ("it was started", 1.0)
