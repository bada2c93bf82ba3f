"""Numbers and times in the words the pages use. Pure functions; the tags in `templatetags.cow` wrap them.

Example::

    size(2_147_483_648)        # "2 GiB"
    duration(184.2)            # "184 ms"
    ago(then, now)             # "3 minutes ago"
"""

from collections.abc import Sequence
from datetime import datetime, time, timedelta

from django.utils import timezone

SIZE_UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB", "PiB")
UNKNOWN = "\N{EN DASH}"
SECOND_MS = 1000
MINUTE_MS = 60 * SECOND_MS
HOUR_MS = 60 * MINUTE_MS
ALMOST = 0.05  # what ends in 6 days and 23 hours ends in 7 days
AGES = ((86400 * 365, "year"), (86400 * 30, "month"), (86400, "day"), (3600, "hour"), (60, "minute"))


def counted(count: int, noun: str) -> str:
    """`1 clone`, `3 clones`."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def either(words: Sequence[str]) -> str:
    """`a`, `a or b`, `a, b or c`."""
    return joined(words, "or")


def joined(words: Sequence[str], last: str = "and") -> str:
    """`a`, `a and b`, `a, b and c`."""
    return f" {last} ".join(part for part in (", ".join(words[:-1]), words[-1]) if part)


def size(count: float | None) -> str:
    """Bytes for people: three digits at most, binary units."""
    if count is None:
        return UNKNOWN
    value, unit = float(count), 0
    while value >= 1000 and unit < len(SIZE_UNITS) - 1:
        value, unit = value / 1024, unit + 1
    digits = 0 if value >= 100 or unit == 0 else 1
    return f"{value:.{digits}f}".removesuffix(".0") + f" {SIZE_UNITS[unit]}"


def duration(ms: float | None) -> str:
    """Milliseconds while they matter, then seconds, minutes, hours."""
    if ms is None:
        return UNKNOWN
    if ms < 0.05:
        return "0 ms"
    if ms < 1:
        return f"{ms:.1f} ms"
    if ms < SECOND_MS - 0.5:
        return f"{ms:.0f} ms"
    if ms < 10 * SECOND_MS - 5:
        return f"{ms / SECOND_MS:.2f} s"
    if ms < MINUTE_MS - 50:
        return f"{ms / SECOND_MS:.1f} s"
    if ms < HOUR_MS:
        minutes, rest = divmod(round(ms / SECOND_MS), 60)
        return f"{minutes} min {rest:02d} s"
    hours, rest = divmod(round(ms / MINUTE_MS), 60)
    return f"{hours} h {rest:02d} min"


def ago(then: datetime, now: datetime) -> str:
    """How long ago, or how long until, in its largest whole unit; one that is to come may lack a little."""
    seconds = (now - then).total_seconds()
    distance = abs(seconds)
    if distance < 5:
        return "just now"
    number, unit = int(distance), "second"
    for length, name in AGES:
        if whole := int(distance / length + (ALMOST if seconds < 0 else 0)):
            number, unit = whole, name
            break
    words = f"{number} {unit}" if number == 1 else f"{number} {unit}s"
    return f"{words} ago" if seconds > 0 else f"in {words}"


def moment(when: datetime) -> str:
    """A point in time in the site's time zone, as sentences have it."""
    return timezone.localtime(when).strftime("%Y-%m-%d %H:%M %Z")


def days_or_hours(hours: int) -> str:
    """Such as `7 days` or `36 h`."""
    days, rest = divmod(hours, 24)
    return f"{hours} h" if rest or not days else f"{days} day{'s' if days > 1 else ''}"


def until_words(until: datetime) -> str:
    """The last day that it holds, as it was asked for; with the time of day where that is no day's end."""
    local = timezone.localtime(until)
    ends_day = local.time() == time.min
    return f"{local - timedelta(days=1):%Y-%m-%d}" if ends_day else f"{local:%Y-%m-%d %H:%M}"
