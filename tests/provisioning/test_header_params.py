"""Parameters that a header declares."""

import pytest

from provisioning.header import Param, parse_script


def declared(text: str, form: str = "# kvm-infra-param: {}\n", code: str = "echo\n"):
    return parse_script((form.format(text) + code).encode())


@pytest.mark.parametrize(
    ("text", "param"),
    [
        ("region text", Param("region")),
        ("region text = eu-1", Param("region", default="eu-1")),
        ("region text = eu 1 -- where it goes", Param("region", default="eu 1", words="where it goes")),
        ("REPLICAS number = 3", Param("REPLICAS", "number", default="3")),
        ("fast flag = false", Param("fast", "flag", default="false")),
        ("size small|large = small", Param("size", "choice", ("small", "large"), "small")),
        ("TOKEN secret -- for the store", Param("TOKEN", "secret", words="for the store")),
    ],
)
def test_a_declaration_is_read(text, param):
    parsed = declared(text)
    assert parsed.problems == ()
    assert parsed.header.params == (param,)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("region", "declares no parameter: write NAME KIND"),
        ("Region text", "is not a name of a parameter"),
        ("region colour", "is no kind of parameter"),
        ("n number = many", "is not a number"),
        ("size a|b = c", "is not one of a, b"),
        ("fast flag = yes", "is not one of true, false"),
        ("token secret", "write it in upper case"),
        ("TOKEN secret = hunter2", "it has no default"),
        ("PATH text", "has a meaning of its own"),
        ("LD_PRELOAD text", "has a meaning of its own"),
        ("COWWEB_RUN text", "has a meaning of its own"),
    ],
)
def test_a_wrong_declaration_is_told_with_its_line(text, words):
    (problem,) = declared(text).problems
    assert (problem.line, problem.key) == (1, "kvm-infra-param")
    assert words in problem.message


def test_a_parameter_is_declared_once_in_either_case():
    (problem,) = declared("dry-run flag\n# kvm-infra-param: DRY_RUN flag").problems
    assert "declared twice" in problem.message


def test_rexx_has_no_arguments():
    (problem,) = declared("region text", "/* rexxjs-vm-param: {} */\n", "say 1\n").problems
    assert "write the name in upper case" in problem.message
    assert declared("REGION text", "/* rexxjs-vm-param: {} */\n", "say 1\n").header.params == (
        Param("REGION"),
    )


def test_the_command_language_lists_them():
    (row,) = declared("size small|large = small -- how much").metadata()["params"]
    assert row == {"name": "size", "kind": "small|large", "default": "small", "description": "how much"}
