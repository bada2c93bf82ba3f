"""Makes what a fresh site needs: its folders, an administrator, the demo base, the example scripts."""

import secrets
from dataclasses import replace
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.core.management import call_command
from django.core.management.base import BaseCommand

from audit.services import SYSTEM
from bases.models import BaseImage
from people.administrators import administrator_make

PASSWORD_FILE = "administrator.password"  # noqa: S105 - a file's name


class Command(BaseCommand):
    help = "Prepares a fresh site; does nothing that is done already"

    def handle(self, *args: Any, **options: Any) -> None:
        for folder in (settings.COWWEB_STORE, settings.COWWEB_CLONES, *settings.COWWEB_IMPORT_FOLDERS):
            folder.mkdir(parents=True, exist_ok=True)
        password = self.administrator_made()
        if not BaseImage.objects.filter(name="demo").exists():
            call_command("build_base", "tiny", register="demo", stdout=self.stdout, stderr=self.stderr)
        call_command("keep_examples", stdout=self.stdout)
        file = settings.COWWEB_DATA / PASSWORD_FILE
        if password and self.stdout.isatty():  # what is no terminal may be a log
            self.stdout.write(f"\nSign in as admin with the password {password}")
            self.stdout.write(f"(kept in {file} until you change it and delete that file)\n")
        elif file.exists():
            self.stdout.write(f"Sign in as admin; the password is in {file}")

    def administrator_made(self) -> str:
        """The new administrator's password; empty when there is one already."""
        if User.objects.filter(is_superuser=True).exists():
            return ""
        password = secrets.token_urlsafe(9)
        administrator_make(
            name="admin", password=password, actor=replace(SYSTEM, agent="manage.py first_run")
        )
        file = settings.COWWEB_DATA / PASSWORD_FILE
        file.touch(mode=0o600)
        file.write_text(password + "\n")
        return password
