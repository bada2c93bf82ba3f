"""System checks: what would keep the site from working, said before it starts."""

import os
import shutil
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning as Caution, register


@register()
def programs_found(**kwargs: Any) -> list[CheckMessage]:
    return [
        Error(f"{name} is not installed", hint=f"apt-get install {package}", id=f"cowweb.E00{number}")
        for number, (name, package) in enumerate(
            [
                ("qemu-img", "qemu-utils"),
                ("qemu-system-x86_64", "qemu-system-x86"),
                ("setpriv", "util-linux"),
            ],
            1,
        )
        if shutil.which(name) is None
    ]


@register()
def data_writable(**kwargs: Any) -> list[CheckMessage]:
    folder = Path(settings.COWWEB_DATA)
    existing = next(parent for parent in (folder, *folder.parents) if parent.exists())
    if os.access(existing, os.W_OK):
        return []
    return [Error(f"COWWEB_DATA={folder} cannot be written", id="cowweb.E010")]


@register()
def guests_kept_apart(**kwargs: Any) -> list[CheckMessage]:
    """Cookies of the dashboard must not reach guests, nor theirs the dashboard."""
    domain = settings.COWWEB_GUEST_DOMAIN
    inside = [
        host for host in settings.ALLOWED_HOSTS if host.lstrip(".").endswith(f".{domain}") or host == "*"
    ]
    if domain and not inside:
        return []
    words = f"COWWEB_GUEST_DOMAIN={domain} takes the dashboard's own names: {', '.join(inside) or 'all'}"
    return [Caution(words, hint="Give guests a domain of their own", id="cowweb.W003")]


@register()
def settings_agree(**kwargs: Any) -> list[CheckMessage]:
    """Settings that contradict each other."""
    if settings.REDIS_URL and settings.DATABASES["default"]["ENGINE"].endswith("sqlite3"):
        return [
            Caution(
                "REDIS_URL is set but the database is SQLite: workers on other hosts would not share it",
                hint="Set DATABASE_URL to a PostgreSQL database too",
                id="cowweb.W001",
            )
        ]
    return []
