"""What a benchmark does with the site's own code, in a process of its own: `python -m bench.inside VERB …`.

Prints JSON. The environment says which site is meant.
"""

import contextlib
import hashlib
import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cowweb.settings")
django.setup()

from django.conf import settings  # noqa: E402 - models need the apps
from django.contrib.auth.models import User  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.test import Client  # noqa: E402

from audit.models import Via  # noqa: E402
from audit.services import Actor  # noqa: E402
from bases.gate import admit  # noqa: E402
from bases.models import BaseImage  # noqa: E402
from bench.crowd import crowd  # noqa: E402
from bench.record import audit_rows, audit_scan, audit_verified  # noqa: E402
from bench.starts import clone_running, script_starts  # noqa: E402
from clones.models import Clone  # noqa: E402
from cowweb.errors import UnsafeImageError  # noqa: E402
from hosts.jobs import enqueue  # noqa: E402
from hosts.models import Host  # noqa: E402
from hosts.services import local_driver  # noqa: E402
from pools.models import Spare, Template  # noqa: E402
from pools.services import pool_set, template_ahead  # noqa: E402
from provisioning.models import OutputChunk, Run  # noqa: E402

NAME = "admin"
LONG_S = 1200.0
LOOK_S = 35.0  # whatever look is under way began before
LOOKED_WITHIN_S = 240.0


def signed_in() -> str:
    """A new administrator's session."""
    user = User.objects.create_superuser(NAME, password="a-long-password")
    client = Client()
    client.force_login(user)
    return client.cookies[settings.SESSION_COOKIE_NAME].value


def looked_over() -> float:
    """Waits until the server beside has compared what is there now with its rows."""
    began = time.time()
    while not Host.objects.filter(reconciled_at__gt=datetime.fromtimestamp(began + LOOK_S, UTC)).exists():
        if time.time() - began > LOOKED_WITHIN_S:
            raise SystemExit("the server did not look at its site")
        time.sleep(0.5)
    return time.time() - began


def registered(kind: str) -> int:
    call_command("build_base", kind, register="demo", stdout=sys.stderr)
    return BaseImage.objects.get(name="demo").pk


def template() -> dict[str, Any]:
    """Has the server build the base's template and waits for it."""
    base = BaseImage.objects.get(name="demo")
    actor = Actor(user=User.objects.get(username=NAME), via=Via.SHELL)
    wanted = template_ahead(base=base, memory_mb=base.memory_mb, cpus=base.cpus, actor=actor)
    until(lambda: Template.objects.get(pk=wanted.pk).status != Template.Status.BUILDING)
    made = Template.objects.get(pk=wanted.pk)
    if made.status != Template.Status.READY:
        raise SystemExit(f"no template: {made.failure} {made.failure_detail}")
    return {"disk": str(made.disk), "memory": str(made.memory), "state": str(made.state)}


def spares(count: str) -> int:
    """Has the server fill so many spares; none are added in the minute after, which is measured."""
    base = BaseImage.objects.get(name="demo")
    actor = Actor(user=User.objects.get(username=NAME), via=Via.SHELL)
    ready = Spare.objects.filter(status=Spare.Status.READY)
    pool_set(base=base, actor=actor, minimum=int(count), maximum=int(count), refill_per_minute=600)
    until(lambda: ready.count() >= int(count))
    pool_set(base=base, actor=actor, refill_per_minute=1)
    return ready.count()


def clone_of(name: str) -> dict[str, Any]:
    """What the site says of a clone."""
    clone = Clone.objects.get(name=name)
    return {"way": clone.way, "reason": clone.way_reason, "status": clone.status, "timed": dict(clone.timed)}


def rows(clones: str, bases: str, users: str) -> int:
    """So many clones, bases and people that are only rows; each clone has a run."""
    owner = User.objects.get(username=NAME)
    return crowd(int(clones), int(bases), int(users), owner=owner) if int(clones) else 0


def run_of(script: str) -> int:
    """A run that goes on, whose `script` says what `bench.feed` is to print."""
    run = Run.objects.create(
        script_name="feed",
        script_text=script,
        script_sha256=hashlib.sha256(script.encode()).hexdigest(),
        owner=User.objects.get(username=NAME),
        clone_name="nobody",
        base_reference="rows",
        status=Run.Status.RUNNING,
    )
    return run.pk


def fed(run_id: str) -> int:
    """Asks the server's runner to feed the run."""
    return enqueue("bench.feed.feed", int(run_id)).pk


def kept(run_id: str) -> dict[str, int]:
    run = Run.objects.get(pk=int(run_id))
    return {"lines": run.line_count, "chunks": OutputChunk.objects.filter(run=run).count()}


def judged(folder: str) -> dict[str, Any]:
    """How long the image gate takes for every image of a folder, and how many it takes."""
    times, taken = [], 0
    for image in sorted(Path(folder).iterdir()):
        start = time.perf_counter()
        with contextlib.suppress(UnsafeImageError):
            admit(image)
            taken += 1
        times.append((time.perf_counter() - start) * 1000)
    return {"ms": times, "taken": taken}


def cleared() -> int:
    """Ends every machine of the site, and takes its memory files away."""
    ended = 0
    for folder in (settings.COWWEB_CLONES, settings.COWWEB_TEMPLATES):
        for record in local_driver().running(folder) if folder.exists() else ():
            local_driver().kill(record)
            ended += 1
    shutil.rmtree(settings.COWWEB_MEMORY, ignore_errors=True)
    return ended


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LONG_S
    while not true():
        if time.monotonic() > deadline:
            raise SystemExit("it took too long")
        time.sleep(0.05)


VERBS: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {
        verb.__name__: verb
        for verb in (
            signed_in,
            registered,
            template,
            spares,
            clone_of,
            rows,
            run_of,
            fed,
            kept,
            judged,
            cleared,
            clone_running,
            script_starts,
            looked_over,
            audit_rows,
            audit_scan,
            audit_verified,
        )
    }
)

if __name__ == "__main__":
    print(json.dumps(VERBS[sys.argv[1]](*sys.argv[2:])))
