"""What a clone that failed, or was told to do something, says of it: once, and still true later."""

import logging

import pytest

from clones.machines import clone_started
from clones.models import Clone
from clones.reconcile import clones_reconciled
from clones.specs import record_of
from hosts.drivers.errors import DriverError, TimedOut
from hosts.services import local_driver
from tests.clones.conftest import fresh

pytestmark = pytest.mark.slow


def test_a_qemu_that_dies_at_start_has_its_words_shown_once(made, client, admin):
    web = made("web")
    Clone.objects.filter(pk=web.pk).update(status="starting", cpus=999)
    with pytest.raises(DriverError, match="999"):
        clone_started(web.pk)
    web = fresh(web)
    assert (web.status, web.failure_detail) == ("failed", "")
    client.force_login(admin)
    page = client.get("/clones/web/").content.decode()
    assert page.count("999 for") + page.count("CPUs 999") == 1
    assert "Start it again once that is mended" in page


def test_what_was_asked_is_still_true_when_it_is_done(made, running, client, admin):
    running(made("web"))
    client.force_login(admin)
    client.post("/clones/web/stop/")
    page = client.get("/clones/web/").content.decode()
    assert "web was asked to stop" in page and "Stopping web" not in page


def test_a_machine_found_ended_is_no_warning_in_somebodys_shell(made, running, site, caplog):
    web = running(made("web"))
    local_driver().kill(record_of(web))
    with caplog.at_level(logging.WARNING):
        assert clones_reconciled() == 1
    assert not [line for line in caplog.records if line.name == "clones.reconcile"]
    assert fresh(web).status != "running"


def test_a_guest_that_never_wrote_a_word_is_told_as_that(made, site):
    web = made("web")
    site.COWWEB_READY_TIMEOUT_S = 2
    Clone.objects.filter(pk=web.pk).update(status="starting")
    with pytest.raises(TimedOut):
        clone_started(web.pk)
    web = fresh(web)
    assert web.failure == "The guest did not answer within 2 s, and wrote nothing on its serial port"
    assert web.failure_detail == ""
