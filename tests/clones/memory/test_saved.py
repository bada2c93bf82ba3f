"""Memory to disk and back: the guest goes on where it was, whichever way it came to run."""

import stat
import time

import pytest

from clones.saved import state_restore, state_save
from clones.services import clone_start
from clones.snapshots import snapshot_create, snapshot_restore
from cowweb.errors import ConflictError
from hosts.services import local_driver
from tests.clones.memory.conftest import fresh

pytestmark = [pytest.mark.guest, pytest.mark.django_db]
COUNT = "(i=0; while :; do i=$((i+1)); echo $i > /run/count; sleep 0.1; done) >/dev/null 2>&1 & cat {}"
BOOT_ID = "/proc/sys/kernel/random/boot_id"
AWAY_S = 3


@pytest.mark.parametrize("way", [pytest.param("memory", marks=pytest.mark.long), "cold"])
def test_it_goes_on_where_it_was(memory_site, way):
    clone = memory_site.clone(f"away-{way}", way)
    boot_id = memory_site.says(clone, COUNT.format(BOOT_ID))
    time.sleep(1)
    counted = int(memory_site.says(clone, "cat /run/count"))

    clone = memory_site.done(state_save(clone=clone, actor=memory_site.actor))
    assert clone.status == "stopped"
    assert clone.saved_at
    assert clone.record is None
    assert stat.S_IMODE(clone.saved_memory.stat().st_mode) == 0o600
    assert not local_driver().running(clone.folder)
    print(f"saved {clone.saved_bytes >> 20} MiB in {clone.saved_ms} ms ({way})")
    time.sleep(AWAY_S)

    clone = memory_site.done(state_restore(clone=clone, actor=memory_site.actor))
    assert clone.status == "running"
    assert clone.way == "saved"
    assert clone.saved_at is None
    assert not clone.saved_memory.exists()
    assert clone.ssh_port
    print(f"restored: loaded in {clone.start_ms} ms, clock set in {clone.ready_ms} ms; {clone.note!r}")
    assert clone.note == ""
    assert memory_site.says(clone, f"cat {BOOT_ID}") == boot_id
    assert int(memory_site.says(clone, "cat /run/count")) > counted
    assert abs(int(memory_site.says(clone, "date +%s")) - time.time()) < 2


def test_saved_memory_is_refused_where_it_does_not_fit(memory_site, monkeypatch):
    clone = memory_site.clone("unfit")
    snapshot_create(clone=clone, name="before", actor=memory_site.actor)
    clone = memory_site.done(state_save(clone=clone, actor=memory_site.actor))
    with pytest.raises(ConflictError, match="saved memory"):
        snapshot_restore(clone=clone, name="before", actor=memory_site.actor)
    with monkeypatch.context() as patch:
        patch.setattr(local_driver(), "fingerprint", lambda spec: "of another QEMU")
        with pytest.raises(ConflictError, match="QEMU or the machine's arguments changed"):
            state_restore(clone=clone, actor=memory_site.actor)
    assert fresh(clone).saved_at
    clone = memory_site.done(clone_start(clone=clone, actor=memory_site.actor))
    assert clone.status == "running"
    assert clone.saved_at is None
    assert "dropped" in clone.note
    assert not clone.saved_memory.exists()
    with pytest.raises(ConflictError, match="no saved memory"):
        state_restore(clone=clone, actor=memory_site.actor)
