"""Builds are kept by what they were made from: the recipe's own files, the options and the sources.

A build happens in a folder beside its place and is renamed into it whole, so what is found is finished.
"""

import hashlib
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from hosts.drivers.build.guest import BuiltGuest, read_facts, write_facts
from hosts.drivers.build.locking import locked

RECIPE = Path(__file__).parent
Progress = Callable[[str], None]


def recipe_digest(*options: object) -> str:
    """A short name for this recipe with these options; it changes when any of the recipe's files does."""
    digest = hashlib.sha256(repr(options).encode())
    for path in sorted(RECIPE.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            content = path.read_bytes()
            digest.update(f"{path.relative_to(RECIPE)} {len(content)}\n".encode() + content)
    return digest.hexdigest()[:16]


def cached_build(place: Path, build: Callable[[Path], BuiltGuest], progress: Progress) -> BuiltGuest:
    """The guest in `place`, built there first if need be; of several callers one builds, the others wait."""
    found = read_facts(place)
    if found:
        return found
    lock = place.with_name(f".{place.name}.lock")
    with locked(lock, on_wait=lambda: progress("waiting for the same build elsewhere")):
        return read_facts(place) or _build(place, build)


def _build(place: Path, build: Callable[[Path], BuiltGuest]) -> BuiltGuest:
    for dead in [*place.parent.glob(f".{place.name}.tmp-*"), *place.parent.glob(place.name)]:
        shutil.rmtree(dead)  # left by a builder that died: we hold the lock
    with tempfile.TemporaryDirectory(dir=place.parent, prefix=f".{place.name}.tmp-") as work:
        finished = Path(work) / "finished"
        finished.mkdir()
        write_facts(build(finished), finished)
        finished.rename(place)
    built = read_facts(place)
    assert built, f"{place} lacks what was just built"
    return built
