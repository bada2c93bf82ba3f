"""Serves the dashboard: pages and sockets by Daphne, and the background work on the same loop."""

import asyncio
import gc
import logging
import os
import resource
import socket
import sys
from argparse import ArgumentParser
from concurrent.futures import ThreadPoolExecutor  # noqa: TID251 - the loop's own executor
from typing import Any

from daphne.endpoints import build_endpoint_description_strings
from django.conf import settings
from django.core.management.base import BaseCommand

from cowweb.asgi import application
from cowweb.background import background
from cowweb.pacing import PacedServer
from links.addresses import site_address_written
from links.proxy import known

SPARE_THREADS = 32
SWITCH_S = 0.0005  # a thread that is to draw a page waits no longer for one that computes; Python's is 0.005
# When to look for garbage: a request makes thousands of objects and leaves no cycles. Python's is 700, 10, 10
GARBAGE = (20_000, 20, 50)
FILES = 65_536  # an open page is one, a machine several; a session gives 1024 unless it is asked for more


def files_allowed() -> None:
    """As many open files as this process may have, and no fewer than it has."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def paced() -> None:
    """What was imported stays for good, so it is not looked through for garbage again and again."""
    sys.setswitchinterval(SWITCH_S)
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GARBAGE)


class Command(BaseCommand):
    help = "Serves the dashboard and does its background work, until it is stopped"

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", default=8000, type=int)

    def handle(self, *args: Any, host: str, port: int, **options: Any) -> None:
        self.address = f"http://{'localhost' if host in ('127.0.0.1', '0.0.0.0') else host}:{port}/"  # noqa: S104
        self.port_checked(host, port)
        files_allowed()
        server = PacedServer(
            application=application,
            endpoints=build_endpoint_description_strings(host=host, port=port),
            signal_handlers=True,
            ready_callable=self.ready,
            server_name="cowweb",
            known=known,
            # behind a proxy all come from its address, and it is the one to count them
            most_lines=0 if settings.COWWEB_HTTPS else settings.COWWEB_CONNECTIONS,
            proxy_forwarded_address_header="X-Forwarded-For" if settings.COWWEB_HTTPS else None,
        )
        logging.getLogger("daphne").setLevel(logging.WARNING)
        server.run()
        # Work that is under way would hold an ordinary exit up. Its jobs are taken up by the next server.
        self.stdout.flush()
        os._exit(0)

    def port_checked(self, host: str, port: int) -> None:
        """Daphne only logs that it could not listen; whoever started us wants to know."""
        try:
            with socket.create_server((host, port)):
                return
        except OSError as error:
            self.stderr.write(f"Port {port} of {host} cannot be opened: {error.strerror}")
            sys.exit(1)

    def ready(self) -> None:
        """Once the port is open: the doorbell, the runner and the watchers, on this loop."""
        paced()
        loop = asyncio.get_event_loop()
        loop.set_default_executor(ThreadPoolExecutor(settings.COWWEB_PARALLEL_JOBS + SPARE_THREADS))
        self.work = loop.create_task(background(loop))
        site_address_written(self.address)
        self.stdout.write(f"CoWWeb serves {self.address}")
