"""The head of the chain, kept beside the database: who cuts the record's end there does not cut it here.

`audit/head.json` in the data folder says where the chain ended a moment ago, sealed with the site's key. The
server writes it every few seconds, verification reads it.
"""

import contextlib
import hmac
import json
import os
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path

from django.conf import settings
from django.utils.crypto import salted_hmac

from audit.models import ChainHead

NAME = "head.json"


@dataclass(frozen=True, slots=True)
class Anchor:
    """A place of the chain and the hash there."""

    chain: str
    seq: int
    hash: str


def folder() -> Path:
    made = Path(settings.COWWEB_DATA) / "audit"
    made.mkdir(mode=0o700, parents=True, exist_ok=True)
    return made


def seal_of(text: str) -> str:
    """What only this site's key makes of a text."""
    return salted_hmac("cowweb.audit", text, algorithm="sha256").hexdigest()


def head_sealed() -> Anchor | None:
    """Writes down where the chain ends now; None where nothing is on record."""
    head = ChainHead.objects.filter(pk=1).first()
    if head is None or not head.seq:
        return None
    anchor = Anchor(head.chain, head.seq, head.hash)
    said = json.dumps(asdict(anchor), sort_keys=True)
    kept = anchor_kept()
    if kept is None or (isinstance(kept, Anchor) and kept.chain == head.chain and kept.seq < head.seq):
        written(folder() / NAME, json.dumps({"head": said, "seal": seal_of(said)}) + "\n")
    return anchor


def anchor_kept() -> Anchor | str | None:
    """The sealed head; words where it is none of ours, None where there is none yet."""
    try:
        kept = json.loads((folder() / NAME).read_text())
        said, seal = str(kept["head"]), str(kept["seal"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError):
        return f"{NAME} cannot be read"
    if not hmac.compare_digest(seal, seal_of(said)):
        return f"{NAME} was not sealed by this site"
    return Anchor(**json.loads(said))


def written(path: Path, text: str) -> None:
    """All of it or nothing, whatever happens meanwhile."""
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    with contextlib.ExitStack() as stack:
        stack.callback(fresh.unlink, missing_ok=True)
        with fresh.open("w") as out:
            out.write(text)
            out.flush()
            os.fsync(out.fileno())
        fresh.replace(path)
