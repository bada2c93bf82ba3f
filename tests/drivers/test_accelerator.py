"""KVM is used only where it was measured to be faster; nothing hangs because of it."""

import json
import time

import pytest

from hosts.drivers import accelerator
from hosts.drivers.accelerator import probe
from hosts.drivers.errors import NotFound
from hosts.drivers.load import driver_for


def test_without_kvm_nothing_is_tried(tmp_path, monkeypatch):
    monkeypatch.setattr(accelerator, "KVM", tmp_path / "no-kvm")
    verdict = probe(None, tmp_path / "verdict.json")
    assert verdict.accelerator == "tcg"
    assert "no such file" in verdict.reason
    assert not list(tmp_path.iterdir())


def test_without_a_kernel_it_is_not_tried_yet(tmp_path, monkeypatch):
    monkeypatch.setattr(accelerator, "KVM", tmp_path / "kvm")
    (tmp_path / "kvm").touch()
    verdict = probe(None, tmp_path / "verdict.json")
    assert (verdict.accelerator, "not tried yet" in verdict.reason) == ("tcg", True)
    missing = probe(tmp_path / "missing", tmp_path / "verdict.json")
    assert (missing.accelerator, "could not be tried" in missing.reason) == ("tcg", True)


def test_a_kernel_that_does_not_run_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(accelerator, "KVM", tmp_path / "kvm")
    (tmp_path / "kvm").touch()
    (tmp_path / "kernel").write_bytes(b"no kernel" * 1000)
    verdict = probe(tmp_path / "kernel", tmp_path / "verdict.json")
    assert (verdict.accelerator, "without it" in verdict.reason) == ("tcg", True)


@pytest.mark.guest
def test_the_verdict_comes_from_a_real_kernel_and_is_kept_for_this_boot(tmp_path, monkeypatch, tiny_guest):
    if not accelerator.KVM.exists():  # whoever has none sees how a useless one ends
        monkeypatch.setattr(accelerator, "KVM", tmp_path / "kvm")
        (tmp_path / "kvm").touch()
    cache_file = tmp_path / "verdict.json"
    verdict = probe(tiny_guest.kernel, cache_file)
    assert verdict.tcg_ms > 0
    assert verdict.accelerator == "tcg" or verdict.kvm_ms < verdict.tcg_ms
    started = time.monotonic()
    assert probe(tiny_guest.kernel, cache_file) == verdict
    assert time.monotonic() - started < 0.5
    kept = json.loads(cache_file.read_text())
    cache_file.write_text(json.dumps({**kept, "key": ["another boot", *kept["key"][1:]]}))
    measured = []
    monkeypatch.setattr(accelerator, "measure", lambda kernel: measured.append(kernel) or verdict)
    assert probe(tiny_guest.kernel, cache_file) == verdict
    assert measured == [tiny_guest.kernel]


def test_an_unknown_driver_is_not_found(tmp_path):
    with pytest.raises(NotFound, match="qemu"):
        driver_for("vmware", data=tmp_path)
    assert driver_for("qemu", data=tmp_path).kind == "qemu"
