"""`/healthz`: the process lives. `/readyz`: database, store and hypervisor are usable."""

import os
from collections.abc import Callable
from pathlib import Path

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db import connection
from django.http import HttpRequest, JsonResponse

from hosts.drivers.process import program


@login_not_required
def healthz(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"status": "ok"})


@login_not_required
def readyz(request: HttpRequest) -> JsonResponse:
    found = {"database": problem(database), "store": problem(store), "hypervisor": problem(hypervisor)}
    ready = not any(found.values())
    checks = {name: words or "ok" for name, words in found.items()}
    return JsonResponse(
        {"status": "ok" if ready else "not ready", "checks": checks}, status=200 if ready else 503
    )


def problem(check: Callable[[], None]) -> str:
    """What is wrong, in words; empty when nothing is."""
    try:
        check()
    except Exception as error:  # noqa: BLE001 - whatever it is, it is the answer
        return str(error) or type(error).__name__
    return ""


def database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def store() -> None:
    for folder in (Path(settings.COWWEB_STORE), Path(settings.COWWEB_CLONES)):
        folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK):
            raise PermissionError(f"{folder} cannot be written")


def hypervisor() -> None:
    program("qemu-img")
    program("qemu-system-x86_64")
