"""Single sign-on by OpenID Connect: another site says who someone is, an `Identity` says whom that is here.

Authlib does the protocol: discovery, PKCE, state, nonce, the signature and claims of the ID token. Ours is
what an identity means: an account it was connected to, or, with COWWEB_OIDC_CREATE, a new member's.

Example::

    return leave_for(request, callback_address)       # to the provider
    claims = claims_of(request)                       # back from it, in the callback
    user = person_behind(claims, origin=actor)
"""

import logging
import re
import ssl
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

import requests
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.django_client import DjangoOAuth2App, OAuth
from authlib.integrations.requests_client import OAuth2Session
from django.conf import settings
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from joserfc.errors import JoseError

from audit.services import Actor, operation
from cowweb.errors import ConflictError, DomainError, ForbiddenError, NameTakenError, NotFoundError
from people import accounts
from people.accounts import Newcomer
from people.invitations import used
from people.models import Identity, Invitation

logger = logging.getLogger(__name__)
TIMEOUT_S = 10
WRONG = (AuthlibBaseError, JoseError, requests.RequestException, ValueError, KeyError)


def is_on() -> bool:
    return bool(settings.COWWEB_OIDC_ISSUER and settings.COWWEB_OIDC_CLIENT_ID)


class Session(OAuth2Session):  # type: ignore[misc]  # authlib has no types
    """Holds to its authority with each request: one for a session gives way to REQUESTS_CA_BUNDLE."""

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> Any:
        return super().request(method, url, *args, **{"verify": self.verify, **kwargs})


class App(DjangoOAuth2App):  # type: ignore[misc]
    client_cls = Session


@lru_cache(maxsize=4)
def provider(issuer: str, client_id: str, client_secret: str, authority: str) -> Any:
    return OAuth().register(
        "oidc",
        client_cls=App,
        client_id=client_id,
        client_secret=client_secret or None,
        server_metadata_url=f"{issuer.rstrip('/')}/.well-known/openid-configuration",
        client_kwargs={
            "scope": "openid profile email",
            "code_challenge_method": "S256",
            "default_timeout": TIMEOUT_S,
            "verify": authority or True,
        },
    )


def configured() -> Any:
    if not is_on():
        raise NotFoundError("This site has no single sign-on")
    return provider(
        settings.COWWEB_OIDC_ISSUER,
        settings.COWWEB_OIDC_CLIENT_ID,
        settings.COWWEB_OIDC_CLIENT_SECRET,
        settings.COWWEB_OIDC_CA_FILE or ssl.get_default_verify_paths().cafile or "",
    )


def leave_for(request: HttpRequest, callback: str) -> HttpResponse:
    """To the provider; state and nonce stay in the session."""
    try:
        found = configured()
        itself_checked(found.load_server_metadata())
        answer: HttpResponse = found.authorize_redirect(request, callback)
    except WRONG as error:
        logger.warning("%s at %s", settings.COWWEB_OIDC_NAME, settings.COWWEB_OIDC_ISSUER, exc_info=True)
        raise DomainError(f"{settings.COWWEB_OIDC_NAME} cannot be used now: {reason_of(error)}") from None
    return answer


def itself_checked(said: Mapping[str, Any]) -> None:
    """It has to call itself what the settings call it, to the letter: its tokens will."""
    issuer = said.get("issuer")
    if issuer != settings.COWWEB_OIDC_ISSUER:
        provider.cache_clear()  # what it says may be put right there
        raise ValueError(f"it calls itself {issuer}, and COWWEB_OIDC_ISSUER is {settings.COWWEB_OIDC_ISSUER}")


def reason_of(error: Exception) -> str:
    """What an administrator can act on; the whole of it is in the log."""
    if isinstance(error, requests.exceptions.SSLError):
        found = re.search(r"certificate verify failed: ([^(]+)", str(error))
        why = found[1].strip() if found else "no TLS"
        return f"its certificate is not accepted, {why} (COWWEB_OIDC_CA_FILE)"
    if isinstance(error, requests.HTTPError) and error.response is not None:
        return f"{error.response.url} answers {error.response.status_code}"
    if isinstance(error, requests.exceptions.JSONDecodeError):
        return "what it says of itself is no JSON"
    if isinstance(error, requests.RequestException):
        return f"{settings.COWWEB_OIDC_ISSUER} does not answer"
    return str(error)


def claims_of(request: HttpRequest) -> dict[str, Any]:
    """What the provider says of who came back, for this site and this browser."""
    options = {
        "iss": {"essential": True, "values": [settings.COWWEB_OIDC_ISSUER]},
        "aud": {"essential": True, "values": [settings.COWWEB_OIDC_CLIENT_ID]},
    }
    try:
        found = configured()
        token = found.authorize_access_token(request, claims_options=options)
        claims = dict(token["userinfo"])
        if not claims.get("sub"):
            raise KeyError("sub")
        if "preferred_username" not in claims and found.server_metadata.get("userinfo_endpoint"):
            claims = named(claims, found.userinfo(token=token))
    except WRONG as error:
        raise DomainError(f"{settings.COWWEB_OIDC_NAME} did not let you in: {reason_of(error)}") from None
    return claims


def named(claims: dict[str, Any], said: Mapping[str, Any]) -> dict[str, Any]:
    """With the names of them, which many providers keep out of the token; what the token says stands."""
    if said.get("sub") != claims["sub"]:
        raise ValueError("it names somebody else than its token")
    return {**said, **claims}


def used_a_second_factor(claims: dict[str, Any]) -> bool:
    """Whether the provider says that it asked for more than a password."""
    said = claims.get("amr")
    return isinstance(said, list) and "mfa" in said


def known_person(claims: dict[str, Any]) -> User | None:
    """The active person whom the identity is connected to."""
    known = Identity.objects.select_related("user__person").filter(**key(claims)).first()
    if known is not None and not known.user.is_active:
        raise DomainError("This account is disabled")
    return known.user if known else None


def person_invited(claims: dict[str, Any], invitation: Invitation, *, origin: Actor) -> User:
    """The account that an invitation makes for who comes from the provider, connected to their identity."""
    with transaction.atomic():
        user = account_made(str(claims.get("preferred_username", "")), claims).user
        used(invitation, user)
    with operation(
        replace(origin, user=user), "accept_invitation", target=str(invitation), params=key(claims)
    ):
        return user


def person_behind(claims: dict[str, Any], *, origin: Actor) -> User:
    """The active person whom the identity is connected to; a new one where the site makes accounts."""
    known = Identity.objects.select_related("user__person").filter(**key(claims)).first()
    if known is None and settings.COWWEB_OIDC_CREATE:
        known = person_made(claims, origin=origin)
    if known is None or not known.user.is_active:
        words = "No account here is connected to it. Sign in and connect it under Settings, or be invited"
        raise DomainError(words if known is None else "This account is disabled")
    Identity.objects.filter(pk=known.pk).update(used_at=timezone.now())
    return known.user


def person_made(claims: dict[str, Any], *, origin: Actor) -> Identity:
    """Account, identity and entry at once: they may not come in yet, for want of a second factor."""
    with transaction.atomic():
        made = account_made(str(claims.get("preferred_username", "")), claims)
        with operation(
            replace(origin, user=made.user),
            "make_account",
            target=f"user:{made.user.username}",
            params=key(claims),
        ):
            return made


def key(claims: dict[str, Any]) -> dict[str, str]:
    return {"issuer": str(claims["iss"])[:255], "subject": str(claims["sub"])[:255]}


def account_made(name: str, claims: dict[str, Any]) -> Identity:
    """A member without a password. A name that is taken stays whose it is."""
    try:
        user = accounts.account_made(Newcomer(name, full_name=str(claims.get("name", ""))))
        return Identity.objects.create(user=user, **key(claims))
    except NameTakenError:
        words = f"There is a user {name} here already: if that is you, sign in and connect it under Settings"
        raise NameTakenError(words) from None
    except DomainError:
        raise DomainError(f"{name!r} is no user name for this site: ask for an invitation") from None


def identity_connected(claims: dict[str, Any], *, user: User, actor: Actor) -> None:
    """From now on this identity signs this person in."""
    with operation(actor, "connect_identity", target=f"user:{user.username}", params=key(claims)):
        if actor.user != user:
            raise ForbiddenError("An identity is connected by its own person")
        try:
            with transaction.atomic():
                Identity.objects.create(user=user, **key(claims))
        except IntegrityError:
            raise ConflictError("It is connected to an account already") from None


def identity_removed(*, pk: int, user: User, actor: Actor) -> None:
    with operation(actor, "disconnect_identity", target=f"user:{user.username}"):
        others = user.identities.exclude(pk=pk).exists() or user.passkeys.exists()
        if not (others or user.has_usable_password()):
            raise ConflictError("It is your only way in: choose a password or add a passkey first")
        if actor.user != user or not user.identities.filter(pk=pk).delete()[0]:
            raise NotFoundError("It is not connected any more")
