"""The verbs of curators: the life of revisions, their aliases, who sees a base."""

from bases.aliases import alias_move, alias_remove, alias_roll_back
from bases.dependents import dependents, templates
from bases.life import revision_approve, revision_deprecate, revision_retire, revision_unretire
from bases.models import BaseImage, BaseRevision, Stage
from bases.references import base_named, base_seen, revision_named, revision_of
from bases.rights import curators_only
from bases.services import base_verify, base_visibility
from commands.base_verbs import flag
from commands.language import Command
from commands.service import Caller, Result
from cowweb.errors import DomainError


def approve_base(command: Command, caller: Caller) -> Result:
    curators_only(caller.actor)
    reference, why = command.values["base"], command.values.get("why", "")
    revision = to_approve(reference)
    if revision.stage == Stage.RETIRED:
        revision = revision_unretire(revision=revision, why=why, actor=caller.actor)
    return moved(revision_approve(revision=revision, why=why, actor=caller.actor))


def to_approve(reference: str) -> BaseRevision:
    """The named one; of a bare name, the newest that waits for it."""
    if "@" not in reference:
        waiting = base_named(reference).revisions.filter(stage=Stage.INSPECTED).last()
        if waiting:
            return waiting
    return revision_named(reference)


def deprecate_base(command: Command, caller: Caller) -> Result:
    curators_only(caller.actor)
    values = command.values
    revision = revision_deprecate(
        revision=revision_named(values["base"]),
        successor=values.get("successor", ""),
        why=values.get("why", ""),
        actor=caller.actor,
    )
    return {**moved(revision), "successor": revision.successor}


def retire_base(command: Command, caller: Caller) -> Result:
    curators_only(caller.actor)
    revision = revision_named(command.values["base"])
    if flag(command.values, "rehearse"):
        return rehearsed(revision)
    why = command.values.get("why", "")
    return moved(revision_retire(revision=revision, why=why, actor=caller.actor))


def rehearsed(revision: BaseRevision) -> Result:
    """What stands in the way of its retirement, and what would go with it."""
    standing = [str(one) for one in dependents(revision)]
    along = [str(one) for one in templates(revision)]
    output = f"On {revision} depends: {'; '.join(standing) or 'nothing'}"
    if along:
        output += f". With it goes: {'; '.join(along)}"
    return {"output": output, "base": str(revision), "dependents": standing, "retiredWith": along}


def moved(revision: BaseRevision) -> Result:
    return {
        "output": f"{revision} is {revision.stage}",
        "base": revision.base.name,
        "revision": revision.number,
        "stage": revision.stage,
        "status": BaseImage.objects.get(pk=revision.base_id).status,
    }


def alias_base(command: Command, caller: Caller) -> Result:
    curators_only(caller.actor)
    values, base = command.values, base_named(command.values["base"])
    name = values["alias"]
    if flag(values, "remove") == ("to" in values):
        raise DomainError("alias_base takes to=REVISION, or remove=true", field="to")
    if "to" not in values:
        alias_remove(base=base, name=name, actor=caller.actor)
        return {"output": f"{base.name}@{name} is no more", "base": base.name, "alias": name}
    to, why = revision_of(base, values["to"]), values.get("why", "")
    alias_move(base=base, name=name, revision=to, why=why, actor=caller.actor)
    return leads(base, name, to)


def rollback_base(command: Command, caller: Caller) -> Result:
    curators_only(caller.actor)
    values, base = command.values, base_named(command.values["base"])
    name = values.get("alias", "stable")
    done = alias_roll_back(base=base, name=name, why=values.get("why", ""), actor=caller.actor)
    assert done.after
    return leads(base, name, done.after)


def leads(base: BaseImage, name: str, to: BaseRevision) -> Result:
    output = f"{base.name}@{name} leads to {to} now"
    return {"output": output, "base": base.name, "alias": name, "revision": to.number}


def list_revisions(command: Command, caller: Caller) -> Result:
    base = base_seen(command.values["base"], caller.actor)
    entries = [revision_entry(base, one) for one in base.revisions.prefetch_related("aliases")]
    said = ", ".join(f"{base.name}@{entry['revision']} {entry['stage']}" for entry in entries)
    return {"output": said or f"{base.name} has no revision yet", "base": base.name, "revisions": entries}


def revision_entry(base: BaseImage, revision: BaseRevision) -> dict[str, object]:
    stable = ["stable"] if base.current_id == revision.pk else []
    return {
        "revision": revision.number,
        "stage": revision.stage,
        "aliases": [*stable, *(alias.name for alias in revision.aliases.all())],
        "successor": revision.successor or None,
        "digest": revision.digest,
        "verified": revision.verified_at.isoformat() if revision.verified_at else None,
        "intact": revision.intact,
        "created": revision.created_at.isoformat(),
    }


def verify_base(command: Command, caller: Caller) -> Result:
    curators_only(caller.actor)
    base = base_named(command.values["base"])
    changed = base_verify(base=base, actor=caller.actor)
    if changed:
        error = f"No longer as registered: {', '.join(map(str, changed))}"
        return {"success": False, "output": error, "error": error, "code": "conflict", "base": base.name}
    return {"output": f"Every revision of {base.name} matches its digest", "base": base.name}


def base_visibility_verb(command: Command, caller: Caller) -> Result:
    curators_only(caller.actor)
    words = [word.strip() for word in command.values["for"].split(",")]
    base = base_visibility(base=base_named(command.values["base"]), words=words, actor=caller.actor)
    teams = [] if base.for_everyone else [team.name for team in base.teams.order_by("name")]
    whom = "everyone" if base.for_everyone else ", ".join(teams) or "curators"
    return {"output": f"{base.name} is open to {whom}", "base": base.name, "teams": teams}
