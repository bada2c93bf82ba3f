"""How each status looks: an icon and a tone, always beside its word.

Tones are CSS classes: ok, busy, warn, bad, still.
"""

LOOKS: dict[str, tuple[str, str]] = {
    "creating": ("loader-2", "busy"),
    "starting": ("loader-2", "busy"),
    "running": ("player-play", "ok"),
    "paused": ("player-pause", "warn"),
    "stopping": ("loader-2", "busy"),
    "stopped": ("player-stop", "still"),
    "removing": ("loader-2", "busy"),
    "removed": ("trash", "still"),
    "binned": ("trash", "still"),
    "failed": ("circle-x", "bad"),
    "provisioning": ("loader-2", "busy"),
    "ready": ("circle-check", "ok"),
    "deprecated": ("archive", "warn"),
    "draft": ("pencil", "still"),
    "inspected": ("search", "busy"),
    "approved": ("circle-check", "ok"),
    "retired": ("trash", "still"),
    "receiving": ("download", "busy"),
    "checking": ("loader-2", "busy"),
    "queued": ("clock", "still"),
    "succeeded": ("circle-check", "ok"),
    "cancelled": ("player-stop", "still"),
    "timed_out": ("clock-exclamation", "bad"),
    "interrupted": ("plug-connected-x", "bad"),
    "done": ("check", "ok"),
    "refused": ("hand-stop", "warn"),
    "pending": ("circle-dashed", "still"),
    "skipped": ("circle-minus", "still"),
    "under_way": ("loader-2", "busy"),
    "building": ("loader-2", "busy"),
    "filling": ("loader-2", "busy"),
    "stale": ("archive", "still"),
    "asked": ("hourglass", "warn"),
    "withdrawn": ("arrow-back-up", "still"),
    "ended": ("clock", "still"),
    "disabled": ("lock", "still"),
    "waiting": ("hand-stop", "warn"),
    "quarantined": ("lock", "bad"),
    "repaired": ("check", "ok"),
    "resolved": ("circle-check", "still"),
}
# Work that runs is under way; a machine that runs is where it should be.
WORK = {"running": ("loader-2", "busy")}
# How a clone came to run: one icon each, in the colour of its way.
WAYS = {
    "cold": "snowflake",
    "memory": "stack-3",
    "spare": "flame",
    "saved": "clock-pause",
    "live": "git-fork",
}
UNKNOWN = ("help-circle", "still")


def look(status: str, kind: str = "") -> tuple[str, str]:
    """(icon, tone); `kind="work"` for runs, jobs and phases."""
    if kind == "work" and status in WORK:
        return WORK[status]
    return LOOKS.get(status, UNKNOWN)
