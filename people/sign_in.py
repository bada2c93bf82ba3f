"""The door: who someone is, step by step, and every try on record.

A person who has proved one thing and owes another is *pending*: noted in a session that is nobody's yet, for
ten minutes. Views call, in this order::

    user = password_taken(name, password, request=request)     # or passkey_taken, or a single sign-on
    step = proved(request, user, "password", next_url)          # where to go on: the site, or another step
    factor_taken(request, code)                                # the step that may follow
    signed_out(request)
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from django.conf import settings
from django.contrib.auth import authenticate, login, logout
from django.contrib.auth.models import User
from django.http import HttpRequest

from audit.services import Actor, actor_of, operation
from cowweb.errors import ConflictError, DomainError
from cowweb.pace import asked, worth_an_entry
from people.models import Visit
from people.second_factor import code_taken, has_factor, must_have_factor
from people.throttle import Count, ThrottledError, forgotten, tries_given_back, tries_taken
from people.visits import closed, confirmed_now, visit_begun

T = TypeVar("T")
PENDING = "pending"
PENDING_FOR_S = 600
WINDOW_S = 900
BACKEND = "people.backends.PersonBackend"
WRONG = "User name or password is wrong"
WRONG_PASSWORD = "That is not your password"  # noqa: S105 - what is said
GONE = "That took too long: begin again"


@dataclass(frozen=True, slots=True)
class Pending:
    """Someone who has proved `method` and is not signed in yet."""

    user: User
    method: str
    next_url: str

    @property
    def step(self) -> str:
        """The name of the page that comes next."""
        return "second-factor" if has_factor(self.user) else "enrol"

    def actor(self, request: HttpRequest) -> Actor:
        return replace(actor_of(request), user=self.user)


def password_taken(name: str, password: str, *, request: HttpRequest, field: str = "") -> User:
    """The active person with this name and password. Every other try counts. With `field` only the password
    was asked for, there."""
    counts = counted(name, request)

    def look() -> User:
        tried = tries_taken(*counts)
        user = authenticate(request, username=name, password=password)
        if not isinstance(user, User):
            raise DomainError(WRONG_PASSWORD, field=field) if field else DomainError(WRONG)
        forgotten(counts[0])
        tries_given_back(tried)
        return user

    return on_record(request, User.objects.filter(username=name).first(), "password", look)


def counted(name: str, request: HttpRequest) -> tuple[Count, Count]:
    """Against the account and the address. From where a person usually is, strangers cannot lock them out."""
    address = str(request.META.get("REMOTE_ADDR", ""))
    account = Count("account", name.casefold(), settings.COWWEB_SIGN_IN_TRIES)
    if Visit.objects.filter(user__username=name, address=address).exists():
        account = replace(account, kind=f"account from {address}")
    return account, Count("address", address, settings.COWWEB_SIGN_IN_TRIES_ADDRESS)


def on_record(request: HttpRequest, user: User | None, method: str, look: Callable[[], T]) -> T:
    """Looks at a proof; a refusal leaves its entry. Unknown names are not written: they may be passwords.
    Where tries have run out, those that go on are counted, and leave one now and then."""
    try:
        return look()
    except DomainError as error:
        params: dict[str, object] = {"method": method}
        if isinstance(error, ThrottledError):
            params["tries"] = asked("sign-ins", request.META.get("REMOTE_ADDR", ""), WINDOW_S)
            if not worth_an_entry(int(str(params["tries"]))):
                raise
        target = f"user:{user.username}" if user else "user:?"
        with operation(nobody(request), "sign_in", target=target, params=params):
            raise error from None


def nobody(request: HttpRequest) -> Actor:
    return replace(actor_of(request), user=None)


def proved(request: HttpRequest, user: User, method: str, next_url: str, *, whole: bool = False) -> str:
    """Lets them in, or notes what they still owe. `whole`: what was proved is a second factor by itself."""
    if whole or not (has_factor(user) or must_have_factor(user)):
        entered(request, user, method)
        return next_url
    request.session.cycle_key()
    request.session[PENDING] = {"user": user.pk, "method": method, "next": next_url, "at": int(time.time())}
    return Pending(user, method, next_url).step


def pending(request: HttpRequest) -> Pending:
    """Who stands between two steps."""
    noted = request.session.get(PENDING)
    user = User.objects.select_related("person").filter(pk=noted["user"]).first() if noted else None
    if noted is None or user is None or not user.is_active or time.time() - noted["at"] > PENDING_FOR_S:
        request.session.pop(PENDING, None)
        raise ConflictError(GONE)
    return Pending(user, noted["method"], noted["next"])


def factor_taken(request: HttpRequest, code: str) -> str:
    """The second step with a code; where to go on."""
    one = pending(request)
    kind = on_record(request, one.user, f"{one.method}, code", lambda: code_taken(one.user, code))
    entered(request, one.user, f"{one.method}, {kind}")
    return one.next_url


def entered(request: HttpRequest, user: User, method: str) -> None:
    """A session of their own, under a new key."""
    before = request.session.session_key
    request.session.pop(PENDING, None)
    if request.user.is_authenticated and request.user.pk == user.pk and before:
        closed(list(Visit.objects.filter(session_key=before)))  # signed in again: the old visit is over
    with operation(
        replace(actor_of(request), user=user),
        "sign_in",
        target=f"user:{user.username}",
        params={"method": method},
    ):
        login(request, user, backend=BACKEND)
        visit_begun(request, user, method)


def proved_again(request: HttpRequest, user: User, method: str) -> None:
    """Who is signed in has just said who they are once more: they may change what lets them in."""
    with operation(
        actor_of(request), "confirm_identity", target=f"user:{user.username}", params={"method": method}
    ):
        confirmed_now(request.session)


def signed_out(request: HttpRequest) -> None:
    if isinstance(request.user, User):
        with operation(actor_of(request), "sign_out", target=f"user:{request.user.username}"):
            closed(list(Visit.objects.filter(session_key=request.session.session_key)))
            logout(request)
