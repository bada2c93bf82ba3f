"""Writing the record. A service opens an `operation` around what it does; nothing else writes entries.

Example::

    with operation(actor, "clone", target="base:demo", params={"name": "web"}) as op:
        ...                      # DomainError → refused, DriverError → failed, any other → failed
        op.changed(before, after)  # what an edit changed: two dicts, of which the difference is kept
        op.goes_on()             # the outcome follows later: `finish(op.entry.pk, …)`
"""

import logging
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from django.contrib.auth.models import AbstractBaseUser, User
from django.db import IntegrityError, transaction
from django.http import HttpRequest

from audit.models import AuditEntry, AuditOutcome, Via
from audit.secret import cut, difference, shortened
from cowweb.errors import DomainError
from cowweb.live import ring
from cowweb.roles import administers, curates

logger = logging.getLogger(__name__)

Result = AuditOutcome.Result
SYSTEM_NAME = "cowweb"
NOBODY = "(nobody)"
REASON_CHARACTERS = 4000  # a script of a megabyte can be wrong in as many lines


recent: deque[str] = deque(maxlen=1000)  # ids of requests of this process that left an entry
current: ContextVar["Operation | None"] = ContextVar("current_operation", default=None)


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts, and from where. `user` is None for the site itself, and for who is not signed in."""

    user: User | None
    via: Via
    address: str = ""
    agent: str = ""
    request_id: str = ""
    scope: str = ""  # of the token that came with the command; empty for someone signed in
    token: str = ""  # which one: its name and first characters
    on_behalf_of: str = ""  # for whom a program or the site acts; who typed it, in the shell
    label: str = ""  # what an entry calls someone who is not known, such as who fails to sign in

    @property
    def name(self) -> str:
        if self.user:
            return self.user.get_username()
        return self.label or (SYSTEM_NAME if self.via == Via.SYSTEM else NOBODY)

    @property
    def is_nobody(self) -> bool:
        """Not signed in. The site itself has no user either, and may do everything."""
        return self.user is None and self.via != Via.SYSTEM

    @property
    def is_curator(self) -> bool:
        return self.is_whole and curates(self.user)

    @property
    def is_administrator(self) -> bool:
        return self.is_whole and administers(self.user)

    @property
    def is_whole(self) -> bool:
        """Somebody in person, or by a token that is for all that its account may do; or the site itself."""
        return not self.is_nobody and self.scope in ("", "all")


SYSTEM = Actor(user=None, via=Via.SYSTEM)


def actor_of(request: HttpRequest, via: Via = Via.WEB) -> Actor:
    """The signed-in user behind a request."""
    user = request.user
    return Actor(
        user=user if isinstance(user, User) else None,
        via=via,
        address=request.META.get("REMOTE_ADDR", "") or "",
        agent=request.META.get("HTTP_USER_AGENT", "")[:200],
        request_id=getattr(request, "request_id", ""),
        scope=getattr(request, "token_scope", ""),
        token=getattr(request, "token_label", ""),
        on_behalf_of=getattr(request, "on_behalf_of", ""),
        label="" if isinstance(user, User) else NOBODY,
    )


@dataclass
class Operation:
    """A command being worked on. One begun inside another joins it: one command, one entry."""

    entry: AuditEntry
    continues: bool = field(default=False)
    changes: dict[str, list[Any]] = field(default_factory=dict)

    def goes_on(self) -> None:
        """The command is accepted and ends later, with `finish`."""
        self.continues = True

    def changed(self, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
        """What an edit found and what it left; the fields that differ are kept with the outcome."""
        self.changes |= difference(before, after)


def begin(
    actor: Actor, action: str, *, target: str = "", params: Mapping[str, Any] | None = None
) -> AuditEntry:
    """The entry of a command that was just asked for."""
    user: AbstractBaseUser | None = actor.user
    recent.append(actor.request_id)
    return AuditEntry.objects.create(
        actor=user if isinstance(user, User) else None,
        actor_name=actor.name[:150],
        via=actor.via,
        address=actor.address[:64],
        agent=actor.agent[:200],
        request_id=actor.request_id[:32],
        token=actor.token[:120],
        on_behalf_of=actor.on_behalf_of[:150],
        action=action[:40],
        target=target[:120],
        params=shortened(params or {}),
    )


def is_on_record(request: HttpRequest) -> bool:
    """Whether this request, of just now, has an entry already."""
    return getattr(request, "request_id", "") in recent


def finish(
    entry_id: int | None, result: str, reason: str = "", changes: Mapping[str, Any] | None = None
) -> None:
    """The outcome of a command, once: a second one is not written."""
    if entry_id is None:
        return
    try:
        with transaction.atomic():
            AuditOutcome.objects.create(
                entry_id=entry_id,
                result=result,
                reason=cut(reason, REASON_CHARACTERS),
                changes=dict(changes or {}),
            )
            ring("audit")
    except IntegrityError:
        logger.debug("Entry %s has its outcome already", entry_id)


@contextmanager
def operation(
    actor: Actor, action: str, *, target: str = "", params: Mapping[str, Any] | None = None
) -> Iterator[Operation]:
    """Everything a command does happens inside; its outcome is written whichever way it ends."""
    outer = current.get()
    if outer is not None:
        yield outer
        return
    op = Operation(begin(actor, action, target=target, params=params))
    token = current.set(op)
    try:
        yield op
    except DomainError as error:
        finish(op.entry.pk, Result.REFUSED, str(error))
        raise
    except Exception as error:
        finish(op.entry.pk, Result.FAILED, str(error) or type(error).__name__)
        raise
    finally:
        current.reset(token)
    if not op.continues:
        finish(op.entry.pk, Result.DONE, changes=op.changes)
