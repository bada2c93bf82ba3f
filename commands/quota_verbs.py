"""The verbs about quotas: what one may use, who sets it, and requests for more."""

from typing import Any

from audit.services import Actor
from commands.language import Command
from commands.service import Caller, Result
from cowweb.errors import ForbiddenError, NotFoundError
from cowweb.wording import until_words
from people.persons import person_named
from people.teams import team_named
from quotas.amounts import NO_LIMIT, amount_read, quota_read, until_read
from quotas.models import Account, Raise
from quotas.raises import (
    raise_approve,
    raise_named,
    raise_refuse,
    raise_request,
    raise_withdraw,
    raises_for,
)
from quotas.setting import DEFAULT, default_account, may_see, person_account, quota_set, team_account
from quotas.standing import Standing, accounts_seen, standing_of, standings_of


def quota(command: Command, caller: Caller) -> Result:
    """One's own, or a person's or team's that one may see."""
    account = account_named(command.values, caller.actor)
    standing = standing_of(account)
    return {"output": f"{standing.name}: {standing.words}", **standing_entry(standing)}


def account_named(values: dict[str, str], actor: Actor) -> Account:
    """Whose it is: `user`, `team`, else the caller's own. What one may not see is not there."""
    if "team" in values:
        return team_account(team_named(values["team"], actor))
    if "user" not in values:
        if actor.user is None:
            raise ForbiddenError("The site itself has no quota: write user= or team=", field="user")
        return person_account(actor.user)
    missing = NotFoundError(f"User {values['user']} not found", field="user")
    account = person_account(person_named(values["user"]))
    if not may_see(actor.user, account):
        raise missing
    return account


def standing_entry(standing: Standing) -> dict[str, Any]:
    return {
        "of": standing.target,
        "quotas": [
            {
                "name": line.quota,
                "used": line.used,
                "limit": line.most,
                "unit": line.unit,
                "isDefault": not line.is_own,
                "raisedUntil": line.until.isoformat() if line.until else None,
            }
            for line in standing.lines
        ],
    }


def list_quotas(command: Command, caller: Caller) -> Result:
    standings = standings_of(accounts_seen(caller.actor.user))
    listed = "; ".join(f"{one.name}: {one.words}" for one in standings)
    return {
        "output": listed,
        "count": len(standings),
        "quotas": [standing_entry(one) for one in standings],
    }


def set_quota(command: Command, caller: Caller) -> Result:
    values = command.values
    if "default_of" in values:
        account = default_account(values["default_of"])
    else:
        account = account_named(values, caller.actor)
    what, text = quota_read(values["quota"]), values["limit"]
    if text == DEFAULT:
        most: int | str | None = DEFAULT
    else:
        most = None if text == NO_LIMIT else amount_read(what, text)
    quota_set(account=account, quota=what, most=most, actor=caller.actor)
    return {"output": f"{what} of {account}: {text}", "of": account.target, "quota": what, "limit": text}


def request_quota(command: Command, caller: Caller) -> Result:
    values = command.values
    what = quota_read(values["quota"])
    request = raise_request(
        account=account_named({key: values[key] for key in ("team",) if key in values}, caller.actor),
        quota=what,
        most=amount_read(what, values["limit"]),
        until=until_read(values["until"]),
        why=values["why"],
        actor=caller.actor,
    )
    return request_result(request, f"Request {request.pk} waits for a decision")


def approve(command: Command, caller: Caller) -> Result:
    request = raise_named(int(command.values["request"]), caller.actor)
    raise_approve(request=request, note=command.values.get("note", ""), actor=caller.actor)
    return request_result(
        request, f"Request {request.pk} approved to the end of {until_words(request.until)}"
    )


def refuse(command: Command, caller: Caller) -> Result:
    request = raise_named(int(command.values["request"]), caller.actor)
    raise_refuse(request=request, note=command.values["note"], actor=caller.actor)
    return request_result(request, f"Request {request.pk} {request.state}")


def withdraw_request(command: Command, caller: Caller) -> Result:
    request = raise_named(int(command.values["request"]), caller.actor)
    raise_withdraw(request=request, actor=caller.actor)
    return request_result(request, f"Request {request.pk} withdrawn")


def list_requests(command: Command, caller: Caller) -> Result:
    requests = [request_entry(request) for request in raises_for(caller.actor)[:100]]
    waiting = sum(request["state"] == Raise.State.ASKED for request in requests)
    output = f"{len(requests)} requests, {waiting} waiting" if requests else "No requests"
    return {"output": output, "count": len(requests), "requests": requests}


def request_result(request: Raise, output: str) -> Result:
    return {"output": output, **request_entry(request)}


def request_entry(request: Raise) -> dict[str, Any]:
    return {
        "request": request.pk,
        "of": request.account.target,
        "quota": request.quota,
        "limit": request.most,
        "why": request.why,
        "until": request.until.isoformat(),
        "state": request.state,
        "askedBy": request.asked_by.get_username(),
        "decidedBy": request.decided_by.get_username() if request.decided_by else None,
        "note": request.note,
    }
