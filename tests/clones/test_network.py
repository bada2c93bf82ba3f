"""The network of a clone: what it may connect to is changed, counted and shown; its ports are knocked on."""

import socket
from datetime import timedelta

import pytest
from django.utils import timezone

from audit.models import AuditEntry
from clones import egress, ports
from clones.egress import egress_ended, egress_looked_after, egress_set
from clones.models import Clone
from clones.ports import answering
from clones.wanted import checked_egress
from cowweb.errors import UnsupportedError
from cowweb.values import InvalidValue, egress_ports, egress_text
from hosts.drivers import egress as rules
from hosts.drivers.errors import Refused
from hosts.drivers.records import Denied, Righted
from hosts.services import local_driver
from tests.pools.conftest import base, clone_row as row  # noqa: F401

GONE = {"pid": 2**22, "started_ticks": 1, "boot_id": "x", "uuid": "0" * 32, "folder": "/nowhere"}
pytestmark = pytest.mark.django_db


@pytest.fixture
def clone(base, admin, site):  # noqa: F811
    return row(base, admin, "web", status="stopped")


@pytest.fixture
def signed_in(client, admin):
    client.force_login(admin)
    return client


@pytest.mark.parametrize(
    ("text", "ports"), [("open", None), ("none", ()), ("443", (443,)), ("443, 80", (443, 80))]
)
def test_what_may_be_reached_is_written_and_read_the_same(text, ports):
    assert egress_ports(text) == ports
    assert egress_ports(egress_text(ports)) == ports


@pytest.mark.parametrize("text", ["", "0", "65536", "80,80", "none,80", "OPEN", "http"])
def test_other_words_are_refused_with_what_would_be_right(text):
    with pytest.raises(InvalidValue, match="or `open`, or `none` alone"):
        egress_ports(text)


def test_a_change_is_kept_for_the_next_start_and_on_record(clone, actor):
    egress_set(clone=clone, ports=(443, 80), actor=actor)
    clone.refresh_from_db()
    assert clone.egress_ports == [443, 80]
    entry = AuditEntry.objects.get(action="set_egress")
    assert entry.params == {"egress_ports": "443,80", "before": "open"}
    assert entry.outcome.result == "done"


def test_a_host_that_cannot_hold_a_guest_refuses_at_the_door(site, monkeypatch):
    def missing():
        raise Refused("nft is not installed")

    monkeypatch.setattr(rules, "_may_hold", missing)
    rules.look_again()
    try:
        for ports in (None, (443,)):
            with pytest.raises(UnsupportedError, match=r"nft is not installed.*egress_ports=none"):
                checked_egress(ports)
        checked_egress(())
    finally:
        monkeypatch.undo()
        rules.look_again()


@pytest.fixture
def counted(clone, monkeypatch):
    """A running clone, with what the host says of it."""
    Clone.objects.filter(pk=clone.pk).update(status="running", record=GONE)
    found = {clone.uuid: Denied(3, {"10.0.0.1:25/tcp": 3})}
    monkeypatch.setattr(type(local_driver()), "egress_kept", lambda self, wanted: found)
    monkeypatch.setattr(type(local_driver()), "egress_righted", lambda self, wanted, suspected: Righted())
    monkeypatch.setattr(type(local_driver()), "egress_end", lambda self, uuid: found.get(uuid))
    return found


def test_denied_attempts_are_kept_with_where_they_went(clone, counted, signed_in):
    egress_looked_after()
    clone.refresh_from_db()
    assert (clone.denied_attempts, clone.denied) == (3, {"10.0.0.1:25/tcp": 3})
    page = signed_in.get("/clones/web/").text
    assert "3 attempts denied" in page and "10.0.0.1:25/tcp" in page


def test_the_last_count_is_taken_when_the_machine_ends(clone, counted):
    counted[clone.uuid] = Denied(8, {"10.0.0.1:25/tcp": 8})
    egress_ended(clone)
    clone.refresh_from_db()
    assert clone.denied_attempts == 8


def test_lost_rules_are_on_record(clone, counted):
    counted[clone.uuid] = None
    egress_looked_after()
    assert AuditEntry.objects.get(action="restore_egress").target == "clone:web"


def test_the_form_takes_a_list_and_says_what_is_wrong_with_another(signed_in, clone):
    signed_in.post("/clones/web/network/egress/", {"reach": "listed", "ports": "443"})
    clone.refresh_from_db()
    assert clone.egress_ports == [443]
    answer = signed_in.post("/clones/web/network/egress/", {"reach": "listed", "ports": "x"}, follow=True)
    assert "is not a TCP port" in answer.text
    signed_in.post("/clones/web/network/egress/", {"reach": "none"})
    clone.refresh_from_db()
    assert clone.egress_ports == []
    assert "It reaches nothing" in signed_in.get("/clones/web/").text


def test_nobody_changes_what_is_not_theirs(client, member, clone):
    client.force_login(member)
    for path in ("egress/", "forward/"):
        assert client.post(f"/clones/web/network/{path}", {"reach": "none", "port": "80"}).status_code == 404
    assert client.get("/clones/web/network/").status_code == 404
    clone.refresh_from_db()
    assert clone.egress_ports is None


def test_a_port_of_a_stopped_clone_is_not_forwarded(signed_in, clone):
    answer = signed_in.post("/clones/web/network/forward/", {"port": "8080"}, follow=True)
    assert "only a running clone can be given ports" in answer.text


def test_a_port_answers_when_what_is_behind_it_speaks_or_waits():
    with socket.create_server(("127.0.0.1", 0)) as silent, socket.create_server(("127.0.0.1", 0)) as gone:
        waits, closed = silent.getsockname()[1], gone.getsockname()[1]
        gone.close()
        assert answering([waits, closed]) == {waits}
        assert answering([]) == set()


def test_ports_are_knocked_on_by_who_looks_and_not_more_often(clone, signed_in, monkeypatch):
    Clone.objects.filter(pk=clone.pk).update(status="running", record=GONE, forwards=[[80, 40080]])
    knocked = []
    monkeypatch.setattr(ports, "answering", lambda hosts: knocked.append(hosts) or set(hosts))
    page = signed_in.get("/clones/web/").text
    assert "Not known yet" in page and not knocked
    for _ in range(3):
        assert "circle-check" in signed_in.get("/clones/web/network/").text
    assert knocked == [[40080]]


@pytest.mark.parametrize(("ago_s", "word"), [(1, "Not yet"), (60, "No answer")])
def test_silence_of_a_guest_that_just_came_up_is_no_answer_yet(clone, signed_in, monkeypatch, ago_s, word):
    ready = timezone.now() - timedelta(seconds=ago_s)
    Clone.objects.filter(pk=clone.pk).update(
        status="running", record=GONE, forwards=[[80, 40080]], ready_at=ready
    )
    monkeypatch.setattr(ports, "answering", lambda hosts: set())
    assert f"<span>{word}</span>" in signed_in.get("/clones/web/network/").text


def test_a_port_is_copied_by_the_name_that_opens_it_from_anywhere(clone, signed_in):
    Clone.objects.filter(pk=clone.pk).update(status="running", record=GONE, forwards=[[80, 40080]])
    page = signed_in.get("/clones/web/", headers={"host": "localhost:8040"}).text
    assert f'data-copy="http://c{clone.pk}-80.localhost:8040"' in page
    assert 'data-copy="127.0.0.1:40080"' in page


def test_stale_rules_are_remembered_between_looks(monkeypatch):
    looks = []
    monkeypatch.setattr(
        type(local_driver()), "egress_stale", lambda self, before: looks.append(set(before)) or {7}
    )
    egress.egress_cleared()
    egress.egress_cleared()
    assert looks == [set(), {7}]
    egress.stale.clear()
