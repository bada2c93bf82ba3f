"""Builds a guest from Debian's packages, or takes it from the cache, and registers it as a base."""

import sys
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from audit.models import Via
from audit.services import Actor
from bases.models import BaseImage
from bases.services import Facts, Source, base_register, base_revise
from cowweb.errors import DomainError
from cowweb.people import user_named
from hosts.drivers.build import BuiltGuest, build_guest
from hosts.drivers.errors import DriverError


class Command(BaseCommand):
    help = "Builds a guest (tiny or debian) and, with --register NAME, registers it as a base image"

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("kind", choices=["tiny", "debian"])
        parser.add_argument("--register", metavar="NAME", default="")
        parser.add_argument("--without-rexx", action="store_true", help="leave the REXX interpreter out")
        parser.add_argument("--as", dest="user", default="", metavar="USER", help="who registers it")

    def handle(self, *args: Any, kind: str, register: str, user: str, **options: Any) -> None:
        try:
            built = build_guest(
                "debian" if kind == "debian" else "tiny",
                cache=settings.COWWEB_CACHE,
                with_rexx=not options["without_rexx"],
                progress=self.say,
            )
            self.stdout.write(str(built.disk))
            if register:
                self.register(built, register, user)
        except (DomainError, DriverError) as error:
            self.stderr.write(str(error))
            sys.exit(1)

    def say(self, line: str) -> None:
        self.stderr.write(f"  {line}")

    def register(self, built: BuiltGuest, name: str, user: str) -> None:
        """A new base, or the next revision of the one that has the name."""
        actor = Actor(user=user_named(user), via=Via.SHELL, agent="manage.py build_base")
        source = Source(
            disk=built.disk,
            boot_kind=built.boot_kind,
            kernel=built.kernel,
            initrd=built.initrd,
            cmdline=built.cmdline,
            seed=built.seed,
        )
        usable = BaseImage.objects.usable().filter(name=name).exists()
        if usable:
            base = base_revise(name=name, source=source, actor=actor)
        else:
            base = base_register(name=name, source=source, facts=facts_of(built), actor=actor)
        revision = base.newest
        is_ready = revision is not None and revision.is_cloned
        self.stdout.write(f"Base image {revision} {'is ready' if is_ready else 'awaits approval'}")


def facts_of(built: BuiltGuest) -> Facts:
    return Facts(
        memory_mb=built.memory_mb,
        cpus=built.cpus,
        rexx_installed=built.rexx_installed,
        os=built.os,
        description=built.description,
        ssh_user=built.ssh_user,
    )
