"""What the people pages show. The number of queries does not grow with the rows."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.core.paginator import Paginator
from django.db.models import Max, Q

from cowweb.roles import Role, administers, sees_everything
from people.forms import DAYS
from people.models import Invitation, Membership, SitePolicy, Team, Token, Totp
from people.rights import OWN, is_in
from people.second_factor import codes_left, must_have_factor, policy
from people.single_sign_on import is_on
from people.visits import visits_of

ROWS = 200
PAGE_ROWS = 25
TEAMS_SHOWN = 20


def people_context(user: User, query: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The teams one may see, and for those who see all everyone as well, a page at a time, by name."""
    whole, text = sees_everything(user), (query or {}).get("q", "").strip()
    seen = Team.objects.visible_to(user)
    teams = Team.objects.filter(pk__in=seen.filter(name__icontains=text)).for_list()
    context = {"query": {"q": text}, "is_administrator": administers(user)}
    context |= {"teams": teams[:TEAMS_SHOWN], "more_teams": max(0, teams.count() - TEAMS_SHOWN)}
    if whole:
        named = Q(username__icontains=text) | Q(first_name__icontains=text)
        everyone = User.objects.filter(named).select_related("person").prefetch_related("memberships__team")
        pages = Paginator(everyone.order_by("-is_active", "username"), PAGE_ROWS)
        context["page"] = page = pages.get_page((query or {}).get("page"))
        context["everyone"] = page.object_list
        context["roles"] = Role.choices
    if administers(user):
        context["invitations"] = Invitation.objects.open().for_list().filter(team=None)
        context["policy"] = policy()
        context["policies"] = SitePolicy.SecondFactor.choices
    return context


def team_context(team: Team, user: User, number: str | None = None) -> dict[str, Any]:
    """Who is in a team, a page at a time; for its owners also who is asked in, and its programs."""
    runs_it = administers(user) or is_in(user, team, OWN)
    programs = team.memberships.filter(user__person__is_service=True).select_related("user")
    people = team.memberships.exclude(user__person__is_service=True).select_related("user")
    page = Paginator(people.order_by("user__username"), PAGE_ROWS).get_page(number)
    return {
        "team": team,
        "page": page,
        "memberships": page.object_list,
        "places": Membership.Role.choices,
        "runs_it": runs_it,
        "is_administrator": administers(user),
        "programs": programs.annotate(used_at=Max("user__tokens__used_at")).order_by("user__username"),
        "invitations": Invitation.objects.open().for_list().filter(team=team) if runs_it else [],
    }


def settings_context(user: User) -> dict[str, Any]:
    """A person's own: settings, teams, tokens."""
    usable = Q(role__in=[Membership.Role.MEMBER, Membership.Role.OWNER])
    memberships = list(Membership.objects.filter(user=user).select_related("team").order_by("team__name"))
    return {
        "person": getattr(user, "person", None),
        "memberships": memberships,
        "usable_teams": Team.objects.filter(pk__in=user.memberships.filter(usable).values("team")),
        **tokens_context(user),
    }


def tokens_context(owner: User) -> dict[str, Any]:
    return {
        "token_owner": owner,
        "tokens": owner.tokens.filter(revoked_at=None)[:ROWS],
        "scopes": Token.Scope.choices,
        "days": DAYS,
    }


def security_context(user: User, session_key: str) -> dict[str, Any]:
    """How a person signs in, and where they are."""
    return {
        "totp": Totp.objects.filter(user=user).first(),
        "passkeys": list(user.passkeys.all()),
        "codes_left": codes_left(user),
        "must_have": must_have_factor(user),
        "visits": visits_of(user)[:ROWS],
        "this_session": session_key,
        "sso_name": settings.COWWEB_OIDC_NAME if is_on() else "",
        "identities": list(user.identities.order_by("pk")),
    }


def person_context(user: User) -> dict[str, Any]:
    """One person, for administrators."""
    memberships = user.memberships.select_related("team").order_by("team__name")
    return {"person": user, "memberships": memberships, **security_context(user, "")}
