"""Says whether the record is whole; names the first thing that is wrong."""

import sys
import time
from typing import Any

from django.core.management.base import BaseCommand

from audit.verify import verified


class Command(BaseCommand):
    help = "Verifies the record and its archives; exits 1 and names the first wrong record if there is one"

    def handle(self, *args: Any, **options: Any) -> None:
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
