"""Removes the output of runs that ended long ago, by the site's policy or by a number of days."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from audit.models import Via
from audit.services import Actor
from cowweb.people import local_administrator
from provisioning.retention import expired, outputs_expired


class Command(BaseCommand):
    help = "Removes the output of runs that ended longer ago than COWWEB_OUTPUT_DAYS, or than --days"

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--days", type=int, default=settings.COWWEB_OUTPUT_DAYS, metavar="N")
        parser.add_argument("--dry-run", action="store_true", help="only say what would be removed")

    def handle(self, *args: Any, days: int, dry_run: bool, **options: Any) -> None:
        if days < 1:
            raise CommandError("Name a policy: COWWEB_OUTPUT_DAYS, or --days with a number from 1")
        if dry_run:
            self.stdout.write(f"{expired(days).count()} runs have output older than {days} days")
            return
        actor = Actor(user=local_administrator(), via=Via.SHELL, agent="manage.py expire_output")
        count = 0
        while ids := outputs_expired(days=days, actor=actor):
            count += len(ids)
        self.stdout.write(f"Removed the output of {count} run{'' if count == 1 else 's'}")
