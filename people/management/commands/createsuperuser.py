"""In the place of Django's command: the same for who types it, and it leaves its entry."""

import os
from argparse import ArgumentParser
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError

from cowweb.errors import DomainError
from people.administrators import administrator_make
from people.shell import password_asked, shell_actor


class Command(BaseCommand):
    help = "Makes an administrator of the site"
    requires_migrations_checks = True

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--username", help="or DJANGO_SUPERUSER_USERNAME")
        parser.add_argument("--email", help="or DJANGO_SUPERUSER_EMAIL")
        parser.add_argument(
            "--noinput",
            "--no-input",
            action="store_false",
            dest="interactive",
            help="ask nothing: the password is DJANGO_SUPERUSER_PASSWORD, or there is none to sign in with",
        )

    def handle(self, *args: Any, interactive: bool, **options: Any) -> None:
        name, email = (given(options, key, interactive=interactive) for key in ("username", "email"))
        if not name:
            raise CommandError("You must use --username with --noinput.")
        password = os.environ.get("DJANGO_SUPERUSER_PASSWORD", "") if not interactive else None
        if password is None:
            password = password_asked(User(username=name, email=email))
        try:
            actor = shell_actor("createsuperuser")
            user = administrator_make(name=name, email=email, password=password, actor=actor)
        except DomainError as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"{user.username} is an administrator")


def given(options: dict[str, Any], key: str, *, interactive: bool) -> str:
    said = options[key] if options[key] is not None else os.environ.get(f"DJANGO_SUPERUSER_{key.upper()}")
    if said is None and interactive:
        said = input(f"{'User name' if key == 'username' else 'E-mail (may be empty)'}: ")
    return str(said or "").strip()
