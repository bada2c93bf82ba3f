"""Finding what runs a script in its guest, and bringing it where it is missing.

What a revision has is seen once and remembered, as its disk never changes. Otherwise the site's file is
copied in, checked by its digest on both sides.

Example::

    ready = runtime_in(guest, runtimes_of("rexx"), revision=clone.revision)
    ready.caller.from_stdin, ready.note        # "rexx --stdin", "rexx is there"
"""

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from bases.models import BaseRevision
from bases.store import digest_of, keep
from cowweb.errors import DomainError
from hosts.drivers.base import CancelSignal, Guest
from hosts.drivers.build import build_rexx_runtime
from provisioning.known_runtimes import known_runtimes
from provisioning.launch import Caller
from provisioning.runtime_models import Runtime, RuntimeFound

LOOK_S = 30.0
BRING_S = 300.0
PIECE = 1 << 18
WRONG_DIGEST = 4
LOOK = 'brought="$HOME/.cowweb/{name}/{entry}"; p=$( {look} 2>/dev/null | head -n 1 ); echo "{name}=$p"'
BRING = """d="$HOME/.cowweb/{name}"; umask 022; mkdir -p "$d" || exit 1
t="$d/.arriving"; trap 'rm -f "$t"' EXIT
cat > "$t" || exit 1
if command -v sha256sum >/dev/null; then
  case "$(sha256sum < "$t")" in {digest}*) ;; *) exit {wrong};; esac
fi
"""
UNPACK = 'tar -xf "$t" -C "$d"'
PLACE = 'cp "$t" "$d/{entry}" && chmod 755 "$d/{entry}"'


@dataclass(frozen=True, slots=True)
class Ready:
    """A runtime that is in the guest: how it is called, and a word about it."""

    runtime: Runtime
    path: str
    note: str
    was_brought: bool = False

    @property
    def caller(self) -> Caller:
        program = shlex.quote(self.path)
        return Caller(
            self.runtime.from_stdin.replace("{program}", program),
            self.runtime.from_file.replace("{program}", program).replace("{file}", '"$f"'),
        )


def runtime_in(
    guest: Guest,
    wanted: Sequence[Runtime],
    *,
    revision: BaseRevision | None = None,
    optional: bool = False,
    cancel: CancelSignal | None = None,
) -> Ready | None:
    """The first of these that the guest has, or the first that the site can bring; None where there is
    neither and it is `optional`. With a `revision`, the guest's disk is still as that has it, so what is
    known of it is not looked for again."""
    found = seen_in(guest, revision, cancel=cancel) if revision else looked_for(guest, wanted, cancel=cancel)
    there = next((one for one in wanted if found.get(one.name)), None)
    if there:
        return Ready(there, found[there.name], f"{there.name} is there")
    if optional and not can_bring(wanted):
        return None
    return brought(guest, wanted, cancel)


def seen_in(
    guest: Guest,
    revision: BaseRevision,
    *,
    within_s: float = LOOK_S,
    cancel: CancelSignal | None = None,
) -> dict[str, str]:
    """Where each runtime of the site is in guests of the revision. The first that needs one looks for all."""
    every = list(known_runtimes())
    found = known(every, revision)
    if found is None:
        found = looked_for(guest, every, within_s=within_s, cancel=cancel)
        remembered(revision, every, found)
    return found


def known(wanted: Sequence[Runtime], revision: BaseRevision) -> dict[str, str] | None:
    """The same as it was seen before; None until all of them were looked for."""
    rows = RuntimeFound.objects.filter(revision=revision, runtime__in=wanted).select_related("runtime")
    paths = {row.runtime.name: row.path for row in rows}
    return paths if len(paths) == len(wanted) else None


def remembered(revision: BaseRevision, wanted: Sequence[Runtime], found: dict[str, str]) -> None:
    for runtime in wanted:
        RuntimeFound.objects.update_or_create(
            revision=revision, runtime=runtime, defaults={"path": found.get(runtime.name, "")[:300]}
        )


def looked_for(
    guest: Guest,
    wanted: Sequence[Runtime],
    *,
    within_s: float = LOOK_S,
    cancel: CancelSignal | None = None,
) -> dict[str, str]:
    """Where each is in this guest, by name; empty where it is not. One command for all."""
    looks = [
        LOOK.format(name=one.name, entry=one.entry or one.name, look=f"( {one.look}\n)") for one in wanted
    ]
    probe = guest.run("\n".join(looks), timeout_s=within_s, cancel=cancel)
    lines = [line.partition("=") for line in probe.stdout.decode(errors="replace").split("\n")]
    return {name: path for name, _, path in lines if path.startswith("/")}


def brought(guest: Guest, wanted: Sequence[Runtime], cancel: CancelSignal | None) -> Ready:
    """Copies the site's runtime in, and sees that it is there then."""
    runtime, file = to_bring(wanted)
    digest = digest_of(file)
    if digest != runtime.digest:
        raise DomainError(
            f"The file of runtime {runtime.name} in the store no longer has sha256 {runtime.digest[:12]}: "
            "register it again",
            code="host_error",
        )
    script = BRING.format(name=runtime.name, digest=digest, wrong=WRONG_DIGEST) + (
        UNPACK if runtime.form == Runtime.Form.TAR else PLACE.format(entry=runtime.entry)
    )
    if guest.channel == "qga":  # which takes input only whole
        result = guest.run(script, stdin=file.read_bytes(), timeout_s=BRING_S, cancel=cancel)
    else:
        pieces = pieces_of(file)
        result = guest.run(script, feed=lambda: next(pieces, b""), timeout_s=BRING_S, cancel=cancel)
    found = looked_for(guest, wanted, cancel=cancel)
    there = next((one for one in wanted if found.get(one.name)), None)
    if result.exit_code or there is None:
        words = result.stderr.decode(errors="replace").strip()
        why = "It arrived with another sha256" if result.exit_code == WRONG_DIGEST else words
        raise DomainError(f"The runtime {runtime.name} does not run in this guest. {why}".strip())
    note = f"brought {runtime.file_name or runtime.name}, sha256 {digest[:12]}"
    return Ready(there, found[there.name], note, was_brought=True)


def pieces_of(file: Path) -> Iterator[bytes]:
    with file.open("rb") as reader:
        while piece := reader.read(PIECE):
            yield piece


def to_bring(wanted: Sequence[Runtime]) -> tuple[Runtime, Path]:
    """The first that the site has a file of. A REXX that it is set up with, or can build, is kept as any."""
    named = {one.name: one for one in wanted}
    if settings.COWWEB_RUNTIME_REXX and "rexx" in named:
        as_set_up(named["rexx"])
    elif "regina" in named and not any(one.digest for one in wanted):
        file_kept(named["regina"], build_rexx_runtime(cache=Path(settings.COWWEB_CACHE)))
    for runtime in wanted:
        if runtime.file:
            return runtime, runtime.file
    names = " or ".join(named)
    raise DomainError(
        f"The guest has no {names}, and the site has none to bring: "
        f"a curator registers one with `register_runtime name={wanted[0].name} file=…`"
    )


def can_bring(wanted: Sequence[Runtime]) -> bool:
    return any(one.digest or one.language == "rexx" for one in wanted)


def as_set_up(runtime: Runtime) -> None:
    """The file that `COWWEB_RUNTIME_REXX` names."""
    path = Path(settings.COWWEB_RUNTIME_REXX)
    if not path.is_file():
        raise DomainError(f"COWWEB_RUNTIME_REXX={path} is no file", code="host_error")
    if digest_of(path) != runtime.digest:
        file_kept(runtime, path)


def file_kept(runtime: Runtime, source: Path, *, entry: str = "") -> Runtime:
    """Copies what is to be brought into the store, where it is read-only and named by its digest."""
    is_tar = source.suffix == ".tar"
    runtime.digest = keep(source, "runtime")
    runtime.form = Runtime.Form.TAR if is_tar else Runtime.Form.PROGRAM
    runtime.entry = entry or (runtime.language if is_tar else runtime.name)
    runtime.file_name, runtime.size = source.name[:200], source.stat().st_size
    runtime.save(update_fields=["digest", "form", "entry", "file_name", "size", "changed_at"])
    return runtime
