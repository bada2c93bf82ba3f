"""A base whose disk is empty, and runs on clones of it whose guest is a shell of this host."""

import contextlib

import pytest

from provisioning.models import Run
from provisioning.services import Order, run_create
from tests.support.shell_guest import shell_guest


@pytest.fixture
def empty_base(site, demo):
    site.COWWEB_STOP_GRACE_S = 0.2  # nothing in an empty machine hears the power button
    return demo


@pytest.fixture
def ordered(empty_base, actor):
    """Orders a run of these lines; nothing carries it out."""

    def order(*lines: str, **wishes) -> Run:
        text = "\n".join(("#!/bin/sh", "# kvm-infra-use: demo", *lines, ""))
        return run_create(Order(text=text.encode(), script_name="x.sh", **wishes), actor=actor).run

    return order


@pytest.fixture
def on_shell_text(empty_base, actor):
    """The same for a script as it stands."""
    with contextlib.ExitStack() as guests:

        def order(text: str, name: str, **wishes) -> Run:
            run = run_create(Order(text=text.encode(), script_name=name, **wishes), actor=actor).run
            guests.enter_context(shell_guest(run.clone))
            return run

        yield order


@pytest.fixture
def on_shell(ordered):
    """Orders a run whose clone runs already, with a shell of this host as its guest."""
    guests = []

    def order(*lines: str, **wishes):
        run = ordered(*lines, **wishes)
        made = shell_guest(run.clone)
        guests.append(made)
        return run, made.__enter__()

    yield order
    for made in guests:
        made.__exit__(None, None, None)
