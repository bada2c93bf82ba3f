"""Keeps the example scripts in the site's library, so that a newcomer can choose one."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from audit.models import Via
from audit.services import Actor
from cowweb.people import local_administrator
from provisioning.library import Draft, script_save
from provisioning.models import Script


class Command(BaseCommand):
    help = "Keeps the scripts of examples/ that the library does not have yet"

    def handle(self, *args: Any, **options: Any) -> None:
        actor = Actor(user=local_administrator(), via=Via.SHELL, agent="manage.py keep_examples")
        for path in sorted((settings.BASE_DIR / "examples").iterdir()):
            if path.suffix in (".rexx", ".sh") and not Script.objects.filter(name=path.name).exists():
                text = path.read_text()
                script_save(Draft(path.name, text, described(text)), actor=actor)


def described(text: str) -> str:
    """The example's own first plain comment."""
    for line in text.splitlines():
        words = line.strip("/*# \t")
        if (
            line.startswith(("#", "/*"))
            and words
            and not line.startswith("#!")
            and "rexxjs-vm-" not in line
            and "kvm-infra-" not in line
        ):
            return words[:200]
    return ""
