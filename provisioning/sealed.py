"""Secret parameters of a run: sealed with the site's key while the run needs them, deleted when it ends.

Nobody can have them shown: they are unsealed for the guest's standard input, and to be hidden in whatever
the guest prints.

Example::

    secrets_sealed(run, {"TOKEN": "…"})
    secrets_of(run.pk)                  # {"TOKEN": "…"} until the run has ended, {} afterwards
"""

import base64
import json

from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

from provisioning.header.params import LEAST_SECRET
from provisioning.models import Run, RunSecrets

HIDDEN = "•••"


def box() -> Fernet:
    """Sealed with a key of its own, derived from the site's."""
    derived = HKDF(SHA256(), 32, salt=None, info=b"secret parameters of runs").derive(
        settings.SECRET_KEY.encode()
    )
    return Fernet(base64.urlsafe_b64encode(derived))


def secrets_sealed(run: Run, secrets: dict[str, str]) -> None:
    if secrets:
        RunSecrets.objects.create(run=run, sealed=box().encrypt(json.dumps(secrets).encode()))


def secrets_of(run_id: int) -> dict[str, str]:
    row = RunSecrets.objects.filter(run_id=run_id).first()
    if row is None:
        return {}
    opened: dict[str, str] = json.loads(box().decrypt(bytes(row.sealed)))
    return opened


def secrets_forgotten(run_id: int) -> None:
    RunSecrets.objects.filter(run_id=run_id).delete()


class Veil:
    """Hides a run's secrets in text, each of their lines by itself."""

    def __init__(self, secrets: dict[str, str]) -> None:
        lines = {line.strip() for secret in secrets.values() for line in secret.splitlines()}
        self.words = sorted((line for line in lines if len(line) >= LEAST_SECRET), key=len, reverse=True)

    @property
    def longest(self) -> int:
        return len(self.words[0]) if self.words else 0

    def over(self, text: str) -> str:
        for word in self.words:
            text = text.replace(word, HIDDEN)
        return text
