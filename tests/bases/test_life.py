"""A revision moves through one door, by someone, for a reason; only approved and deprecated ones are cloned."""

from datetime import timedelta

import pytest
from django.utils import timezone

from audit.models import AuditEntry
from bases.aliases import alias_move
from bases.life import (
    retired_cleared,
    revision_approve,
    revision_deprecate,
    revision_moved,
    revision_retire,
    revision_unretire,
)
from bases.models import BaseImage, BaseRevision, RevisionMove
from bases.references import warning_of
from bases.services import Facts, Source, base_mark, base_ready, base_register, base_revise
from clones.services import clone_create
from clones.wanted import Wanted
from cowweb.errors import ConflictError, DomainError, ForbiddenError

pytestmark = pytest.mark.slow


def told(revision):
    return [(move.before, move.after, move.by_name) for move in revision.moves.order_by("pk")]


def test_registering_is_a_draft_inspected_by_the_gate_and_approved_by_its_curator(demo):
    assert demo.current.stage == "approved"
    assert told(demo.current) == [
        ("", "draft", "admin"),
        ("draft", "inspected", "cowweb"),
        ("inspected", "approved", "admin"),
    ]
    assert demo.current.moves.last().why == "disk.qcow2"


@pytest.mark.parametrize("before", BaseRevision.MOVES)
@pytest.mark.parametrize("after", BaseRevision.MOVES)
def test_a_stage_is_reached_only_from_where_the_table_says(demo_2, actor, before, after):
    one = demo_2.revisions.get(number=1)
    BaseRevision.objects.filter(pk=one.pk).update(stage=before)
    one.refresh_from_db()
    if after in BaseRevision.MOVES[before]:
        assert revision_moved(one, after, actor=actor, why="so").stage == after
        assert (one.moves.first().before, one.moves.first().why) == (before, "so")
        return
    moves = RevisionMove.objects.count()
    with pytest.raises(ConflictError, match=f"is {before}; it cannot become {after}"):
        revision_moved(one, after, actor=actor)
    assert RevisionMove.objects.count() == moves


def test_a_move_from_a_stage_that_is_no_more_is_refused(demo, actor):
    seen_before = BaseRevision.objects.get(pk=demo.current.pk)
    revision_deprecate(revision=demo.current, actor=actor)
    with pytest.raises(ConflictError, match="is deprecated"):
        revision_moved(seen_before, "retired", actor=actor)


@pytest.mark.parametrize(("stage", "cloned"), [("draft", 0), ("inspected", 0), ("approved", 1), ("deprecated", 1), ("retired", 0)])  # fmt: skip
def test_only_approved_and_deprecated_revisions_are_cloned(demo_2, actor, stage, cloned):
    demo_2.revisions.filter(number=1).update(stage=stage)
    wanted = Wanted(base="demo@1", name="web", start=False)
    if cloned:
        assert clone_create(wanted, actor=actor).clone.revision.number == 1
        return
    with pytest.raises(ConflictError, match=f"demo@1 is {stage}, not approved"):
        clone_create(wanted, actor=actor)


def test_the_contracts_status_follows_the_current_revision(demo, actor):
    def status():
        return BaseImage.objects.get().status

    revision_deprecate(revision=demo.current, actor=actor)
    assert status() == "deprecated"
    revision_approve(revision=BaseRevision.objects.get(), actor=actor)
    assert status() == "ready"
    revision_retire(revision=BaseRevision.objects.get(), actor=actor)
    assert (status(), BaseImage.objects.get().shown_status) == ("failed", ("retired", "Retired"))
    with pytest.raises(ConflictError, match="demo is retired, not ready"):
        base_ready("demo")
    revision_unretire(revision=BaseRevision.objects.get(), actor=actor)
    assert status() == "deprecated"


def test_a_deprecated_revision_warns_and_names_its_successor(demo_2, actor):
    one = demo_2.revisions.get(number=1)
    assert warning_of(one) == ""
    one = revision_deprecate(revision=one, why="old kernel", actor=actor)
    assert warning_of(one) == "demo@1 is deprecated; use demo@2 instead"
    assert one.moves.first().why == "old kernel"
    one = revision_approve(revision=one, actor=actor)
    assert (warning_of(one), one.successor) == ("", "")


@pytest.mark.parametrize(
    ("successor", "words"),
    [("nope", "Base image nope not found"), ("demo@1", "itself"), ("demo@7", "no revision 7")],
)
def test_a_successor_is_something_to_clone(demo_2, actor, successor, words):
    with pytest.raises(DomainError, match=words):
        revision_deprecate(revision=demo_2.revisions.get(number=1), successor=successor, actor=actor)
    assert demo_2.revisions.get(number=1).stage == "approved"


def test_nothing_is_retired_while_something_depends_on_it(demo_2, actor, member_actor):
    clone_create(Wanted(base="demo@1", name="web", start=False), actor=member_actor)
    one = demo_2.revisions.get(number=1)
    with pytest.raises(ConflictError, match=r"^Refused: 1 depends on demo@1: clone web of mia$"):
        revision_retire(revision=one, actor=actor)
    assert AuditEntry.objects.get(action="retire_base").outcome.result == "refused"
    with pytest.raises(ConflictError, match="alias stable"):
        revision_retire(revision=demo_2.current, actor=actor)


def test_an_alias_keeps_its_revision_from_being_retired(demo_2, actor):
    one = demo_2.revisions.get(number=1)
    alias_move(base=demo_2, name="lts", revision=one, actor=actor)
    with pytest.raises(ConflictError, match="alias lts"):
        revision_retire(revision=one, actor=actor)


def test_the_file_of_a_retired_revision_goes_after_a_while_and_until_then_it_can_be_taken_back(
    demo_2, actor, site
):
    one = revision_retire(revision=demo_2.revisions.get(number=1), why="unused", actor=actor)
    assert (retired_cleared(), one.disk.exists()) == (0, True)
    assert revision_unretire(revision=one, actor=actor).stage == "deprecated"
    revision_retire(revision=one, actor=actor)
    RevisionMove.objects.filter(after="retired").update(at=timezone.now() - timedelta(days=8))
    assert (retired_cleared(), one.disk.exists()) == (1, False)
    assert demo_2.current.disk.exists()
    one.refresh_from_db()
    with pytest.raises(ConflictError, match="file of demo@1 is gone"):
        revision_unretire(revision=one, actor=actor)
    assert retired_cleared() == 0


def test_a_file_that_another_revision_has_too_stays(demo_2, image, actor, site):
    site.COWWEB_RETIRED_DAYS = 0
    base_register(name="twin", source=Source(image), facts=Facts(), actor=actor)
    one = revision_retire(revision=demo_2.revisions.get(number=1), actor=actor)
    assert (retired_cleared(), one.disk.exists()) == (1, True)


def test_a_retirement_that_was_taken_back_does_not_shorten_the_next(demo_2, actor):
    one = demo_2.revisions.get(number=1)
    for _ in range(2):
        revision_retire(revision=one, actor=actor)
        RevisionMove.objects.filter(after="retired").update(at=timezone.now() - timedelta(days=8))
        revision_unretire(revision=one, actor=actor)
    revision_retire(revision=one, actor=actor)
    assert (retired_cleared(), one.disk.exists()) == (0, True)


def test_a_retired_base_can_be_given_a_new_revision(demo, second_image, actor):
    revision_retire(revision=demo.current, actor=actor)
    revised = base_revise(name="demo", source=Source(second_image), actor=actor)
    assert (revised.status, revised.current.number, revised.failure) == ("ready", 2, "")


def test_with_four_eyes_another_curator_approves(image, actor, other_curator, settings):
    settings.COWWEB_FOUR_EYES = True
    base = base_register(name="demo", source=Source(image), facts=Facts(), actor=actor)
    assert (base.status, base.current, base.shown_status[1]) == ("provisioning", None, "Awaits approval")
    with pytest.raises(ConflictError, match="not ready"):
        base_ready("demo")
    with pytest.raises(ForbiddenError, match="another curator"):
        revision_approve(revision=base.newest, actor=actor)
    revision_approve(revision=base.newest, why="looks right", actor=other_curator)
    assert base_ready("demo")[1].moves.first().by_name == "cora"
    base_mark(base=BaseImage.objects.get(), status="deprecated", actor=actor)
    base_mark(base=BaseImage.objects.get(), status="ready", actor=actor)


def test_with_four_eyes_a_new_revision_leaves_the_name_where_it_was(demo, second_image, actor, settings):
    settings.COWWEB_FOUR_EYES = True
    revised = base_revise(name="demo", source=Source(second_image), actor=actor)
    assert (revised.current.number, revised.newest.stage, revised.status) == (1, "inspected", "ready")


def test_what_is_not_approved_can_be_turned_down(image, actor, settings):
    settings.COWWEB_FOUR_EYES = True
    base = base_register(name="demo", source=Source(image), facts=Facts(), actor=actor)
    revision_retire(revision=base.newest, why="unknown publisher", actor=actor)
    assert BaseImage.objects.get().shown_status == ("retired", "Retired")


@pytest.mark.parametrize("act", [revision_approve, revision_deprecate, revision_retire, revision_unretire])
def test_only_curators_move_revisions(demo, member_actor, act):
    with pytest.raises(ForbiddenError):
        act(revision=demo.current, actor=member_actor)
    assert AuditEntry.objects.order_by("-pk").first().outcome.result == "refused"
