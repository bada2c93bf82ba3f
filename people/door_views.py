"""The pages before one is signed in: name and password, the second step, and the links that lead here."""

from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.forms import Form
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render, resolve_url
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from audit.services import actor_of
from cowweb.errors import DomainError
from cowweb.http import status_of, told
from cowweb.signed import signed_in
from people.forms import CodeForm, ProofForm, SignInForm
from people.passkeys import passkey_taken, proof_begun
from people.passwords import password_reset, person_of
from people.sealing import box
from people.second_factor import drawn, totp_address, totp_secret, totp_set_up
from people.sign_in import (
    Pending,
    entered,
    factor_taken,
    on_record,
    password_taken,
    pending,
    proved,
    signed_out,
)
from people.single_sign_on import is_on
from people.throttle import ThrottledError

SECRET = "totp_sealed"  # noqa: S105 - its place in the session
TOO_MANY = 429


def wanted(request: HttpRequest) -> str:
    """Where they wanted to go, when that is here."""
    target = request.POST.get("next") or request.GET.get("next") or ""
    if url_has_allowed_host_and_scheme(target, {request.get_host()}, require_https=request.is_secure()):
        return target
    return resolve_url(settings.LOGIN_REDIRECT_URL)


def shown(
    request: HttpRequest, template: str, form: Form | None, error: DomainError | None, **context: Any
) -> HttpResponse:
    """The page, with what was refused and, where tries ran out, when to come back."""
    if form and error:
        form.add_error(error.field if error.field in form.fields else None, str(error))
    answer = render(request, template, {"form": form, **context})
    if isinstance(error, ThrottledError):
        answer.status_code, answer["Retry-After"] = TOO_MANY, str(error.wait_s)
    elif error or (form and form.errors):
        answer.status_code = 422
    return answer


@login_not_required
@never_cache
@sensitive_post_parameters()
@require_http_methods(["GET", "POST"])
def sign_in(request: HttpRequest) -> HttpResponse:
    form, refused = SignInForm(request.POST if request.method == "POST" else None), None
    if form.is_valid():
        data = form.cleaned_data
        try:
            user = password_taken(data["username"], data["password"], request=request)
            return redirect(proved(request, user, "password", wanted(request)))
        except DomainError as error:
            refused = error
    return shown(request, "registration/login.html", form, refused, next=wanted(request), sso_name=sso_name())


def sso_name() -> str:
    return settings.COWWEB_OIDC_NAME if is_on() else ""


@login_not_required
@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    signed_out(request)
    return redirect("login")


@login_not_required
@require_POST
def passkey_options(request: HttpRequest) -> HttpResponse:
    """The challenge for a passkey: of whoever stands between two steps, or of anyone."""
    try:
        one = pending(request).user if "second" in request.POST else None
        return JsonResponse(proof_begun(request, one))
    except DomainError as error:
        return JsonResponse({"error": str(error)}, status=status_of(error))


@login_not_required
@require_POST
def passkey_sign_in(request: HttpRequest) -> HttpResponse:
    answer = request.POST.get("credential", "")
    try:
        user = on_record(request, None, "passkey", lambda: passkey_taken(request, answer))
    except DomainError as error:
        told(request, error)
        return redirect("login")
    return redirect(proved(request, user, "passkey", wanted(request), whole=True))


@login_not_required
@never_cache
@require_http_methods(["GET", "POST"])
def second_factor(request: HttpRequest) -> HttpResponse:
    try:
        one = pending(request)
    except DomainError as error:
        told(request, error)
        return redirect("login")
    form, refused = ProofForm(request.POST if request.method == "POST" else None), None
    if form.is_valid():
        try:
            return redirect(proof_taken(request, one, **form.cleaned_data))
        except DomainError as error:
            refused = error
    passkeys = one.user.passkeys.exists()
    return shown(request, "people/second_factor.html", form, refused, person=one.user, passkeys=passkeys)


def proof_taken(request: HttpRequest, one: Pending, *, code: str, credential: str, **_: str) -> str:
    if not credential:
        return factor_taken(request, code)
    method = f"{one.method}, passkey"
    user = on_record(request, one.user, method, lambda: passkey_taken(request, credential, one.user))
    entered(request, user, method)
    return one.next_url


@login_not_required
@never_cache
@require_http_methods(["GET", "POST"])
def enrol(request: HttpRequest) -> HttpResponse:
    """For who must have a second factor and has none yet."""
    try:
        one = pending(request)
    except DomainError as error:
        told(request, error)
        return redirect("login")
    if one.step != "enrol":
        return redirect(one.step)
    form, refused = CodeForm(request.POST if request.method == "POST" else None), None
    if form.is_valid():
        try:
            return enrolled(request, one, form.cleaned_data["code"])
        except DomainError as error:
            refused = error
    return shown(request, "people/enrol.html", form, refused, **setup_context(request, one.user))


def enrolled(request: HttpRequest, one: Pending, code: str) -> HttpResponse:
    codes = totp_set_up(user=one.user, secret=secret_of(request), code=code, actor=one.actor(request))
    request.session.pop(SECRET, None)
    entered(request, one.user, f"{one.method}, authenticator")
    return render(request, "people/recovery_codes.html", {"codes": codes, "next_url": one.next_url})


def secret_of(request: HttpRequest) -> str:
    """What the app is being given: the same until it is set up; sealed, as sessions lie open to read."""
    if SECRET not in request.session:
        request.session[SECRET] = box().encrypt(totp_secret().encode()).decode()
    return box().decrypt(request.session[SECRET].encode()).decode()


def setup_context(request: HttpRequest, user: User) -> dict[str, Any]:
    """The picture that an authenticator app reads; the secret stays the same until it is set up."""
    secret = secret_of(request)
    side, path = drawn(totp_address(user, secret))
    return {"person": user, "secret": secret, "side": side, "path": path}


@login_not_required
@never_cache
@sensitive_post_parameters()
@require_http_methods(["GET", "POST"])
def password_reset_view(request: HttpRequest, uid: str, token: str) -> HttpResponse:
    try:
        person = person_of(uid, token)
    except DomainError as error:
        return render(request, "people/join_closed.html", {"reason": str(error)}, status=404)
    form, refused = SignInForm(request.POST if request.method == "POST" else None), None
    if form.is_bound and (password := request.POST.get("password", "")):
        try:
            user = password_reset(uid, token, password, origin=actor_of(request))
            return redirect(proved(request, user, "password link", resolve_url(settings.LOGIN_REDIRECT_URL)))
        except DomainError as error:
            refused = error
    return shown(request, "people/password_reset.html", form, refused, person=person)


@login_not_required
def admin_door(request: HttpRequest) -> HttpResponse:
    """The admin has no door of its own."""
    if request.user.is_authenticated:
        raise PermissionDenied("The admin is for curators and administrators")
    return redirect(f"{resolve_url('login')}?next={resolve_url('admin:index')}")


def to_security(request: HttpRequest) -> HttpResponse:
    """Where the admin would have its own page for passwords."""
    if not signed_in(request).is_staff:
        raise PermissionDenied("The admin is for curators and administrators")
    return redirect("security")
