"""What changed between two texts."""

import time

import pytest
from hypothesis import given, strategies as st

from provisioning.difference import compared

pytestmark = pytest.mark.slow

LINES = st.lists(st.sampled_from(["a", "b", "c", "", "  a"]), max_size=40).map("\n".join)


def test_a_changed_line_is_gone_and_new_with_its_numbers():
    rows = compared("one\ntwo\nthree\n", "one\n2\nthree\n").rows
    assert [(row.kind, row.text, row.old, row.new) for row in rows] == [
        ("same", "one", 1, 1),
        ("gone", "two", 2, None),
        ("new", "2", None, 2),
        ("same", "three", 3, 3),
    ]


def test_far_from_a_change_lines_are_folded():
    old = "\n".join(map(str, range(100)))
    difference = compared(old, old.replace("\n50\n", "\nfifty\n"))
    assert [row.text for row in difference.rows if row.kind == "fold"] == ["47", "46"]
    assert (difference.added, difference.removed) == (1, 1)


@given(LINES, LINES)
def test_the_rows_hold_both_texts(old, new):
    rows = compared(old, new).rows
    before, after = old.splitlines(), new.splitlines()
    for row in rows:
        assert row.old is None or before[row.old - 1] == row.text
        assert row.new is None or after[row.new - 1] == row.text
    folded = sum(int(row.text) for row in rows if row.kind == "fold")
    assert sum(row.kind in ("same", "gone") for row in rows) + folded == len(before)
    assert sum(row.kind in ("same", "new") for row in rows) + folded == len(after)


def test_two_texts_of_a_mebibyte_are_answered_quickly():
    lines = [f"{number}\n" for number in range(150_000)]
    old, new = "".join(lines), "".join(reversed(lines))
    start = time.process_time()
    assert compared(old, new).too_large
    assert compared(old, f"x\n{old}").added == 1
    assert compared(old, f"{old}y\n").added == 1
    assert time.process_time() - start < 6
