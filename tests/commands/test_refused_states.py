"""What a clone's state does not allow is refused in words that say what would."""

import pytest

from clones.models import Clone

pytestmark = pytest.mark.django_db(transaction=True)

RECORD = {"pid": 1}  # of the process that a running clone has


def test_a_clone_with_too_little_memory_is_refused_with_the_least(web, do):
    refused = do("clone base=demo name=small memory=1")
    assert (refused["code"], refused["output"]) == (
        "invalid",
        "memory=1M is too little: a clone of demo takes at least 16M",
    )
    assert not Clone.objects.filter(name="small").exists()
    assert do("clone base=demo name=small memory=16 no_start=true")["success"]


@pytest.mark.parametrize(
    ("status", "line", "sentence"),
    [
        ("paused", "start name=web", "only a stopped or failed clone can be started. Resume it"),
        ("running", "start name=web", "web is running; only a stopped or failed clone can be started"),
        ("stopped", "stop name=web", "only a running, paused or starting clone can be stopped"),
        ("stopped", "restart name=web", "only a running or paused clone can be restarted"),
        ("removing", "remove name=web", "web is removing; that is not possible now"),
    ],
)
def test_a_refused_action_names_the_states_that_allow_it(web, do, status, line, sentence):
    Clone.objects.filter(pk=web.pk).update(status=status, record=RECORD)
    refused = do(line)
    assert (refused["code"], sentence in refused["output"]) == ("conflict", True), refused["output"]
