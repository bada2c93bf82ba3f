"""Passkeys (WebAuthn). One counts as both factors: the device asks for a finger, a face or a PIN.

The rules of the ceremony are python-fido2's; ours are the origin, which must be exactly the page's own
(guests' pages live on names below it), and who the key belongs to. Its private half never leaves the device.

Example::

    options = adding_begun(request, user)              # for navigator.credentials.create
    passkey_added(request, answer, name="phone", actor=actor)
    options = proof_begun(request)                     # for navigator.credentials.get
    user = passkey_taken(request, answer)
"""

import json
from typing import Any

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.http import HttpRequest
from django.utils import timezone
from fido2.server import Fido2Server
from fido2.utils import websafe_decode
from fido2.webauthn import (
    AttestedCredentialData,
    AuthenticationResponse,
    PublicKeyCredentialRpEntity,
    PublicKeyCredentialUserEntity,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from audit.services import Actor, operation
from cowweb.errors import ConflictError, DomainError, ForbiddenError
from people.models import Passkey, RecoveryCode, Totp
from people.second_factor import NOT_YOURS, codes_made, codes_of_nothing_forgotten, kept_a_factor

STATE = "passkey_state"
NOT_TAKEN = "This passkey was not accepted: try again, or sign in with your password"
NO_NAME = "Passkeys need a host name: open this site by its name, not by an address of digits"


def server(request: HttpRequest) -> Fido2Server:
    """For the host that the page was opened at."""
    host = request.get_host().rsplit(":", 1)[0] if not request.get_host().endswith("]") else ""
    if not host or host.replace(".", "").isdigit() or host.startswith("["):
        raise ConflictError(NO_NAME)
    origin = f"{request.scheme}://{request.get_host()}"
    entity = PublicKeyCredentialRpEntity(id=host, name="CoWWeb")
    return Fido2Server(entity, verify_origin=lambda said: said == origin)


def adding_begun(request: HttpRequest, user: User) -> dict[str, Any]:
    person = PublicKeyCredentialUserEntity(
        id=str(user.pk).encode(), name=user.username, display_name=user.first_name or user.username
    )
    options, state = server(request).register_begin(
        person,
        credentials=[credential(passkey) for passkey in user.passkeys.all()],
        resident_key_requirement=ResidentKeyRequirement.REQUIRED,
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    request.session[STATE] = state
    return dict(options)


def credential(passkey: Passkey) -> AttestedCredentialData:
    return AttestedCredentialData(bytes(passkey.data))


def passkey_added(
    request: HttpRequest, answer: str, *, name: str, user: User, actor: Actor
) -> tuple[Passkey, list[str]]:
    """The new passkey, and recovery codes where it is the first factor."""
    params = {"kind": "passkey", "name": name}
    with operation(actor, "add_second_factor", target=f"user:{user.username}", params=params):
        if actor.user != user:
            raise ForbiddenError(NOT_YOURS)
        made = registered(request, answer)
        try:
            with transaction.atomic():
                passkey = Passkey.objects.create(
                    user=user,
                    name=name.strip()[:63] or "passkey",
                    credential_id=made.credential_data.credential_id.hex(),
                    data=bytes(made.credential_data),
                    sign_count=made.counter,
                )
                return passkey, [] if has_codes(user) else codes_made(user)
        except IntegrityError:
            raise ConflictError("This passkey is known already") from None


def has_codes(user: User) -> bool:
    return RecoveryCode.objects.filter(user=user).exists()


def registered(request: HttpRequest, answer: str) -> Any:
    state = request.session.pop(STATE, None)
    try:
        return server(request).register_complete(state, json.loads(answer))
    except (ValueError, TypeError, KeyError) as error:
        raise DomainError(f"This passkey cannot be kept: {error}") from None


def proof_begun(request: HttpRequest, user: User | None = None) -> dict[str, Any]:
    """Asks for a passkey of this person, or of whoever has one for this site."""
    known = [credential(passkey) for passkey in user.passkeys.all()] if user else None
    options, state = server(request).authenticate_begin(
        known, user_verification=UserVerificationRequirement.REQUIRED
    )
    request.session[STATE] = state
    return dict(options)


def passkey_taken(request: HttpRequest, answer: str, user: User | None = None) -> User:
    """Whose passkey signed the challenge; of `user`, where one is given."""
    state = request.session.pop(STATE, None)
    try:
        said = json.loads(answer)
        passkey = passkey_of(websafe_decode(said["rawId"]).hex(), user)
        server(request).authenticate_complete(state, [credential(passkey)], said)
        count = AuthenticationResponse.from_dict(said).response.authenticator_data.counter
    except (ValueError, TypeError, KeyError):
        raise DomainError(NOT_TAKEN) from None
    # A counter that does not rise tells of a copied key; devices that do not count say 0
    fresh = Passkey.objects.filter(
        pk=passkey.pk, **({"sign_count__lt": count} if count else {"sign_count": 0})
    )
    if not fresh.update(sign_count=count, used_at=timezone.now()):
        raise DomainError(NOT_TAKEN)
    return passkey.user


def passkey_of(credential_id: str, user: User | None) -> Passkey:
    known = Passkey.objects.select_related("user__person").filter(user__is_active=True)
    passkey = known.filter(credential_id=credential_id).first()
    if passkey is None or (user is not None and passkey.user != user):
        raise DomainError(NOT_TAKEN)
    return passkey


def passkey_remove(*, pk: int, user: User, actor: Actor) -> None:
    params = {"kind": "passkey"}
    with operation(actor, "remove_second_factor", target=f"user:{user.username}", params=params):
        if actor.user != user:
            raise ForbiddenError(NOT_YOURS)
        others = Totp.objects.filter(user=user).exists() or user.passkeys.exclude(pk=pk).exists()
        kept_a_factor(user, others)
        with transaction.atomic():
            if not user.passkeys.filter(pk=pk).delete()[0]:
                raise ConflictError("This passkey is gone already")
            codes_of_nothing_forgotten(user)
