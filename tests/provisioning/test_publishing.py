"""A run's clone becomes a base image: its own base's next revision, or a new base; once, whoever dies."""

import pytest

from bases.models import BaseImage, BaseRevision
from clones.models import Clone
from cowweb.errors import DomainError
from hosts.services import local_driver
from provisioning import publishing
from provisioning.engine import run_carried_out
from provisioning.models import Run
from provisioning.services import Order, run_create
from tests.provisioning.test_going_on import Died, carried

pytestmark = pytest.mark.slow


def test_a_run_publishes_the_next_revision_of_its_base(on_shell):
    run, _ = on_shell("true", publish="demo")
    carried(run)
    assert (run.status, str(run.published)) == ("succeeded", "demo@2")
    assert BaseImage.objects.get(name="demo").current == run.published
    assert run.phases.get(name="publish").note == "published as demo@2"
    disk = run.published.disk
    assert local_driver().disk_chain(disk) == (disk,)
    clone = Clone.objects.get(pk=run.clone_id)
    assert clone.status == "stopped"
    assert not (clone.folder / publishing.FILE).exists()


def test_a_run_publishes_a_new_base_like_its_own(on_shell):
    run, _ = on_shell("true", publish="demo-web")
    carried(run)
    base = BaseImage.objects.get(name="demo-web")
    assert (run.published.base, base.status, base.memory_mb) == (base, "ready", 64)
    assert base.metadata["run"] == run.pk


def test_a_script_that_failed_publishes_nothing(on_shell):
    run, _ = on_shell("exit 1", publish="demo")
    carried(run)
    assert (run.published, BaseRevision.objects.count()) == (None, 1)


def test_a_server_that_dies_after_publishing_does_not_publish_twice(on_shell, monkeypatch):
    run, _ = on_shell("true", publish="demo")
    published_now = publishing.published_now

    def then_dies(*args):
        published_now(*args)
        raise Died

    monkeypatch.setattr(publishing, "published_now", then_dies)
    with pytest.raises(Died):
        run_carried_out(run.pk)
    monkeypatch.undo()
    carried(run)
    assert (run.status, str(run.published)) == ("succeeded", "demo@2")
    assert BaseRevision.objects.count() == 2


def test_what_could_not_be_published_is_refused_before_anything_is_made(
    empty_base, actor, member_actor, on_shell
):
    other, _ = on_shell("true", publish="other")
    carried(other)
    text = b"# kvm-infra-use: demo\n"
    for who, name, why in [
        (actor, "other", "There is a base image other already"),
        (actor, "No Name", "is not a name"),
        (member_actor, "demo", "Only a curator"),
    ]:
        with pytest.raises(DomainError, match=why):
            run_create(Order(text, "x.sh", publish=name), actor=who)
    assert Run.objects.count() == 1
