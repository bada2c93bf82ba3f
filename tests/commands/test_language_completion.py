"""What the command bar may offer at the cursor."""

import pytest

from commands.completion import Completion
from commands.language import complete
from commands.verbs import VERBS


def offered(text: str, cursor: int | None = None) -> list[str]:
    return [option.text for option in complete(text, len(text) if cursor is None else cursor).options]


def test_an_empty_line_offers_every_verb_with_what_it_does() -> None:
    found = complete("", 0)
    assert [option.text for option in found.options] == list(VERBS)
    assert all(option.hint for option in found.options)


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("list_sc", ["list_scripts"]),
        ("  stop", ["stop", "stop_if_running"]),
        ("  start", ["start", "start_if_stopped"]),
        ("inspect ", ["name="]),
        (
            "clone ",
            [
                "base=",
                "from=",
                "name=",
                "memory=",
                "cpus=",
                "no_start=",
                "live=",
                "count=",
                "path=",
                "egress_ports=",
                "lease=",
            ],
        ),
        ("clone ba", ["base="]),
        (
            "clone base=x ",
            ["name=", "memory=", "cpus=", "no_start=", "live=", "count=", "path=", "egress_ports=", "lease="],
        ),
        ("clone base=x no_start na", ["name="]),
        ("clone base=x path=", ["cold", "memory", "spare"]),
        ("clone base=x no_start=f", ["false"]),
        ("register_base name=x description='a b' o", ["os="]),
        ("register_base description='a ", []),
        ("nonsense ba", []),
        ("list ", []),
    ],
)
def test_verbs_keys_and_words_are_offered(text: str, options: list[str]) -> None:
    assert offered(text) == options


def test_keys_right_of_the_cursor_are_taken_too() -> None:
    assert offered("snapshot  name=x", 9) == ["snapshot_name="]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("clone base=d", "bases"),
        ("clone from=d", "clones"),
        ("provision script=d", "scripts"),
        ("execute vm=d", "clones"),
        ("restore snapshot_name=d", "snapshots"),
        ("clone name=d", ""),
    ],
)
def test_a_value_says_which_names_are_wanted(text: str, names: str) -> None:
    found = complete(text, len(text))
    assert (found.names, found.prefix, text[found.start : found.end]) == (names, "d", "d")


def test_the_part_left_of_the_cursor_is_what_counts() -> None:
    assert complete("clone base=demo", 12) == Completion(11, 12, "d", (), "clone", "base", "bases")
