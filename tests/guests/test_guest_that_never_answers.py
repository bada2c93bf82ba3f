"""A guest that says nothing is given up at the deadline, with what it said on its serial port."""

import re

import pytest

from bases.services import Facts, Source, base_register
from clones.models import Clone
from commands.dispatch import run_command
from commands.service import Caller
from hosts.drivers.adopt import running_machines
from hosts.drivers.lifecycle import kill

pytestmark = [pytest.mark.guest, pytest.mark.django_db(transaction=True)]
SCRIPT = "# kvm-infra-use: mute\n# kvm-infra-timeout: 60\necho never\n"


@pytest.fixture
def mute(site, tiny_guest, actor):
    """A base whose kernel starts and finds nothing to run."""
    source = Source(
        disk=tiny_guest.disk,
        boot_kind="kernel",
        kernel=tiny_guest.kernel,
        initrd=tiny_guest.initrd,
        cmdline="console=ttyS0 rdinit=/nothing init=/nothing panic=0",
    )
    base_register(name="mute", source=source, facts=Facts(memory_mb=128, cpus=1), actor=actor)
    site.COWWEB_READY_TIMEOUT_S = 8
    yield
    left = running_machines(site.COWWEB_DATA)
    for record in left:
        kill(record)
    assert not left, "its machine outlived it"


def test_a_clone_of_it_fails_at_the_deadline_with_its_last_words(mute, actor):
    result = run_command("clone base=mute name=mute-1 path=cold", Caller(actor))
    assert (result["success"], result["code"]) == (False, "host_error")
    assert result["output"] == "The guest did not answer within 8 s"
    clone = Clone.objects.get()
    assert (clone.status, clone.record, clone.forwards) == ("failed", None, [])
    assert clone.failure == result["output"]
    assert re.search(r"SeaBIOS|Linux|\[ +\d+\.\d+\]", clone.failure_detail)


def test_a_run_on_it_fails_in_that_phase_with_its_last_words(mute, site, actor):
    (site.COWWEB_IMPORT_FOLDERS[0] / "never.sh").write_text(SCRIPT)
    result = run_command("provision script=never.sh", Caller(actor))
    assert (result["success"], result["status"], result["exitCode"]) == (False, "timed_out", None)
    run = Clone.objects.get().runs.get()
    assert (run.failed_phase, run.line_count) == ("ready", 0)
    assert run.failure_detail
    states = dict(run.phases.values_list("name", "state"))
    assert (states["ready"], states["script"]) == ("failed", "pending")
