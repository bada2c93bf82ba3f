"""Where a header may stand, and files that are refused whatever they say."""

import pytest

from provisioning.header import Parsed, parse_script

KEY = "# kvm-infra-base: demo"
MIB = 1 << 20


def parsed(text: str) -> Parsed:
    return parse_script(text.encode())


def messages(data: bytes) -> list[tuple[int, str]]:
    return [(problem.line, problem.message) for problem in parse_script(data).problems]


@pytest.mark.parametrize(
    "before",
    [
        "#!/bin/sh\n",
        "\n\n  \n\t\n",
        "# words\n",
        "/* words */\n",
        "/* one\n two # -- \n three */\n",
        "/* a /* inner */ b */\n",
        "/**/\n",
        "/*/ odd */\n",
        "-- words\n--\n#\n",
        "/****\n * box\n ****/\n",
        "# heading /* not a comment\n",
        "-- */\n",
        "#!/bin/sh\n\n# rexxjs-vm images are described elsewhere\n# see rexxjs-vm-base: in the manual\n",
        "/* files in /etc/* */\n",
    ],
)
def test_comments_and_blank_lines_do_not_end_the_header(before: str) -> None:
    result = parsed(before + KEY + "\nexit 0\n")
    assert (result.header.base, result.problems) == ("demo", ())
    assert result.line_of("base") == before.count("\n") + 1


@pytest.mark.parametrize(
    "before",
    [
        "exit 0\n",
        "cat <<EOF\n",
        'x = "\n',
        "'''\n",
        "/* words */ say hi\n",
        "say hi /* words */\n",
        "/* words */ ",
        "// words\n",
        "; words\n",
        "\u00a0\n",
        "x\n#!/bin/sh\n",
        "*/\n",
        "- -\n",
    ],
)
def test_nothing_after_the_first_code_counts(before: str) -> None:
    result = parsed(before + KEY + "\n# kvm-infra-wrong: 1\n/* never closed")
    assert (result.header.base, result.problems, result.keys) == (None, (), ())


@pytest.mark.parametrize("off", ["# # kvm-infra-base: x", "## kvm-infra-base: x", "-- -- rexxjs-vm-base: x"])
def test_a_key_that_is_commented_out_does_not_count(off: str) -> None:
    result = parsed(off + "\n" + KEY + "\n")
    assert (result.header.base, result.problems) == ("demo", ())


def test_a_key_among_words_does_not_count() -> None:
    assert parsed("# write kvm-infra-base: demo to use it\n").header.base is None


def test_only_the_first_fifty_lines_count() -> None:
    assert parsed("\n" * 49 + KEY).header.base == "demo"
    assert parsed("\n" * 50 + KEY).header.base is None
    assert parsed("/*" + "\n" * 49 + "rexxjs-vm-base: demo\n*/").header.base == "demo"
    assert parsed("/*" + "\n" * 50 + "rexxjs-vm-base: demo\n*/").header.base is None


@pytest.mark.parametrize("fill", ["x", "\u00fc", "\U0001f600"])
def test_only_the_first_16_kib_count_and_no_value_is_cut(fill: str) -> None:
    room = 16 * 1024 - len(KEY) - 3
    filling = "#" + fill * (room // len(fill.encode()))
    filling += "y" * (room + 1 - len(filling.encode())) + "\n"
    assert parsed(filling + KEY + "\n").header.base == "demo"
    assert parsed(filling + "#\n" + KEY + "\n").header.base is None
    assert parsed(filling + KEY + "beyond\n").header.base is None


def test_code_after_the_header_may_be_long_and_on_one_line() -> None:
    assert parsed("/* rexxjs-vm-base: demo */ say '" + "x" * 100_000 + "'").header.base == "demo"


def test_a_long_licence_is_no_unclosed_comment() -> None:
    result = parsed(KEY + "\n/*" + "words\n" * 10_000 + "*/\nexit\n")
    assert (result.header.base, result.problems) == ("demo", ())


def test_bom_and_crlf_are_accepted_and_removed() -> None:
    result = parse_script(b"\xef\xbb\xbf#!/bin/sh\r\n# kvm-infra-base: demo\r\n\r\necho hi\r\n")
    assert (result.header.base, result.problems) == ("demo", ())
    assert result.text == "#!/bin/sh\n# kvm-infra-base: demo\n\necho hi\n"
    assert result.interpreter.argv == ("/bin/sh",)


@pytest.mark.parametrize("data", [b"", b"\xef\xbb\xbf", b" \n\t\r\n"])
def test_an_empty_file_is_refused(data: bytes) -> None:
    assert messages(data) == [(1, "the file is empty: a script has at least one line")]


def test_a_file_over_1_mib_is_refused() -> None:
    assert messages(b"#" * MIB) == []
    ((line, message),) = messages(b"#" * (MIB + 1))
    assert (line, "1 MiB" in message) == (1, True)
    assert str(MIB + 1) not in message  # whoever reads a file stops after one byte too many
    assert parse_script(b"#" * (MIB + 1)).text == ""


@pytest.mark.parametrize("bad", [b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf5\x80\x80\x80", b"\xe2\x82"])
def test_text_that_is_not_utf8_is_refused_by_line_with_the_other_problems(bad: bytes) -> None:
    found = messages(b"# kvm-infra-cpus: x\nok\n" + bad + b"\n")
    assert [line for line, _ in found] == [1, 3]
    assert "not UTF-8" in found[1][1]


@pytest.mark.parametrize("text", ["a\n", "a # kvm\n"])
def test_utf16_is_refused(text: str) -> None:
    assert messages(text.encode("utf-16"))
    assert messages(text.encode("utf-16-le"))


@pytest.mark.parametrize("poser", "\0\v\f\r\x1c\x1d\x1e\x85\u2028\u2029")
@pytest.mark.parametrize("place", ["# words{}# kvm-infra-base: demo\n", "# words\nexit 0\n\n# late{}{}\n"])
def test_characters_that_pose_as_line_ends_are_refused_wherever_they_stand(poser: str, place: str) -> None:
    text = place.format(poser, poser)
    ((line, message),) = messages(text.encode())
    assert line == text[: text.index(poser)].count("\n") + 1
    assert "remove it" in message or "end lines with LF or CRLF" in message
    assert parsed(text).header.base is None


def test_a_lone_carriage_return_among_crlf_is_refused() -> None:
    assert [line for line, _ in messages(b"# a\r\n# b\r\r\n")] == [2]


@pytest.mark.parametrize(
    "text",
    ["#!/bin/sh\n/* kvm-infra-cpus: 2", "\n/* a\nb\n", "\n/*/", "\n/* a *", "\n/*\n * rexxjs-vm-cpus: 2\n"],
)
def test_an_unclosed_comment_is_refused_where_it_begins(text: str) -> None:
    ((line, message),) = messages(text.encode())
    assert line == 2
    assert "never closed" in message


def test_below_an_unclosed_comment_the_other_problems_are_still_told() -> None:
    assert [line for line, _ in messages(b"/* kvm-infra-cpus: x\n# kvm-infra-memory: y\n")] == [1, 1, 2]


@pytest.mark.parametrize(
    "text",
    [
        "/* a\n/* b */\nrexxjs-vm-base: x\n*/\n",
        "/* rexxjs-vm-check: exec:ls /srv/* */\n",
        "/* /* rexxjs-vm-base: x */ */\n",
        "/* see /srv/* */\n/* rexxjs-vm-base: x */\ncp */ y\n",
    ],
)
def test_a_key_where_readers_disagree_about_the_comments_end_is_refused(text: str) -> None:
    result = parsed(text)
    assert "`/*` inside" in result.problems[0].message
    assert (result.header.base, result.header.checks) == (None, ())
