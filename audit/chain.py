"""The chain: each record carries the hash of the one before it, over canonical JSON.

Entries and outcomes are one chain, numbered by `seq`. What is hashed is all that a row says, so that a
changed byte, a missing row or a row put in between shows.

Example::

    link_hash(previous, facts(entry))     # what entry.hash must be
"""

import hashlib
import json
import math
from datetime import UTC, datetime
from typing import Any

ENTRY = (
    *("seq", "id", "actor_id", "actor_name", "via", "address", "agent", "request_id", "token"),
    *("on_behalf_of", "action", "target"),
)
OUTCOME = ("seq", "entry_id", "result", "reason")
REPLACEMENT = "\ufffd"


def first_hash(chain: str) -> str:
    """What the first record of a chain has before it."""
    return hashlib.sha256(f"cowweb audit {chain}".encode()).hexdigest()


def facts(row: Any) -> dict[str, Any]:
    """All that an entry or an outcome says, for hashing and for archives."""
    if hasattr(row, "action"):
        said = {name: getattr(row, name) for name in ENTRY}
        return {"kind": "entry", "at": moment(row.at), "params": row.params, **said}
    said = {name: getattr(row, name) for name in OUTCOME}
    times = {"at": moment(row.at), "asked_at": moment(row.asked_at)}
    return {"kind": "outcome", **times, "changes": row.changes, **said}


def link_hash(previous: str, said: dict[str, Any]) -> str:
    return hashlib.sha256((previous + canonical(said)).encode()).hexdigest()


def canonical(said: object) -> str:
    """One text for one meaning: sorted keys, no spaces, whole numbers without a point."""
    return json.dumps(whole(said), sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def whole(value: Any) -> Any:
    """PostgreSQL keeps numbers as decimals, so 1e22 and 1.0 come back as whole ones."""
    if isinstance(value, dict):
        return {key: whole(each) for key, each in value.items()}
    if isinstance(value, list):
        return [whole(each) for each in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def moment(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def storable(value: Any) -> Any:
    """The same in what every database can keep and give back: JSON without NUL and half characters."""
    if isinstance(value, dict):
        return {clean(str(key)): storable(each) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [storable(each) for each in value]
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    return clean(str(value))


def clean(text: str) -> str:
    return text.replace("\0", REPLACEMENT).encode("utf-8", "replace").decode()
