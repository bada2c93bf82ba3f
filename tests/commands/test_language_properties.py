"""Whatever is typed: a command or a CommandError, and a command survives being written down again."""

import pytest
from hypothesis import given, strategies as st

from commands.language import Command, CommandError, complete, parse_command, spelled
from commands.verbs import VERBS

PIECES = [
    *VERBS,
    *("name=", "base=", "'", '"', " ", "  ", "=", "x", "no_start", "memory=2G", "\t", "\n", "true"),
]
lines = st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=3)), max_size=12).map("".join)
values = st.text(
    st.characters(exclude_categories=["C", "Z"], include_characters=" "), min_size=1, max_size=30
).filter(lambda text: text.strip() and not ("'" in text and '"' in text))


@given(lines | st.text(max_size=40))
def test_a_line_is_a_command_or_refused(line: str) -> None:
    try:
        command = parse_command(line)
    except CommandError as error:
        assert str(error)
    else:
        assert parse_command(str(command)) == command


@given(values, values, st.dictionaries(st.from_regex(r"x[a-z0-9_]{0,9}", fullmatch=True), values, max_size=4))
def test_a_command_survives_being_written_down(disk: str, description: str, extra: dict[str, str]) -> None:
    given_values = {"name": "demo", "disk": disk, "description": description}
    line = spelled("register_base", {**given_values, **extra})
    assert parse_command(line) == Command("register_base", given_values, extra)


def test_a_value_with_both_quotes_cannot_be_written() -> None:
    with pytest.raises(CommandError):
        spelled("execute", {"command": "'\""})


@given(lines, st.integers(-1, 60))
def test_completion_never_fails_and_stays_inside_the_line(line: str, cursor: int) -> None:
    found = complete(line, cursor)
    assert 0 <= found.start <= found.end <= len(line)
    assert found.end == max(0, min(cursor, len(line)))
    assert all(option.text.startswith(found.prefix) for option in found.options)
