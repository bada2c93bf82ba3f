"""How often one person may ask for what is costly: commands, rehearsals of scripts, search.

Counted per minute, person and kind, in this process. Whoever asks too often is told when to ask again, in the
form that was asked for; pages that only show something are not counted.
"""

import hashlib
import math
import time
from collections.abc import Callable

from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse, JsonResponse

WINDOW_S = 60
COMMANDS, COSTLY = "commands", "costly"
COUNTED = {
    "/api/command/": COMMANDS,
    "/commands/run/": COMMANDS,
    "/commands/complete/": COSTLY,
    "/runs/parse/": COSTLY,
    "/runs/compare/": COSTLY,
}


class PaceMiddleware:
    """After the middleware that says whose request it is."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        kind = COUNTED.get(request.path)
        if kind and request.user.is_authenticated and asked(kind, request.user.pk) > most(kind):
            return slower(request, kind)
        return self.get_response(request)


def most(kind: str) -> int:
    by_kind = {
        COMMANDS: settings.COWWEB_COMMANDS_PER_MINUTE,
        COSTLY: settings.COWWEB_COSTLY_PER_MINUTE,
    }
    return int(by_kind[kind])


def asked(kind: str, who: object, window_s: int = WINDOW_S) -> int:
    """How often in this minute, or window, this time included."""
    key = f"pace.{kind}.{digest(str(who))}.{int(time.time()) // window_s}"
    cache.add(key, 0, 2 * window_s)
    try:
        return cache.incr(key)
    except ValueError:  # it was thrown out of the cache in between
        return 1


def digest(who: str) -> str:
    """What may stand in a cache's key, whatever was sent."""
    return hashlib.sha256(who.encode("utf-8", "replace")).hexdigest()[:20]


def worth_an_entry(count: int) -> bool:
    """Of what somebody does again and again: the first, the tenth, the hundredth … time."""
    return str(count).rstrip("0") == "1"


def left_s(window_s: int = WINDOW_S) -> int:
    """Until the window ends."""
    return math.ceil(window_s - time.time() % window_s)


def slower(request: HttpRequest, kind: str) -> HttpResponse:
    wait_s = left_s()
    sentence = f"More than {most(kind)} requests of this kind in a minute: ask again in {wait_s} s"
    answer: HttpResponse
    if request.path.startswith("/api/"):
        result = {
            "success": False,
            "operation": "",
            "output": sentence,
            "error": sentence,
            "code": "too_many",
        }
        answer = JsonResponse(result, status=429)
    else:
        answer = HttpResponse(sentence, status=429, content_type="text/plain; charset=utf-8")
    answer["Retry-After"] = str(wait_s)
    return answer
