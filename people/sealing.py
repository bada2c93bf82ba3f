"""Secrets that the site must be able to read again, sealed with a key derived from the site's own."""

import base64

from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings


def box() -> Fernet:
    derived = HKDF(SHA256(), 32, salt=None, info=b"second factors of people").derive(
        settings.SECRET_KEY.encode()
    )
    return Fernet(base64.urlsafe_b64encode(derived))
