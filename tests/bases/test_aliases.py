"""Aliases lead to revisions wherever a base is named, are moved and rolled back."""

import pytest

from audit.models import AuditEntry
from bases.aliases import alias_move, alias_remove, alias_roll_back
from bases.models import BaseAlias, BaseImage, BaseRevision
from bases.references import base_named
from bases.services import Source, base_edit, base_ready, base_revise
from clones.services import clone_create
from clones.wanted import Wanted
from cowweb.errors import ConflictError, DomainError, ForbiddenError, NotFoundError

pytestmark = pytest.mark.slow


def number(reference):
    return base_ready(reference)[1].number


def test_stable_is_what_the_bare_name_means(demo_2):
    assert (number("demo"), number("demo@stable"), number("demo@1")) == (2, 2, 1)


def test_moving_stable_moves_the_name_and_rolling_back_returns_it(demo_2, actor):
    alias_move(base=demo_2, name="stable", revision=demo_2.revisions.get(number=1), actor=actor)
    assert number("demo") == 1
    alias_roll_back(base=demo_2, actor=actor)
    assert number("demo") == 2
    alias_roll_back(base=demo_2, why="the release itself was wrong", actor=actor)
    assert number("demo") == 1
    with pytest.raises(NotFoundError, match="never moved"):
        alias_roll_back(base=demo_2, actor=actor)
    results = AuditEntry.objects.filter(action="rollback_base").values_list("outcome__result", flat=True)
    assert sorted(results) == ["done", "done", "refused"]


def test_an_alias_is_made_moved_rolled_back_and_removed(demo_2, actor):
    one, two = demo_2.revisions.all()
    alias_move(base=demo_2, name="lts", revision=one, actor=actor)
    alias_move(base=demo_2, name="lts", revision=two, actor=actor)
    assert number("demo@lts") == 2
    alias_roll_back(base=demo_2, name="lts", actor=actor)
    assert number("demo@lts") == 1
    alias_remove(base=demo_2, name="lts", actor=actor)
    with pytest.raises(NotFoundError, match="demo has no alias lts"):
        base_ready("demo@lts")
    assert not BaseAlias.objects.exists()


def test_what_is_about_the_whole_base_says_so_of_a_revision(demo_2):
    with pytest.raises(DomainError, match="write base=demo, not base=demo@1"):
        base_named("demo@1")
    with pytest.raises(NotFoundError, match="Base image other@1 not found"):
        base_named("other@1")


def test_new_revisions_become_next_where_the_base_says_so(demo, second_image, actor):
    base_edit(base=demo, changes={"releases": "next"}, actor=actor)
    base_revise(name="demo", source=Source(second_image), actor=actor)
    assert (number("demo"), number("demo@next")) == (1, 2)


def test_a_clone_of_an_alias_stands_on_its_revision(demo_2, actor):
    alias_move(base=demo_2, name="lts", revision=demo_2.revisions.get(number=1), actor=actor)
    assert clone_create(Wanted(base="demo@lts", start=False), actor=actor).clone.revision.number == 1


@pytest.mark.parametrize("name", ["Next", "1", "1st", "", "a b", "x" * 64])
def test_a_bad_alias_is_refused(demo_2, actor, name):
    with pytest.raises(DomainError, match="is not an alias"):
        alias_move(base=demo_2, name=name, revision=demo_2.revisions.get(number=1), actor=actor)


@pytest.mark.parametrize("stage", ["draft", "inspected", "retired"])
def test_an_alias_leads_to_what_can_be_cloned(demo_2, actor, stage):
    BaseRevision.objects.filter(number=1).update(stage=stage)
    with pytest.raises(ConflictError, match="leads to an approved one"):
        alias_move(base=demo_2, name="lts", revision=BaseRevision.objects.get(number=1), actor=actor)


def test_stable_stays(demo_2, actor):
    with pytest.raises(ConflictError, match="always has a stable revision"):
        alias_remove(base=demo_2, name="stable", actor=actor)
    with pytest.raises(ConflictError, match="leads to demo@2 already"):
        alias_move(base=demo_2, name="stable", revision=demo_2.current, actor=actor)
    assert BaseImage.objects.get().current.number == 2


def test_only_curators_move_aliases(demo_2, member_actor):
    with pytest.raises(ForbiddenError):
        alias_roll_back(base=demo_2, actor=member_actor)
