"""What a script is given: read, checked, handed over by a real shell, and hidden where it is secret."""

import subprocess

import pytest
from hypothesis import given, strategies as st

from cowweb.errors import DomainError
from provisioning.handing import READ, statement
from provisioning.header import Param, parse_script
from provisioning.launch import launch_of
from provisioning.parameters import parameters_read, shown_values, values_of
from provisioning.sealed import HIDDEN, Veil

pytestmark = pytest.mark.slow

CANARY = "c4n4ry-$(id)'\"`\\-%s"
DECLARED = (
    Param("region", default="eu-1"),
    Param("REPLICAS", "number", default="3"),
    Param("fast", "flag", default="false"),
    Param("TOKEN", "secret"),
)


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("", {}),
        ("--region eu-1", {"region": "eu-1"}),
        ("--region=eu-1 REPLICAS=4", {"region": "eu-1", "REPLICAS": "4"}),
        ("--fast --region 'eu 1'", {"fast": "true", "region": "eu 1"}),
        ("--region -1", {"region": "-1"}),
        ("NOTE='a=b c'", {"NOTE": "a=b c"}),
    ],
)
def test_a_line_is_read(line, found):
    assert parameters_read(line) == found


@pytest.mark.parametrize("line", ["hunter2", "--a 1 hunter2", "--a 1 --a 2", "--a 'hunter2"])
def test_a_line_that_makes_no_sense_is_refused_without_quoting_it(line):
    with pytest.raises(DomainError) as refused:
        parameters_read(line)
    assert "hunter2" not in str(refused.value)


def test_defaults_fill_what_is_not_given():
    values = values_of(DECLARED, {"TOKEN": CANARY, "REPLICAS": "5"})
    assert [(value.name, value.text, value.given) for value in values] == [
        ("region", "eu-1", False),
        ("REPLICAS", "5", True),
        ("fast", "false", False),
        ("TOKEN", CANARY, True),
    ]
    assert shown_values(values)["TOKEN"] == "…"
    assert CANARY not in repr(values) and values[3].stored()["value"] is None


def test_everything_wrong_is_told_at_once_and_no_secret_is_quoted():
    with pytest.raises(DomainError) as refused:
        values_of(DECLARED, {"TOKEN": "abc", "REPLICAS": "many", "regoin": "x"})
    told = str(refused.value)
    assert "did you mean region" in told and "is not a number" in told and "at least 4" in told
    assert "abc" not in told


def test_what_has_no_default_is_needed():
    with pytest.raises(DomainError, match="TOKEN has no default and was not given"):
        values_of(DECLARED, {})


def test_a_script_that_declares_nothing_takes_anything_but_what_has_a_meaning():
    assert [value.text for value in values_of((), {"any": "thing"})] == ["thing"]
    with pytest.raises(DomainError, match="meaning of its own"):
        values_of((), {"PATH": "/tmp"})


TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=60)


def run_with(shell: str, values: list[tuple[str, str | None]], script: str) -> bytes:
    launch = launch_of(parse_script(script.encode()))
    line = "set --; " + "".join(statement(name, text) for name, text in values)
    done = subprocess.run(
        [shell, "-c", READ + launch.command],
        input=line.encode() + b"\n" + launch.stdin,
        capture_output=True,
        check=True,
    )
    assert done.stderr == b""
    return done.stdout


@pytest.mark.parametrize("shell", ["dash", "bash"])
def test_arguments_and_environment_reach_the_script_as_they_are(shell):
    values = [("region", CANARY), ("fast", None), ("TOKEN", CANARY), ("KEY", "two\nlines\n")]
    script = '#!/bin/sh\nprintf \'%s|\' "$@" "$TOKEN" "$KEY"\n'
    expected = "|".join(["--region", CANARY, "--fast", CANARY, "two\nlines\n", ""])
    assert run_with(shell, values, script).decode() == expected


@given(TEXTS)
def test_any_text_reaches_the_script_as_it_is(text):
    script = '#!/bin/sh\nprintf %s "$VALUE"\n'
    assert run_with("dash", [("VALUE", text)], script).decode() == text


def test_the_script_itself_is_whole_after_the_first_line():
    script = "#!/bin/sh\n" + "".join(f"echo {number}\n" for number in range(3000))
    assert run_with("dash", [("A", "b")], script).count(b"\n") == 3000


def test_a_veil_hides_every_line_of_a_secret():
    veil = Veil({"TOKEN": "hunter2", "KEY": "-----\nabcdefgh\n  ijklmnop \n"})
    assert veil.over("x hunter2 abcdefgh/ijklmnop") == f"x {HIDDEN} {HIDDEN}/{HIDDEN}"
    assert Veil({}).over("as it is") == "as it is"
