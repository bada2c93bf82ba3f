"""Amounts of what is counted, in words and as they are typed. Memory and disk are in MiB.

Example::

    amount_read("memory", "8G")        # 8192
    in_words("memory", 8192)           # '8 GiB'
"""

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta

from django.utils import timezone

from cowweb.drawing import MIB
from cowweb.errors import DomainError
from cowweb.values import InvalidValue, memory_mb, whole_number
from cowweb.wording import size
from quotas.models import Quota

Amounts = Mapping[str, int]
MOST = 999_999_999
MOST_DAYS = 366
NO_LIMIT = "none"
SIZES = (Quota.MEMORY, Quota.DISK)
NOUNS = {
    Quota.CLONES: "clones",
    Quota.RUNNING: "running clones",
    Quota.VCPUS: "CPUs",
    Quota.MEMORY: "memory",
    Quota.DISK: "disk",
    Quota.SPARES: "spares",
    Quota.RUN_MINUTES: "run minutes this month",
}


def in_words(quota: str, amount: int) -> str:
    """The amount alone, with its unit where it has one."""
    return size(amount * MIB) if quota in SIZES and amount else str(amount)


def limit_text(quota: str, most: int) -> str:
    """As it is typed."""
    if quota not in SIZES or not most:
        return str(most)
    return f"{most // 1024}G" if most % 1024 == 0 else f"{most}M"


def used_words(quota: str, used: int, most: int | None) -> str:
    """Such as `3 of 5 clones` or `6 GiB of 8 GiB memory`."""
    noun = NOUNS[Quota(quota)]
    if most is None:
        return f"{in_words(quota, used)} {noun}"
    return f"{in_words(quota, used)} of {in_words(quota, most)} {noun}"


def quota_read(text: str) -> Quota:
    if text not in Quota.values:
        raise DomainError(f"{text!r} is no quota: write {', '.join(Quota.values)}", field="quota")
    return Quota(text)


def amount_read(quota: str, text: str, *, field: str = "limit") -> int:
    """A limit as it is typed; 0 forbids."""
    try:
        if quota in SIZES and text != "0":
            return memory_mb(text)
        return whole_number(text, least=0, most=MOST, what="a limit")
    except InvalidValue as error:
        raise DomainError(str(error), field=field) from None


def until_read(text: str) -> datetime:
    """The end of a day, written 2026-12-24, in the site's time zone."""
    wrong = f"{text!r} is no day from today to {MOST_DAYS} days from now: write it as 2026-12-24"
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise DomainError(wrong, field="until") from None
    today = timezone.localdate()
    if len(text) != len("2026-12-24") or not today <= day <= today + timedelta(days=MOST_DAYS):
        raise DomainError(wrong, field="until")
    return timezone.make_aware(datetime.combine(day + timedelta(days=1), time.min))
