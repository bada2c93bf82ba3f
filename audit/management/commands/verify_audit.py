"""Says whether the record is whole; names the first thing that is wrong."""

import sys
import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from audit.models import Via
from audit.services import Actor
from audit.verify import sealed_anew, verified
from cowweb.errors import DomainError
from cowweb.people import local_administrator


class Command(BaseCommand):
    help = "Verifies the record and its archives; exits 1 and names the first wrong record if there is one"

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--seal", action="store_true", help="seal it anew where the sealed head is gone; put on record"
        )

    def handle(self, *args: Any, seal: bool = False, **options: Any) -> None:
        if seal:
            self.seal()
        began = time.monotonic()
        verdict = verified()
        if verdict.wrong:
            self.stderr.write(f"NOT WHOLE: {verdict.wrong}")
            sys.exit(1)
        archives = f", {verdict.archives} archives" if verdict.archives else ""
        self.stdout.write(
            f"Verified to entry {verdict.entry}: {verdict.records} records{archives}"
            f" in {time.monotonic() - began:.1f} s"
        )
        if verdict.note:
            self.stdout.write(f"Note: {verdict.note}")

    def seal(self) -> None:
        actor = Actor(user=local_administrator(), via=Via.SHELL, agent="manage.py verify_audit")
        try:
            sealed_anew(actor)
        except DomainError as error:
            self.stderr.write(str(error))
            sys.exit(1)
