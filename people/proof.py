"""What one was about to do when asked "Is it you?": it goes on after the proof, and is not begun anew.

It is noted in the session, where only a form of ours leads, for as long as a proof holds. What a form sent
goes on by a redirect that keeps its method; a passkey is added by a script, on the page of its form.

Example::

    @proven
    def app_remove(request): ...         # asks first, unless they said who they are a short while ago
    return gone_on(request, wanted)      # after the proof
    name = passkey_to_add(request)       # on the page with the form; None where none was asked for
"""

import time
from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import Resolver404, resolve, reverse

from people.visits import CONFIRMED_FOR_S, recently_confirmed

View = Callable[..., HttpResponse]
HELD, ADDS = "held", "passkey-add"
WORDS = {
    ADDS: "add a passkey",
    "passkey-remove": "remove a passkey",
    "app-remove": "turn your authenticator app off",
    "app-set-up": "set your authenticator app up",
    "codes-renew": "make new recovery codes",
    "sso-connect": "connect a sign-in from elsewhere",
    "sso-remove": "disconnect a sign-in from elsewhere",
}


def proven(view: View) -> View:
    """Changes what lets one in, so it asks who is there, unless they said so a short while ago."""

    @wraps(view)
    def asked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if recently_confirmed(request.session):
            return view(request, *args, **kwargs)
        if request.method == "GET":
            return redirect(f"{reverse('confirm')}?{urlencode({'next': request.path}, safe='/')}")
        return redirect(asked_first(request))

    return asked


def asked_first(request: HttpRequest, path: str = "") -> str:
    """Where they are asked. The form's own path is held until then, or the one that its script is for."""
    name = request.POST.get("name", "")[:63]
    request.session[HELD] = {"path": path or request.path, "name": name, "at": int(time.time())}
    return f"{reverse('confirm')}?next={reverse('security')}&held=1"


def held(request: HttpRequest) -> dict[str, Any] | None:
    """What waits for the proof; not what was left behind on another way here."""
    found = request.session.get(HELD)
    asked = "held" in request.GET or "held" in request.POST
    return found if asked and found and time.time() - found["at"] < CONFIRMED_FOR_S else None


def what_follows(request: HttpRequest) -> str:
    """In words, for the page that asks."""
    waits = held(request)
    path = waits["path"] if waits else request.POST.get("next") or request.GET.get("next", "")
    with suppress(Resolver404):
        return WORDS.get(resolve(path).url_name or "", "")
    return ""


def gone_on(request: HttpRequest, target: str) -> HttpResponse:
    """On with what was held, sent as it was; otherwise to the target."""
    waits = held(request)
    if waits is None or waits["path"] == reverse(ADDS):
        return redirect(target)
    del request.session[HELD]
    return redirect(waits["path"], preserve_request=True)


def passkey_to_add(request: HttpRequest) -> str | None:
    """The name of the passkey that they were about to add, once, when they have proved who they are."""
    waits = request.session.pop(HELD, None)
    goes_on = waits and waits["path"] == reverse(ADDS) and recently_confirmed(request.session)
    return str(waits["name"]) if goes_on else None
