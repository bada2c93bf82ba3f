"""Moves old records into a sealed archive file."""

import sys
from argparse import ArgumentParser
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.dateparse import parse_date

from audit.archive_files import file_of
from audit.archiving import archive_make
from audit.models import Via
from audit.services import Actor
from audit.verify import verified
from cowweb.errors import DomainError
from cowweb.people import local_administrator


def day(text: str) -> datetime:
    try:
        found = parse_date(text)
    except ValueError:
        found = None
    if found is None:
        raise CommandError(f"--before {text!r} is no day: write it like 2026-01-31")
    return datetime(found.year, found.month, found.day, tzinfo=UTC)


class Command(BaseCommand):
    help = "Verifies the record, moves what is older than a day (UTC) into a sealed file, verifies again"

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--before", required=True, metavar="DATE", help="the first day that stays")

    def handle(self, *args: Any, before: str, **options: Any) -> None:
        try:
            first = day(before)
            self.checked()
            actor = Actor(user=local_administrator(), via=Via.SHELL, agent="manage.py archive_audit")
            archive = archive_make(before=first, actor=actor)
        except DomainError as error:
            self.stderr.write(str(error))
            sys.exit(1)
        if archive is None:
            self.stdout.write(f"Nothing on record is older than {before}")
            return
        self.checked()
        self.stdout.write(f"{archive.entries} entries are in {file_of(archive)}, sealed and verified")

    def checked(self) -> None:
        verdict = verified()
        if verdict.wrong:
            raise DomainError(f"The record is not whole: {verdict.wrong}")
