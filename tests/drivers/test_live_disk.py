"""A running machine's disk gets a new layer, and its layers are drawn together, while it runs."""

import hashlib
import json
import subprocess
import threading

import pytest

from hosts.drivers import lifecycle, live_disk, qemu_img
from hosts.drivers.errors import Cancelled, Refused
from tests.drivers.test_disk_rebuild import same, write

pytestmark = pytest.mark.slow


@pytest.fixture
def machine(driver, empty_machine):
    spec = empty_machine()
    write(spec.disk, "1M", "256k", "0x31")
    return spec, driver.start(spec).record


def overlay_on(driver, tmp_path, spec, mark, **how):
    """As a branch makes it: the disk under a second name, an empty layer on that."""
    layer = tmp_path / f"layer-{mark}.qcow2"
    layer.hardlink_to(spec.disk)
    overlay = tmp_path / f"next-{mark}.qcow2"
    driver.disk_create(overlay, backing=layer, **how)
    return layer, overlay


def guest_writes(record, at, pattern, length="64k"):
    """What the guest would: through the node that its disk writes to."""
    with lifecycle.monitor(record) as qmp:
        top = live_disk.top_node(qmp)
        devices = qmp.execute("query-block")
        path = next(d["qdev"] for d in devices if d.get("inserted", {}).get("node-name") == top)
        said = qmp.hmp(f'qemu-io -d {path} "write -P {pattern} {at} {length}"')
    assert not said, said


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_after_a_layer_is_put_what_lies_below_stays_as_it_is(driver, machine, tmp_path):
    spec, record = machine
    for mark in ("a1", "b2"):
        layer, overlay = overlay_on(driver, tmp_path, spec, mark)
        assert not driver.writes_to(record, mark)
        assert driver.layer_put(record, overlay, mark=mark) is False  # nobody there to hold still
        assert driver.writes_to(record, mark)
        overlay.rename(spec.disk)
        before = digest(layer)
        guest_writes(record, "2M", "0x42")
        assert digest(layer) == before
    driver.snapshot_create(spec.disk, "live", record)
    driver.shutdown(record, grace_s=0)
    assert len(qemu_img.chain(spec.disk)) == 4
    assert qemu_img.image_inspect(spec.disk).snapshots == ("live",)


def test_the_layers_of_a_running_machine_are_drawn_into_its_own(driver, machine, tmp_path):
    spec, record = machine
    base = tmp_path / "base.qcow2"
    layer, overlay = overlay_on(driver, tmp_path, spec, "a1", to_stream=True)
    driver.layer_put(record, overlay, mark="a1")
    overlay.rename(spec.disk)
    guest_writes(record, "2M", "0x42")
    before, percents = digest(layer), []
    live_disk.stream(record, base=base, on_percent=percents.append)
    guest_writes(record, "3M", "0x43")
    driver.shutdown(record, grace_s=0)
    assert digest(layer) == before
    assert qemu_img.chain(spec.disk) == (spec.disk, base)
    write(layer, "2M", "64k", "0x42")
    write(layer, "3M", "64k", "0x43")
    assert same(spec.disk, layer)
    assert qemu_img.image_check(spec.disk).clean


def test_pieces_of_clusters_in_every_layer_are_drawn_together(driver, machine, tmp_path):
    """Subclusters that one layer has and another has not, in one cluster: QEMU ends over them."""
    spec, record = machine
    for mark in ("a1", "b2"):
        _, overlay = overlay_on(driver, tmp_path, spec, mark)
        driver.layer_put(record, overlay, mark=mark)
        overlay.rename(spec.disk)
        for at in range(0, 128, 16):
            guest_writes(record, f"{3 * 1024 + at + (4 if mark == 'a1' else 0)}k", "0x44", "4k")
    assert not driver.disk_streams(spec.disk)
    with pytest.raises(Refused, match="subclusters"):
        live_disk.stream(record, base=tmp_path / "base.qcow2")
    layer, overlay = overlay_on(driver, tmp_path, spec, "c3", to_stream=True)
    driver.layer_put(record, overlay, mark="c3")
    overlay.rename(spec.disk)
    assert driver.disk_streams(spec.disk)
    live_disk.stream(record, base=tmp_path / "base.qcow2")
    driver.shutdown(record, grace_s=0)
    assert qemu_img.chain(spec.disk) == (spec.disk, tmp_path / "base.qcow2")
    assert same(spec.disk, layer)


def test_killed_right_after_it_was_flattened_a_disk_has_lost_nothing(driver, machine, tmp_path):
    spec, record = machine
    layer, overlay = overlay_on(driver, tmp_path, spec, "a1", to_stream=True)
    driver.layer_put(record, overlay, mark="a1")
    overlay.rename(spec.disk)
    live_disk.stream(record, base=tmp_path / "base.qcow2")
    driver.kill(record)
    assert qemu_img.chain(spec.disk) == (spec.disk, tmp_path / "base.qcow2")
    assert same(spec.disk, layer)


def test_a_cancelled_stream_leaves_the_machine_and_its_disk(driver, machine, tmp_path):
    spec, record = machine
    layer, overlay = overlay_on(driver, tmp_path, spec, "a1", to_stream=True)
    driver.layer_put(record, overlay, mark="a1")
    overlay.rename(spec.disk)
    flag = threading.Event()
    flag.set()
    with pytest.raises(Cancelled):
        live_disk.stream(record, base=tmp_path / "base.qcow2", cancel=flag)
    assert driver.alive(record)
    with lifecycle.monitor(record) as qmp:
        assert qmp.execute("query-jobs") == []
    driver.kill(record)
    assert same(spec.disk, layer)
    chain = subprocess.run(
        ["qemu-img", "info", "--output=json", str(spec.disk)], capture_output=True, check=True
    )
    assert json.loads(chain.stdout)["format"] == "qcow2"


def test_a_stream_that_was_done_before_its_cancel_was_heard_is_done(driver, machine, tmp_path, monkeypatch):
    spec, record = machine
    _, overlay = overlay_on(driver, tmp_path, spec, "a1", to_stream=True)
    driver.layer_put(record, overlay, mark="a1")
    overlay.rename(spec.disk)
    flag, finalized = threading.Event(), live_disk._finalized

    def too_late(qmp):
        finalized(qmp)
        flag.set()

    monkeypatch.setattr(live_disk, "_finalized", too_late)
    live_disk.stream(record, base=tmp_path / "base.qcow2", cancel=flag)
    assert flag.is_set()
    with lifecycle.monitor(record) as qmp:
        assert qmp.execute("query-jobs") == []
    driver.kill(record)
    assert qemu_img.chain(spec.disk) == (spec.disk, tmp_path / "base.qcow2")
