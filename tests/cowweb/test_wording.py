"""Numbers and times read as people say them."""

from datetime import UTC, datetime, timedelta

import pytest

from cowweb.wording import ago, days_or_hours, duration, size

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1000, "1 KiB"),
        (196_616, "192 KiB"),
        (12 * 2**20, "12 MiB"),
        (1.5 * 2**30, "1.5 GiB"),
        (2**40, "1 TiB"),
        (None, "\N{EN DASH}"),
    ],
)
def test_sizes_have_three_digits_at_most(count, words):
    assert size(count) == words


@pytest.mark.parametrize(
    ("ms", "words"),
    [
        (0.4, "0.4 ms"),
        (184.2, "184 ms"),
        (999.4, "999 ms"),
        (999.6, "1.00 s"),
        (9994, "9.99 s"),
        (12_300, "12.3 s"),
        (59_949, "59.9 s"),
        (59_960, "1 min 00 s"),
        (125_000, "2 min 05 s"),
        (3_720_000, "1 h 02 min"),
        (None, "\N{EN DASH}"),
    ],
)
def test_durations_keep_milliseconds_only_while_they_matter(ms, words):
    assert duration(ms) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (2, "just now"),
        (12, "12 seconds ago"),
        (60, "1 minute ago"),
        (7300, "2 hours ago"),
        (86400 * 45, "1 month ago"),
        (-300, "in 5 minutes"),
        (86400 * 7 - 60, "6 days ago"),
        (60 - 86400 * 7, "in 7 days"),
        (60 - 86400, "in 1 day"),
        (-86400 * 6.5, "in 6 days"),
        (-59, "in 1 minute"),
        (-42, "in 42 seconds"),
    ],
)
def test_relative_times_use_the_largest_whole_unit(seconds, words):
    assert ago(NOW - timedelta(seconds=seconds), NOW) == words


@pytest.mark.parametrize(
    ("hours", "words"), [(1, "1 h"), (24, "1 day"), (36, "36 h"), (168, "7 days"), (720, "30 days")]
)
def test_whole_days_are_said_as_days(hours, words):
    assert days_or_hours(hours) == words
