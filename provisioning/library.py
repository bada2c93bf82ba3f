"""What can be done with the scripts that the site keeps.

Example::

    version = script_save(Draft(name="deploy.sh", text=text), actor=actor)   # deploy.sh@1
    version_named("deploy.sh").text                                          # its newest version
    version_named("deploy.sh@1").text
"""

import hashlib
from dataclasses import dataclass

from django.db import transaction

from audit.services import Actor, operation
from cowweb.errors import DomainError, ForbiddenError, NotFoundError
from cowweb.live import ring
from cowweb.roles import curates
from cowweb.values import InvalidValue, script_name, whole_number
from people.models import Team
from people.rights import SEE, USE, is_in
from provisioning.models import Script, ScriptVersion
from provisioning.services import script_parsed

MOST_VERSIONS = 999_999_999
DESCRIPTION_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class Draft:
    """A text to be kept; without a description or a team, what is there stays. The team `none` is no team."""

    name: str
    text: str
    description: str | None = None
    note: str = ""
    team: str | None = None


def script_named(name: str, actor: Actor) -> Script:
    script = Script.objects.visible_to(actor.user).for_list().filter(name=name).first()
    if script is None:
        raise NotFoundError(f"Script {name} not found", field="script")
    return script


def version_named(reference: str, actor: Actor) -> ScriptVersion:
    """The newest version of `name`, or the one of `name@3`."""
    name, at, number = reference.partition("@")
    script = script_named(name, actor)
    version = script.versions.filter(number=version_number(number)).first() if at else script.current
    if version is None:
        raise NotFoundError(f"Script {name} has no version {number}", field="script")
    return version


def version_number(text: str) -> int:
    try:
        return whole_number(text, least=1, most=MOST_VERSIONS, what="a version of a script")
    except InvalidValue as error:
        raise DomainError(str(error), field="script") from None


def script_save(draft: Draft, *, actor: Actor) -> ScriptVersion:
    """Keeps a text as a new script or a new version; one that is there as it stands is no new version."""
    params = {
        "description": draft.description,
        "note": draft.note,
        "team": draft.team,
        "sha256": digest(draft.text),
    }
    with operation(actor, "save_script", target=f"script:{draft.name}", params=params) as op:
        text = text_accepted(draft)
        team = team_named(draft.team, actor) if draft.team else None
        with transaction.atomic():
            script, _ = Script.objects.select_for_update().get_or_create(
                name=draft.name, defaults={"owner": actor.user}
            )
            changeable(script, actor)
            if draft.description is not None:
                op.changed({"description": script.description}, {"description": draft.description})
                Script.objects.filter(pk=script.pk).update(description=draft.description)
            if draft.team is not None:
                Script.objects.filter(pk=script.pk).update(team=team)
            version = version_kept(script, text, draft.note, actor)
            ring("scripts")
        return version


def team_named(name: str, actor: Actor) -> Team | None:
    """A team that the actor works in."""
    if name == "none":
        return None
    team = Team.objects.filter(name=name).first()
    if team is None or not (curates(actor.user) or (actor.user and is_in(actor.user, team, SEE))):
        raise NotFoundError(f"Team {name} not found", field="team")
    if not curates(actor.user) and not (actor.user and is_in(actor.user, team, USE)):
        raise ForbiddenError(f"Only members and owners of {name} keep scripts for it", field="team")
    return team


def text_accepted(draft: Draft) -> str:
    """The text as it will be run, or the first thing that is wrong with the draft."""
    try:
        script_name(draft.name)
    except InvalidValue as error:
        raise DomainError(str(error), field="name") from None
    for field, value in (("description", draft.description or ""), ("note", draft.note)):
        if len(value) > DESCRIPTION_CHARACTERS or not value.isprintable():
            raise DomainError(
                f"{field}: write one line of at most {DESCRIPTION_CHARACTERS} characters", field=field
            )
    parsed = script_parsed(draft.text.encode(errors="surrogatepass"), name=draft.name)
    if parsed.problems:
        raise DomainError("; ".join(str(problem) for problem in parsed.problems), field="text")
    return parsed.text


def version_kept(script: Script, text: str, note: str, actor: Actor) -> ScriptVersion:
    newest = script.versions.first()
    if newest and newest.sha256 == digest(text):
        return newest
    version = ScriptVersion.objects.create(
        script=script,
        number=newest.number + 1 if newest else 1,
        text=text,
        sha256=digest(text),
        note=note,
        saved_by=actor.user,
    )
    Script.objects.filter(pk=script.pk).update(current=version)
    return version


def script_remove(*, script: Script, actor: Actor) -> None:
    """Takes a script out of the library; its runs keep their text."""
    with operation(actor, "remove_script", target=f"script:{script.name}"):
        changeable(script, actor)
        with transaction.atomic():
            script.delete()
            ring("scripts")


def changeable(script: Script, actor: Actor) -> None:
    if not script.may_be_changed_by(actor.user):
        owner = script.owner.get_username() if script.owner else "the site"
        raise ForbiddenError(
            f"Script {script.name} belongs to {owner}: save yours under another name", field="name"
        )


def digest(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()
