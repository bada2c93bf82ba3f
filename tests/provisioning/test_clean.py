"""Guest output is hostile text."""

import unicodedata

import pytest
from hypothesis import given, strategies as st

from cowweb.clean import CUT_MARK, LINE_CHARACTERS, Cleaner, cleaned

KEPT = [
    ("plain", "plain"),
    ("tab\there", "tab\there"),
    ("\x1b[31mred\x1b[0m", "\x1b[31mred\x1b[0m"),
    ("\x1b[38;5;196mred\x1b[m", "\x1b[38;5;196mred\x1b[m"),
    ("\x1b[8mhidden\x1b[0m", "hidden\x1b[0m"),
    ("\x1b[1;08;31mhidden", "\x1b[1;31mhidden"),
    ("\x1b[38;5;8;48;2;8;8;8;8mgrey", "\x1b[38;5;8;48;2;8;8;8mgrey"),
    ("\x1b[38;8m", "\x1b[38;8m"),
    ("\x1b[28;18;80m", "\x1b[28;18;80m"),
    ("10 %\r50 %\r100 %", "100 %"),
    ("windows\r", "windows"),
    ("grüße 你好 🐄", "grüße 你好 🐄"),
]
HOSTILE = [
    ("\x1b[2J\x1b[Hcleared", "cleared"),
    ("\x1b]0;title\x07text", "text"),
    ("\x1b]52;c;ZXZpbA==\x07text", "text"),
    ("\x1b]8;;javascript:alert(1)\x1b\\link\x1b]8;;\x1b\\", "link"),
    ("\x1bP+q544e\x1b\\text", "text"),
    ("\x1b[6ntext", "text"),
    ("\x1b[?1049htext", "text"),
    ("\x1bctext", "text"),
    ("\x9b2Jtext", "text"),
    ("a\x00b", "a\N{SYMBOL FOR NULL}b"),
    ("a\x07\x08b", "ab"),
    ("a\u2028b", "ab"),
    ("\u202eevil", "\N{REPLACEMENT CHARACTER}evil"),
    ("text\x1b", "text"),
    ("text\x1b[", "text"),
    ("\x1b]never ended", ""),
]


@pytest.mark.parametrize(("raw", "kept"), KEPT + HOSTILE)
def test_a_line_keeps_text_and_colours_only(raw, kept):
    assert cleaned(raw) == kept


@given(st.binary(max_size=400), st.lists(st.integers(1, 40), max_size=20))
def test_pieces_give_the_same_lines_as_the_whole(data, cuts):
    whole, pieces, found, at = Cleaner(), Cleaner(), [], 0
    for cut in cuts:
        found += pieces.lines(data[at : at + cut])
        at += cut
    found += pieces.lines(data[at:]) + pieces.rest()
    assert found == whole.lines(data) + whole.rest()


@given(st.text(max_size=300))
def test_nothing_but_colours_escapes(text):
    line = cleaned(text.replace("\n", ""))
    controls = [c for c in line if unicodedata.category(c) == "Cc" and c not in "\t\x1b"]
    assert not controls
    for part in line.split("\x1b")[1:]:
        assert part[0] == "[" and "m" in part


def test_a_line_of_100_mb_is_cut_and_costs_little_memory():
    cleaner = Cleaner()
    for _ in range(1600):
        assert cleaner.lines(b"x" * 65536) == []
        assert len(cleaner.partial) <= LINE_CHARACTERS * 2
    (line,) = cleaner.lines(b"\n")
    assert line == "x" * LINE_CHARACTERS + CUT_MARK


def test_a_character_split_between_reads_is_whole():
    cleaner = Cleaner()
    assert cleaner.lines("ü".encode()[:1]) == []
    assert cleaner.lines("ü".encode()[1:] + b"\n") == ["ü"]
