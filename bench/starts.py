"""What `bench.inside` does for `bench.script`: one script in one clone, started in each way in turn."""

import hashlib
import shlex
import subprocess
import time
from contextlib import suppress

from django.contrib.auth.models import User

from clones.models import Clone
from provisioning.engine import way_in, work_of
from provisioning.models import Run, RunPhase
from provisioning.scripting import script_done

SCRIPT = "#!/bin/sh\n# kvm-infra-use: demo\necho started\n"
QUIET = ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR"]
DONE_S = 60.0


def script_starts(name: str, rounds: str) -> dict[str, list[float]]:
    """Milliseconds from a ready guest to the script's first line, by way; the first round is not counted."""
    clone = Clone.objects.get(name=name)
    took: dict[str, list[float]] = {"bare ssh": [], "ssh": [], "agent": []}
    for number in range(int(rounds) + 1):
        for way, samples in took.items():
            ms = bare_ms(clone) if way == "bare ssh" else site_ms(clone, way)
            if number:
                samples.append(ms)
    return took


def bare_ms(clone: Clone) -> float:
    """As anyone would without the site: the script piped to a shell over `ssh`."""
    program, *words = shlex.split(clone.ssh_command)
    start = time.perf_counter()
    argv = [program, *QUIET, *words, "sh", "-s"]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as running:
        assert running.stdin and running.stdout
        running.stdin.write(SCRIPT.encode())
        running.stdin.close()
        said = running.stdout.readline()
        ms = (time.perf_counter() - start) * 1000
    if said != b"started\n":
        raise AssertionError(f"ssh said {said!r}")
    return ms


def site_ms(clone: Clone, channel: str) -> float:
    """By a run's own code, with its runtime looked for, its phases written and its lines kept."""
    run = Run.objects.create(
        script_name="starts.sh",
        script_text=SCRIPT,
        script_sha256=hashlib.sha256(SCRIPT.encode()).hexdigest(),
        owner=User.objects.get(),
        clone=clone,
        clone_name=clone.name,
        base_reference="demo",
        channel_asked=channel,
        status=Run.Status.RUNNING,
    )
    for position, phase in enumerate((RunPhase.Name.RUNTIME, RunPhase.Name.SCRIPT)):
        RunPhase.objects.create(run=run, position=position, name=phase)
    heard: list[float] = []
    start = time.perf_counter()
    work = work_of(run)
    work.recorder.on_line = lambda line, number: heard.append(time.perf_counter())
    with way_in(clone, run) as guest:
        script_done(work, guest)
    Run.objects.filter(pk=run.pk).update(status=Run.Status.SUCCEEDED)
    return (heard[0] - start) * 1000


def clone_running(name: str) -> bool:
    """Waits until the clone runs."""
    until = time.monotonic() + DONE_S
    while time.monotonic() < until:
        with suppress(Clone.DoesNotExist):
            if Clone.objects.get(name=name).status == Clone.Status.RUNNING:
                return True
        time.sleep(0.1)
    raise SystemExit(f"{name} does not run")
