"""Says whether the record is whole; names the first thing that is wrong."""

import sys
import time
from argparse import ArgumentParser
from collections.abc import Callable
from typing import Any

from django.core.management.base import BaseCommand

from audit.models import Via
from audit.names import names_rebuilt
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
        parser.add_argument(
            "--names", action="store_true", help="write the index of names anew; put on record"
        )

    def handle(self, *args: Any, seal: bool = False, names: bool = False, **options: Any) -> None:
        if seal:
            self.on_record(sealed_anew)
        if names:
            self.on_record(names_rebuilt)
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

    def on_record(self, act: Callable[[Actor], None]) -> None:
        actor = Actor(user=local_administrator(), via=Via.SHELL, agent="manage.py verify_audit")
        try:
            act(actor)
        except DomainError as error:
            self.stderr.write(str(error))
            sys.exit(1)
