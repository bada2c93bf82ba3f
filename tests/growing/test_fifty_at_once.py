"""Fifty requests at the same moment: each is answered, none is lost, none is done twice."""

from threading import Barrier, Thread

import pytest

from tests.support.http import Person

pytestmark = pytest.mark.guest
MANY = 50
ANSWER_S = 120


@pytest.fixture(params=["served", pytest.param("grown", marks=pytest.mark.long)])
def either(request):
    """A site on SQLite in one process, and one on PostgreSQL and Redis."""
    return request.getfixturevalue(request.param)


def at_once(site, lines):
    """The answers to these commands, sent at one moment by people with connections of their own."""
    answers: list[dict] = [{} for _ in lines]
    start = Barrier(len(lines))
    base = site.admin

    def ask(at: int, line: str) -> None:
        person = Person.__new__(Person)
        person.__dict__.update(base.__dict__)
        start.wait(ANSWER_S)
        answers[at] = person.command(line)

    threads = [Thread(target=ask, args=(at, line)) for at, line in enumerate(lines)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(ANSWER_S)
    return answers


def test_fifty_clones_are_fifty_clones(either):
    names = [f"many-{number}" for number in range(MANY)]
    answers = at_once(either, [f"clone base=demo name={name} no_start=true" for name in names])
    assert [answer.get("error") for answer in answers] == [None] * MANY
    listed = {vm["name"]: vm for vm in either.admin.command("list")["vms"]}
    assert {listed[name]["status"] for name in names} == {"stopped"}
    disks = {answer["disk"] for answer in answers}
    assert len(disks) == MANY
    answers = at_once(either, [f"remove name={name}" for name in names])
    assert all(answer["success"] for answer in answers)
    assert not {vm["name"] for vm in either.admin.command("list")["vms"]} & set(names)


def test_one_name_asked_for_fifty_times_is_given_once(either):
    answers = at_once(either, ["clone base=demo name=the-one no_start=true"] * MANY)
    won = [answer for answer in answers if answer["success"]]
    assert len(won) == 1
    assert {answer["code"] for answer in answers if not answer["success"]} == {"name_taken"}
    assert either.admin.command("remove name=the-one")["success"]
