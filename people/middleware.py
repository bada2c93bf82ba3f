"""Programs sign in to the HTTP API with a token: `Authorization: Bearer cow_…`.

A request that carries a token carries no session, so it needs no CSRF token either: no browser adds the
header by itself. Without either, the API answers in JSON instead of leading to the sign-in page.
"""

from collections.abc import Callable
from contextlib import suppress

from django.conf import settings
from django.contrib.auth.models import AnonymousUser, User
from django.http import HttpRequest, HttpResponse, JsonResponse

from audit.models import Via
from audit.services import Result, actor_of, begin, finish, is_on_record, operation
from cowweb.errors import DomainError, ForbiddenError
from cowweb.http import REFUSAL
from cowweb.logs import without_secrets
from cowweb.pace import asked, left_s, worth_an_entry
from people.tokens import token_of
from people.visits import visit_seen

API = "/api/"
SCHEME = "bearer "
WINDOW_S = 900  # as for sign-ins
DENIED = {403: "The page refused it", 404: "Nothing is there that is theirs to see"}


class TokenMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path.startswith(API):
            header = request.headers.get("Authorization", "")
            if header[: len(SCHEME)].lower() == SCHEME:
                if not self.entered(request, header[len(SCHEME) :].strip()):
                    return denied(request)
            elif not request.user.is_authenticated:
                return refused("Sign in, or send a token: Authorization: Bearer cow_…")
        return self.get_response(request)

    def entered(self, request: HttpRequest, secret: str) -> bool:
        """Puts the token's account in the place of the session's."""
        token = token_of(secret, address=request.META.get("REMOTE_ADDR", "") or "")
        if token is None:
            return False
        request.user = token.user
        request.token_scope = token.scope  # type: ignore[attr-defined]
        request.token_label = f"{token.name} {token.shown}…"  # type: ignore[attr-defined]
        request.on_behalf_of = stands_for(token.user)  # type: ignore[attr-defined]
        request.META["HTTP_USER_AGENT"] = f"token {token.name} · {request.headers.get('User-Agent', '')}"
        request._dont_enforce_csrf_checks = True  # type: ignore[attr-defined]
        return True


def stands_for(user: User) -> str:
    """For whom a program's account works: its team."""
    person = getattr(user, "person", None)
    team = person.default_team if person and person.is_service else None
    return f"team {team}" if team else ""


def denied(request: HttpRequest) -> JsonResponse:
    """A token that opens nothing is on record, without the token. Many from one address are counted, and get
    an entry with their number now and then; after some, none of them is answered for a while."""
    request.user = AnonymousUser()
    tries = asked("tokens", request.META.get("REMOTE_ADDR", ""), WINDOW_S)
    if worth_an_entry(tries):
        asked_for = {"method": "API", "tries": tries}
        with (
            suppress(DomainError),
            operation(actor_of(request, Via.API), "sign_in", target=request.path, params=asked_for),
        ):
            raise ForbiddenError("A token that is unknown, revoked or expired")
    if tries <= settings.COWWEB_SIGN_IN_TRIES_ADDRESS:
        return refused("This token is unknown, revoked or expired: make a new one under Settings")
    answer = refused(f"Too many such tokens came from your address: try again in {left_s(WINDOW_S)} s")
    answer.status_code, answer["Retry-After"] = 429, str(left_s(WINDOW_S))
    return answer


class VisitMiddleware:
    """Notes where people are about, for the list of their sessions."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        visit_seen(request)
        return self.get_response(request)


class DeniedMiddleware:
    """What a page refuses before any service is asked, such as an object that is not theirs to see, is on
    record too. Once for each place; who goes on is counted, and leaves an entry now and then."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        answer = self.get_response(request)
        words = getattr(request, REFUSAL, "") or DENIED.get(answer.status_code, "")
        changes = request.method not in ("GET", "HEAD", "OPTIONS") and isinstance(request.user, User)
        if words and changes and not is_on_record(request):
            self.noted(request, words)
        return answer

    def noted(self, request: HttpRequest, words: str) -> None:
        tries = asked("denied", f"{request.user.pk} {request.path}", WINDOW_S)
        if not worth_an_entry(tries):
            return
        via = Via.API if request.path.startswith(API) else Via.WEB
        target = without_secrets(request.path)
        entry = begin(actor_of(request, via), "denied", target=target, params={"tries": tries})
        finish(entry.pk, Result.REFUSED, words)


def refused(sentence: str) -> JsonResponse:
    result = {
        "success": False,
        "operation": "",
        "output": sentence,
        "error": sentence,
        "code": "unauthenticated",
    }
    answer = JsonResponse(result, status=401)
    answer["WWW-Authenticate"] = 'Bearer realm="cowweb"'
    return answer
