"""In the place of Django's command: the same for who types it, and it leaves its entry and ends sessions."""

import getpass
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from cowweb.errors import DomainError
from people.passwords import password_given
from people.persons import person_named
from people.shell import password_asked, shell_actor


class Command(BaseCommand):
    help = "Gives a person a new password; every browser of theirs is signed out"
    requires_migrations_checks = True
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("username", nargs="?", help="whose; by default the account's on this host")

    def handle(self, *args: Any, username: str | None, **options: Any) -> None:
        try:
            user = person_named(username or getpass.getuser())
            self.stdout.write(f"A new password for {user.username}")
            password = password_asked(user)
            password_given(user=user, password=password, actor=shell_actor("changepassword"))
        except DomainError as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"{user.username} has the new password, and is signed out everywhere")
