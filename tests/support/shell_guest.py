"""A clone whose machine is a real, empty QEMU and whose guest is a shell of this host behind a real SSH server.

For what a run does around its guest: it boots nothing, so a whole run takes a second.

Example::

    with shell_guest(clone) as guest:      # the clone is running, its channel is ssh
        run_carried_out(run.pk)
        guest.again()                      # after it was shut down and is wanted again
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict

from clones.identity import identity_written
from clones.machines import disk_made
from clones.models import Clone
from clones.specs import spec_of
from hosts.services import local_driver
from tests.drivers.ssh_server import ShellServer, shell_server
from tests.support.machines import machines_ended


class ShellGuest:
    def __init__(self, clone: Clone, server: ShellServer) -> None:
        self.clone, self.server = clone, server

    def again(self) -> None:
        """Its machine runs, whatever it was before."""
        clone = Clone.objects.select_related("revision__base").get(pk=self.clone.pk)
        started = local_driver().start(spec_of(clone))
        Clone.objects.filter(pk=clone.pk).update(
            status="running", record=asdict(started.record), forwards=[[22, self.server.port]]
        )

    def end(self) -> None:
        machines_ended(self.clone.folder)


@contextmanager
def shell_guest(clone: Clone) -> Iterator[ShellGuest]:
    disk_made(clone)
    with shell_server(identity_written(clone)) as server:
        guest = ShellGuest(clone, server)
        guest.again()
        try:
            yield guest
        finally:
            guest.end()
