"""Secrets that are shown once and kept as a digest. They are long and random, so a plain hash is enough."""

import hashlib
import secrets

TOKEN_PREFIX = "cow_"  # noqa: S105 - lets a scanner tell ours from other text


def fresh(prefix: str = "") -> str:
    return prefix + secrets.token_urlsafe(32)


def digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
