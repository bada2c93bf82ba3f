"""qemu-img that hangs, crashes, floods or is not there: each is a refusal in words, and nothing is left."""

import os
import time
from pathlib import Path

import pytest

from bases.models import BaseImage, BaseRevision
from bases.services import Facts, Source, base_register
from clones.models import Clone
from clones.services import clone_create
from clones.wanted import Wanted
from cowweb.errors import DomainError
from hosts.drivers import process, qemu_img
from hosts.drivers.errors import DriverError
from hosts.jobs import work
from hosts.models import Job
from tests.support.site import wait_until

pytestmark = pytest.mark.django_db
GIVEN_UP_S = 1.0
FAULTS = {
    "hangs": (
        "trap '' TERM; echo $$ >> $PIDS; sleep 300 & echo $! >> $PIDS; wait",
        "gave no answer within 1 s",
    ),
    "crashes": ("kill -SEGV $$", "was killed by signal 11"),
    "floods": ('exec yes \'{"format": "qcow2"}\'', "qemu-img"),
    "lies": ("echo '{\"format\": 7}'", ""),
    "says nothing": ("exit 0", ""),
}


@pytest.fixture(params=FAULTS)
def faulty(request, tmp_path, monkeypatch):
    """The program's place is taken by one that has this fault; the words that tell of it."""
    text, words = FAULTS[request.param]
    bin_ = tmp_path / "bin"
    bin_.mkdir()
    (bin_ / "qemu-img").write_text(f"#!/bin/bash\n{text}\n")
    (bin_ / "qemu-img").chmod(0o755)
    monkeypatch.setenv("PIDS", str(tmp_path / "pids"))
    monkeypatch.setenv("PATH", f"{bin_}:{os.environ['PATH']}")
    monkeypatch.setattr(qemu_img, "QUICK_S", GIVEN_UP_S)
    monkeypatch.setattr(
        qemu_img._img, "__kwdefaults__", {**qemu_img._img.__kwdefaults__, "timeout_s": GIVEN_UP_S}
    )
    return words


def gone(pid: str) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] == "Z"


def test_an_import_ends_in_time_with_words_and_without_leftovers(site, image, actor, faulty, tmp_path):
    began = time.monotonic()
    with pytest.raises((DomainError, DriverError)) as caught:
        base_register(name="demo", source=Source(image), facts=Facts(), actor=actor)
    assert faulty in str(caught.value) and str(caught.value)
    assert time.monotonic() - began < 30
    assert not BaseRevision.objects.exists()
    assert not BaseImage.objects.filter(status__in=["ready", "provisioning"]).exists()
    assert list(site.COWWEB_STORE.iterdir()) == []
    pids = (tmp_path / "pids").read_text().split() if (tmp_path / "pids").exists() else []
    wait_until(lambda: all(gone(pid) for pid in pids), timeout_s=10)


def test_a_clone_whose_disk_cannot_be_made_says_why_and_leaves_nothing(demo, actor, monkeypatch):
    """Where the quick way of making an overlay is not open, qemu-img makes it."""
    monkeypatch.setattr("hosts.drivers.qemu.writable", lambda below, size: False)
    monkeypatch.setattr(process, "program", missing(process.program))
    asked = clone_create(Wanted(base="demo", name="web", start=False), actor=actor)
    work(asked.job.pk)
    clone = Clone.objects.get()
    assert (clone.status, clone.failure) == ("failed", "qemu-img is not installed on this host")
    assert not clone.folder.exists()
    assert Job.objects.get().state == "failed"


def missing(real):
    def program(name):
        return real("no-such-qemu-img" if name == "qemu-img" else name).replace("no-such-", "")

    def told(name):
        try:
            return program(name)
        except DriverError as error:
            raise type(error)(str(error).replace("no-such-", "")) from None

    return told
