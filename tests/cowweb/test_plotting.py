"""Times a hundredfold apart are seen side by side, and a pool shows what it lacks."""

import pytest

from cowweb.plotting import MOST_SLOTS, median, slots, strips


@pytest.mark.parametrize(("times", "middle"), [([], None), ([3], 3), ([9, 1, 2], 2), ([1, 2, 4, 100], 3)])
def test_the_median_is_the_middle(times, middle):
    assert median(times) == middle


def test_all_strips_share_one_scale_of_powers_of_ten():
    drawn = strips([{"way": "spare", "times": [10]}, {"way": "cold", "times": [1000, 10_000]}])
    assert [tick["label"] for tick in drawn["ticks"]] == ["10 ms", "100 ms", "1 s", "10 s"]
    steps = [round(b["x"] - a["x"]) for a, b in zip(drawn["ticks"], drawn["ticks"][1:], strict=False)]
    assert len(set(steps)) == 1
    assert drawn["rows"][0]["dots"][0]["x"] == drawn["ticks"][0]["x"]


def test_equal_times_are_in_the_middle_and_nothing_leaves_the_drawing():
    (row,) = strips([{"way": "memory", "times": [90, 90, 0]}])["rows"]
    assert all(0 <= dot["x"] <= 100 for dot in row["dots"])
    assert row["dots"][0]["x"] == row["median_x"]


def test_a_pool_shows_what_is_still_missing():
    drawn = slots(ready=1, filling=1, minimum=4)
    assert [slot["state"] for slot in drawn["slots"]] == ["ready", "filling", "wanted", "wanted"]


def test_a_large_pool_says_how_many_are_not_drawn():
    drawn = slots(ready=100, filling=0, minimum=100)
    assert (len(drawn["slots"]), drawn["more"]) == (MOST_SLOTS, 100 - MOST_SLOTS)
