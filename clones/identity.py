"""A clone's own keys: made on the host, kept in its folder, pinned in its row."""

from pathlib import Path

from clones.models import Clone
from hosts.drivers.keys import make_identity
from hosts.drivers.records import Identity


def identity_written(clone: Clone) -> Identity:
    """A fresh identity, written where only the server may read it, its public halves in the row."""
    identity = identity_made(clone)
    keys_kept(clone, identity)
    Clone.objects.filter(pk=clone.pk).update(
        login_public=identity.login_public, host_public=identity.host_public
    )
    return identity


def identity_made(clone: Clone) -> Identity:
    """A fresh identity that nothing keeps yet."""
    return make_identity(clone.name, clone.revision.base.ssh_user)


def keys_kept(clone: Clone, identity: Identity) -> None:
    for name, text in (("login_key", identity.login_key), ("host_key", identity.host_key)):
        written(clone.folder / name, text)
    clone.login_public, clone.host_public = identity.login_public, identity.host_public


def written(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text)


def identity_of(clone: Clone) -> Identity:
    """The identity that was written when the clone was made."""
    return Identity(
        hostname=clone.name,
        ssh_user=clone.revision.base.ssh_user,
        login_key=(clone.folder / "login_key").read_text(),
        login_public=clone.login_public,
        host_key=(clone.folder / "host_key").read_text(),
        host_public=clone.host_public,
    )
