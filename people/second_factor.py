"""What someone has beside a password: an authenticator app with recovery codes; and who must have it.

Example::

    secret = totp_secret()                             # shown as a picture, kept in the session meanwhile
    codes = totp_set_up(user=mia, secret=secret, code="123456", actor=actor)   # recovery codes, shown once
    code_taken(mia, "123456")                          # "authenticator", "recovery code", or DomainError
"""

import hmac
import re
import secrets as random
import time

import pyotp
import qrcode
from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from audit.services import Actor, operation
from cowweb.errors import ConflictError, DomainError, ForbiddenError
from cowweb.roles import Role, role_of
from people import secret as secrets
from people.models import Passkey, RecoveryCode, SitePolicy, Totp
from people.sealing import box
from people.throttle import Count, forgotten, tries_taken

ISSUER = "CoWWeb"
PERIOD_S = 30
RECOVERY_CODES = 10
LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
TRIES = 10
WRONG_CODE = "This code is not right. Take the one that the app shows now"
NOT_YOURS = "Second factors are each person's own"


def policy() -> SitePolicy:
    return SitePolicy.objects.first() or SitePolicy()


def must_have_factor(user: User) -> bool:
    """Whether the site asks this person for a second factor."""
    asked = policy().second_factor
    staff = role_of(user) in (Role.CURATOR, Role.ADMINISTRATOR)
    return asked == SitePolicy.SecondFactor.EVERYONE or (asked == SitePolicy.SecondFactor.STAFF and staff)


def has_factor(user: User) -> bool:
    return Totp.objects.filter(user=user).exists() or Passkey.objects.filter(user=user).exists()


def totp_secret() -> str:
    return pyotp.random_base32()


def totp_address(user: User, secret: str) -> str:
    """What an authenticator app reads."""
    return pyotp.TOTP(secret, interval=PERIOD_S).provisioning_uri(name=user.username, issuer_name=ISSUER)


def drawn(text: str) -> tuple[int, str]:
    """A QR code as the side of its square and the path of its dark modules."""
    code = qrcode.QRCode(border=2)
    code.add_data(text)
    rows = code.get_matrix()
    path = "".join(f"M{x} {y}h1v1h-1z" for y, row in enumerate(rows) for x, dark in enumerate(row) if dark)
    return len(rows), path


def totp_set_up(*, user: User, secret: str, code: str, actor: Actor) -> list[str]:
    """From now on a code of this secret is asked for. Returns the recovery codes, which are not kept."""
    with operation(actor, "add_second_factor", target=f"user:{user.username}", params={"kind": "app"}):
        if actor.user != user:
            raise ForbiddenError(NOT_YOURS)
        tries_taken(Count("setup", str(user.pk), TRIES))
        step = step_of(secret, code)
        if step is None:
            raise DomainError(WRONG_CODE, field="code")
        with transaction.atomic():
            Totp.objects.update_or_create(
                user=user, defaults={"sealed": box().encrypt(secret.encode()), "last_step": step}
            )
            return codes_made(user)


def step_of(secret: str, code: str) -> int | None:
    """The half minute that a code belongs to: this one, the last or the next."""
    code, now = re.sub(r"[\s-]", "", code), int(time.time()) // PERIOD_S
    totp = pyotp.TOTP(secret, interval=PERIOD_S)
    steps = (step for step in (now, now - 1, now + 1) if same(totp.at(step * PERIOD_S), code))
    return next(steps, None)


def same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())


def codes_made(user: User) -> list[str]:
    """New recovery codes in the place of the old ones; in the caller's transaction."""
    codes = [word() + "-" + word() for _ in range(RECOVERY_CODES)]
    RecoveryCode.objects.filter(user=user).delete()
    RecoveryCode.objects.bulk_create([RecoveryCode(user=user, digest=secrets.digest(code)) for code in codes])
    return codes


def word() -> str:
    return "".join(random.choice(LETTERS) for _ in range(5))


def codes_renewed(*, user: User, actor: Actor) -> list[str]:
    with operation(actor, "renew_recovery_codes", target=f"user:{user.username}"):
        if actor.user != user:
            raise ForbiddenError(NOT_YOURS)
        if not has_factor(user):
            raise ConflictError("Recovery codes stand in for a second factor: set one up first")
        with transaction.atomic():
            return codes_made(user)


def codes_left(user: User) -> int:
    return RecoveryCode.objects.filter(user=user, used_at=None).count()


def code_taken(user: User, code: str) -> str:
    """Which factor the code was of. Each is good once, and wrong ones are counted."""
    count = Count("code", str(user.pk), TRIES)
    tries_taken(count)
    kind = "authenticator" if app_code_taken(user, code) else ""
    if not kind and recovery_code_taken(user, code):
        kind = "recovery code"
    if not kind:
        raise DomainError(WRONG_CODE + ", or a recovery code that you have not used", field="code")
    forgotten(count)
    return kind


def app_code_taken(user: User, code: str) -> bool:
    totp = Totp.objects.filter(user=user).first()
    step = step_of(box().decrypt(bytes(totp.sealed)).decode(), code) if totp else None
    fresh = Totp.objects.filter(user=user, last_step__lt=step or 0)
    return step is not None and bool(fresh.update(last_step=step))


def recovery_code_taken(user: User, code: str) -> bool:
    typed = re.sub(r"\s", "", code).lower()
    unused = RecoveryCode.objects.filter(user=user, digest=secrets.digest(typed), used_at=None)
    return bool(unused.update(used_at=timezone.now()))


def totp_remove(*, user: User, actor: Actor) -> None:
    with operation(actor, "remove_second_factor", target=f"user:{user.username}", params={"kind": "app"}):
        if actor.user != user:
            raise ForbiddenError(NOT_YOURS)
        kept_a_factor(user, Passkey.objects.filter(user=user).exists())
        with transaction.atomic():
            if not Totp.objects.filter(user=user).delete()[0]:
                raise ConflictError("There is no authenticator app to remove")
            codes_of_nothing_forgotten(user)


def kept_a_factor(user: User, another: bool) -> None:  # noqa: FBT001
    if not another and must_have_factor(user):
        raise ConflictError("This site asks you for a second factor: add another one first")


def codes_of_nothing_forgotten(user: User) -> None:
    if not has_factor(user):
        RecoveryCode.objects.filter(user=user).delete()


def factors_removed(*, user: User, actor: Actor) -> None:
    """For someone who lost their phone and codes: an administrator takes all of it off."""
    with operation(actor, "remove_second_factors", target=f"user:{user.username}"):
        if not actor.is_administrator:
            raise ForbiddenError("Only an administrator may do that")
        with transaction.atomic():
            for model in (Totp, Passkey, RecoveryCode):
                model.objects.filter(user=user).delete()
