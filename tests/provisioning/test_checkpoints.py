"""What a script says of its progress: understood in both forms, kept within bounds, handed back, never obeyed."""

import time

import pytest

from provisioning.checkpoint_lines import MOST_KEYS, VALUE_CHARACTERS, checkpoint_in
from provisioning.checkpoints import MOST_NAMES, Progress, environment_of
from provisioning.engine import run_carried_out
from provisioning.going_on import run_retry
from provisioning.models import Run
from provisioning.output import stream_text
from tests.provisioning.test_going_on import carried


@pytest.mark.parametrize(
    ("line", "name", "params"),
    [
        ("CHECKPOINT('COPY')", "COPY", {}),
        ("CHECKPOINT('COPY', 'percent=40 item=a.csv')", "COPY", {"percent": "40", "item": "a.csv"}),
        ('CHECKPOINT("COPY", "item=1", "total=4")', "COPY", {"item": "1", "total": "4"}),
        ("""CHECKPOINT('A', 'message="two words" x=1');""", "A", {"message": "two words", "x": "1"}),
        ("  CHECKPOINT COPY percent=40", "COPY", {"percent": "40"}),
        ("CHECKPOINT: step-2.b", "step-2.b", {}),
        ("CHECKPOINT A Percent=3 stray words message='x y'", "A", {"percent": "3", "message": "x y"}),
    ],
)
def test_both_forms_are_understood(line, name, params):
    said = checkpoint_in(line)
    assert said and (said.name, said.params) == (name, params)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "CHECKPOINT",
        "CHECKPOINTS A",
        "say CHECKPOINT('A')",
        "CHECKPOINT()",
        "CHECKPOINT('a b')",
        "CHECKPOINT('A', percent=3)",
        "CHECKPOINT('A' 'percent=3')",
        "CHECKPOINT ../../etc",
        f"CHECKPOINT {'n' * 64}",
        f"CHECKPOINT A {'x' * 5000}",
    ],
)
def test_every_other_line_is_only_a_line(line):
    assert checkpoint_in(line) is None


@pytest.mark.parametrize(
    ("params", "percent"),
    [
        ("percent=40", 40),
        ("percent=12.5%", 12.5),
        ("percent=900", 100),
        ("percent=-3", None),
        ("percent=nan", None),
        ("percent=1e9", None),
        ("item=1 total=4", 25),
        ("item=9 total=4", 100),
        ("item=1 total=0", None),
        ("item=a.csv total=4", None),
        ("", None),
    ],
)
def test_percent_is_between_0_and_100_or_unknown(params, percent):
    said = checkpoint_in(f"CHECKPOINT A {params}")
    assert said and said.percent == percent


def test_what_is_said_is_kept_within_bounds():
    said = checkpoint_in("CHECKPOINT A " + " ".join(f"k{n}={'v' * 30}" for n in range(100)))
    assert said and len(said.params) == MOST_KEYS
    said = checkpoint_in(f"CHECKPOINT A message={'v' * 1000} item='\x1b[31m\u202ered'")
    assert said and (len(said.message), said.item) == (VALUE_CHARACTERS, "[31mred")


@pytest.mark.parametrize("line", ["CHECKPOINT('A'," + "'" * 4000, "CHECKPOINT A " + 'a="' * 1300])
def test_hostile_lines_take_no_time(line):
    start = time.perf_counter()
    checkpoint_in(line)
    assert time.perf_counter() - start < 0.2


def test_a_flood_of_names_and_words_is_a_few_rows(ordered):
    run = ordered("true")
    progress = Progress(run)
    for number in range(20_000):
        progress.hear(f"CHECKPOINT NAME{number % 500} percent={number % 100}", number)
    progress.write()
    assert run.checkpoints.count() == MOST_NAMES
    assert run.checkpoints.get(name="NAME7").count == 40
    assert run.checkpoints.last().line == 19_699


def test_a_run_shows_the_last_word_and_the_script_decides_by_its_exit_status(on_shell, client, admin):
    run, _ = on_shell("echo CHECKPOINT COPY item=1 total=4; echo CHECKPOINT DONE percent=100; exit 1")
    carried(run)
    assert (run.status, run.progress_percent, run.progress_message) == ("failed", 100, "DONE")
    assert list(run.checkpoints.values_list("name", "percent", "line")) == [("COPY", 25, 1), ("DONE", 100, 2)]
    client.force_login(admin)
    page = client.get(f"/runs/{run.pk}/").content.decode()
    assert "100 %" in page and 'href="#L1"' in page


def test_a_retried_script_is_told_how_far_it_had_come(on_shell, actor):
    run, _ = on_shell(
        'echo "$COWWEB_ATTEMPT,$COWWEB_CHECKPOINT,$COWWEB_CHECKPOINT_PARAMS,$COWWEB_CHECKPOINTS"',
        """echo "CHECKPOINT FETCHED"; echo "CHECKPOINT BUILT item=it's message='a b'"; exit 1""",
        afterwards="keep",
    )
    carried(run)
    assert environment_of(run) == {"COWWEB_ATTEMPT": "1"}
    run_retry(run=run, actor=actor)
    assert Run.objects.get(pk=run.pk).progress_message == ""
    carried(run)
    told = [line for line in stream_text(run.pk, "stdout").splitlines() if "," in line]
    assert told == ["1,,,", "2,BUILT,item=it message=a b,FETCHED BUILT"]


def test_an_interrupted_script_is_told_too(ordered, actor):
    run = ordered("true")
    progress = Progress(run)
    progress.hear("CHECKPOINT HALF percent=50", 1)
    progress.write()
    run.phases.filter(name="script").update(state="running")
    with pytest.raises(Exception, match="The server stopped"):
        run_carried_out(run.pk)
    run.refresh_from_db()
    assert run.status == "interrupted"
    run.attempt = 2
    assert environment_of(run)["COWWEB_CHECKPOINT"] == "HALF"
