"""A person's own security: password, second factors, passkeys, and where they are signed in."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from audit.services import actor_of
from cowweb.errors import DomainError, NotFoundError
from cowweb.http import back, status_of, told
from cowweb.signed import signed_in
from people.door_views import SECRET, secret_of, setup_context, shown, wanted
from people.forms import CodeForm, PasskeyForm, PasswordForm, ProofForm
from people.pages import security_context
from people.passkeys import adding_begun, passkey_added, passkey_remove, passkey_taken, proof_begun
from people.passwords import has_password, password_set
from people.proof import asked_first, gone_on, held, passkey_to_add, proven, what_follows
from people.second_factor import code_taken, codes_renewed, totp_remove, totp_set_up
from people.sign_in import on_record, password_taken, proved_again
from people.visits import recently_confirmed, session_cycled, visit_end, visits_ended


@require_GET
@never_cache
def security(request: HttpRequest) -> HttpResponse:
    return security_page(request, adds=passkey_to_add(request))


def security_page(
    request: HttpRequest, error: DomainError | None = None, form: Any = None, **more: Any
) -> HttpResponse:
    context = {**security_context(signed_in(request), request.session.session_key or ""), **more}
    return shown(request, "people/security.html", form, error, **context)


@never_cache
@sensitive_post_parameters()
@require_http_methods(["GET", "POST"])
def confirm(request: HttpRequest) -> HttpResponse:
    """Who is there? By the password again, or by what they have beside it."""
    user, form, refused = signed_in(request), ProofForm(request.POST or None), None
    if form.is_valid():
        try:
            proved_again(request, user, again(request, user, form.cleaned_data))
            return gone_on(request, wanted(request))
        except DomainError as error:
            refused = error
    context = {
        "next": wanted(request),
        "held": held(request),
        "what": what_follows(request),
        "passkeys": user.passkeys.exists(),
        "by_password": has_password(user),
    }
    return shown(request, "people/confirm.html", form, refused, **context)


def again(request: HttpRequest, user: User, data: dict[str, str]) -> str:
    """By what they proved it."""
    if data["credential"]:
        on_record(request, user, "passkey", lambda: passkey_taken(request, data["credential"], user))
        return "passkey"
    if data["code"]:
        return on_record(request, user, "code", lambda: code_taken(user, data["code"]))
    password_taken(user.username, data["password"], request=request)
    return "password"


@sensitive_post_parameters()
@require_POST
def password_change(request: HttpRequest) -> HttpResponse:
    user, form = signed_in(request), PasswordForm(request.POST)
    if not form.is_valid():
        return security_page(request, form=form)
    try:
        if user.has_usable_password() or not recently_confirmed(request.session):
            password_taken(user.username, form.cleaned_data["current"], request=request)
        key = request.session.session_key or ""
        password = form.cleaned_data["password"]
        update_session_auth_hash(
            request, password_set(user=user, password=password, actor=actor_of(request), session_key=key)
        )
        session_cycled(request)
    except DomainError as error:
        return security_page(request, error, form)
    messages.success(request, "Your password is changed, and every other browser signed out")
    return redirect("security")


@never_cache
@require_http_methods(["GET", "POST"])
@proven
def app_set_up(request: HttpRequest) -> HttpResponse:
    user, form, refused = signed_in(request), CodeForm(request.POST or None), None
    if form.is_valid():
        try:
            secret, code = secret_of(request), form.cleaned_data["code"]
            codes = totp_set_up(user=user, secret=secret, code=code, actor=actor_of(request))
            request.session.pop(SECRET, None)
            return codes_page(request, codes)
        except DomainError as error:
            refused = error
    return shown(request, "people/app_set_up.html", form, refused, **setup_context(request, user))


def codes_page(request: HttpRequest, codes: list[str]) -> HttpResponse:
    context = {"codes": codes, "next_url": reverse("security")}
    return render(request, "people/recovery_codes.html", context)


def done(request: HttpRequest, words: str, work: Callable[[], object]) -> HttpResponse:
    """Calls the service; the next page says how it went."""
    try:
        work()
        messages.success(request, words)
    except DomainError as error:
        told(request, error)
    return back(request, "security")


@require_POST
@proven
def app_remove(request: HttpRequest) -> HttpResponse:
    user = signed_in(request)
    words = "The authenticator app is not asked for any more"
    return done(request, words, lambda: totp_remove(user=user, actor=actor_of(request)))


@require_POST
@never_cache
@proven
def codes_renew(request: HttpRequest) -> HttpResponse:
    try:
        return codes_page(request, codes_renewed(user=signed_in(request), actor=actor_of(request)))
    except DomainError as error:
        told(request, error)
        return redirect("security")


@require_POST
def passkey_options(request: HttpRequest) -> HttpResponse:
    """The challenge for a new passkey, or, where one is to prove who is there, for one they have."""
    user = signed_in(request)
    try:
        if "proof" in request.POST:
            return JsonResponse(proof_begun(request, user))
        if recently_confirmed(request.session):
            return JsonResponse(adding_begun(request, user))
        return JsonResponse({"go": asked_first(request, reverse("passkey-add"))})
    except DomainError as error:
        return JsonResponse({"error": str(error)}, status=status_of(error))


@require_POST
@never_cache
@proven
def passkey_add(request: HttpRequest) -> HttpResponse:
    user, form = signed_in(request), PasskeyForm(request.POST)
    if not form.is_valid():
        told(request, "The browser sent no passkey: it needs scripts, and a device that keeps passkeys")
        return redirect("security")
    try:
        name, answer = form.cleaned_data["name"], form.cleaned_data["credential"]
        made, codes = passkey_added(request, answer, name=name, user=user, actor=actor_of(request))
    except DomainError as error:
        told(request, error)
        return redirect("security")
    messages.success(request, f"The passkey {made} is kept")
    return codes_page(request, codes) if codes else redirect("security")


@require_POST
@proven
def passkey_drop(request: HttpRequest, pk: int) -> HttpResponse:
    user = signed_in(request)
    words = "The passkey is forgotten here. Delete it on the device too"
    return done(request, words, lambda: passkey_remove(pk=pk, user=user, actor=actor_of(request)))


@require_POST
def others_end(request: HttpRequest) -> HttpResponse:
    user, key = signed_in(request), request.session.session_key or ""
    words = "Every other browser is signed out"
    return done(request, words, lambda: visits_ended(user=user, actor=actor_of(request), but=key))


@require_POST
def session_end(request: HttpRequest, pk: int) -> HttpResponse:
    try:
        visit_end(pk=pk, actor=actor_of(request))
        messages.success(request, "That browser is signed out")
    except NotFoundError as error:
        told(request, error)
    return back(request, "security")
