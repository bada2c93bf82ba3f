"""A directory that passwords are tried at (LDAP), by settings; off without COWWEB_LDAP_URL.

Whoever the directory finds and lets in has an account here, made at the first sign-in, with no password of
its own. It never lets anyone into an account that was made another way: a directory's `admin` is not ours.
"""

import logging
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import ldap3
from django.conf import settings
from django.contrib.auth.backends import BaseBackend
from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone
from ldap3.core.exceptions import LDAPException, LDAPSocketOpenError
from ldap3.utils.conv import escape_filter_chars

from audit.services import SYSTEM, Actor, actor_of, operation
from cowweb.errors import DirectoryError, DomainError
from people.accounts import Newcomer, account_made
from people.models import Identity

logger = logging.getLogger(__name__)
TIMEOUT_S = 10
UNASKED = "The directory that the site asks for passwords cannot be asked now"
ANSWERED = ("success", "sizeLimitExceeded")


class LdapBackend(BaseBackend):
    def authenticate(self, request: HttpRequest | None, **credentials: Any) -> User | None:
        username, password = credentials.get("username"), credentials.get("password")
        # An empty password would be an anonymous bind, which directories let in
        if not (settings.COWWEB_LDAP_URL and username and password):
            return None
        try:
            found = distinguished_name(username)
            if not found or not lets_in(found, password):
                return None
        except LDAPException as error:
            logger.exception("The directory %s does not answer as it should", settings.COWWEB_LDAP_URL)
            raise DirectoryError(f"{UNASKED}: {reason_of(error)}") from None
        return person_of(username, found, actor_of(request) if request else SYSTEM)

    def get_user(self, user_id: int) -> User | None:
        return None  # sessions are the other backend's


@contextmanager
def connection(name: str, password: str) -> Iterator[ldap3.Connection]:
    """Not bound yet; closed in any case."""
    authority = settings.COWWEB_LDAP_CA_FILE or None
    tls = ldap3.Tls(validate=ssl.CERT_REQUIRED, ca_certs_file=authority, version=ssl.PROTOCOL_TLS_CLIENT)
    server = ldap3.Server(settings.COWWEB_LDAP_URL, tls=tls, connect_timeout=TIMEOUT_S, get_info=ldap3.NONE)
    made = ldap3.Connection(server, user=name or None, password=password or None, receive_timeout=TIMEOUT_S)
    try:
        if settings.COWWEB_LDAP_START_TLS and not made.start_tls():
            raise LDAPException("the directory does not begin TLS")
        yield made
    finally:
        made.strategy.close()
        if made.socket is not None:
            made.socket.close()  # one that never connected is left open otherwise


def distinguished_name(username: str) -> str:
    """Whom the filter finds, when it is exactly one."""
    wanted = settings.COWWEB_LDAP_FILTER.replace("{name}", escape_filter_chars(username))
    with connection(settings.COWWEB_LDAP_BIND_DN, settings.COWWEB_LDAP_BIND_PASSWORD) as made:
        if not made.bind():
            raise LDAPException(f"it refuses COWWEB_LDAP_BIND_DN ({made.result.get('description')})")
        made.search(settings.COWWEB_LDAP_BASE, wanted, size_limit=2)
        if (said := made.result.get("description")) not in ANSWERED:
            raise LDAPException(f"it does not search below COWWEB_LDAP_BASE ({said})")
        found = [entry["dn"] for entry in made.response if entry["type"] == "searchResEntry"]
    return str(found[0]) if len(found) == 1 else ""


def reason_of(error: LDAPException) -> str:
    """What an administrator can act on; the whole of it is in the log."""
    words = str(error)
    if "certificate" in words:
        return "its certificate is not accepted (COWWEB_LDAP_CA_FILE, or the name in COWWEB_LDAP_URL)"
    if isinstance(error, LDAPSocketOpenError):
        return "it does not answer"
    return words


def lets_in(name: str, password: str) -> bool:
    with connection(name, password) as made:
        return bool(made.bind())


def person_of(username: str, name: str, origin: Actor) -> User | None:
    """The active account that this entry has here; made where the name is free."""
    key = {"issuer": settings.COWWEB_LDAP_URL, "subject": name.lower()[:255]}
    known = known_as(key)
    if known is None:
        try:
            known = person_made(username, key, origin)
        except DomainError as error:
            logger.warning("The directory's %s has no account here: %s", username, error)
            return None
    Identity.objects.filter(pk=known.pk).update(used_at=timezone.now(), issuer=key["issuer"])
    return known.user if known.user.is_active else None


def known_as(key: dict[str, str]) -> Identity | None:
    """The identity of this entry; also as it was when the directory was asked at another address."""
    entries = Identity.objects.select_related("user").filter(subject=key["subject"])
    return entries.filter(issuer=key["issuer"]).first() or entries.filter(issuer__startswith="ldap").first()


def person_made(username: str, key: dict[str, str], origin: Actor) -> Identity:
    """Account, identity and entry at once: they may not come in yet, for want of a second factor."""
    with transaction.atomic():
        user = account_made(Newcomer(username))
        with operation(replace(origin, user=user), "make_account", target=f"user:{username}", params=key):
            return Identity.objects.create(user=user, **key)
