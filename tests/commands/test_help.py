"""`help` tells every verb, and the keys of one."""

import pytest

from commands.dispatch import VERBS

pytestmark = pytest.mark.slow


def test_help_names_every_verb_and_the_keys_of_one(do):
    told = do("help")
    assert all(f"{verb} " in told["stdout"] for verb in VERBS)
    one = do("help verb=restore")
    assert one["output"] == "restore: bring a stopped clone's disk back to a snapshot"
    keys = [line.split() for line in one["stdout"].splitlines()]
    assert keys == [["name=NAME", "needed"], ["snapshot_name=NAME", "needed"]]
    assert "base or from" in do("help verb=clone")["stdout"]
