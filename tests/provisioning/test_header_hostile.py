"""Whatever bytes come: no exception, no surprise, and time in proportion."""

import time

import pytest
from hypothesis import given, strategies as st

from provisioning.header import parse_script

MIB = 1 << 20
PIECES = [
    *(
        "/*",
        "*/",
        "#",
        "--",
        "#!",
        "\n",
        "\r\n",
        "\r",
        " ",
        "\t",
        "*",
        ":",
        ",",
        "=",
        "@",
        "\0",
        "\u2028",
        "\ufeff",
    ),
    *(
        "rexxjs-vm-",
        "kvm-infra-",
        "rexxjs-vm-base: demo",
        "kvm-infra-cpus: 2",
        "kvm-infra-memory: 1G",
        "none",
    ),
    *(
        "rexxjs-vm-egress-ports:",
        "kvm-infra-check: exec:",
        "tcp:80",
        "code",
        "'",
        '"',
        "\U0001f600",
        "9" * 40,
    ),
]
scripts = st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=3)), max_size=25).map("".join)
words = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=30)
port_lists = st.lists(st.integers(1, 65535), min_size=1, max_size=8, unique=True)


@given(st.binary(max_size=300))
def test_no_bytes_raise(data: bytes) -> None:
    parse_script(data)


@given(scripts)
def test_no_script_raises_and_its_text_parses_the_same_again(script: str) -> None:
    first = parse_script(script.encode())
    assert all(1 <= problem.line <= script.count("\n") + 1 for problem in first.problems)
    if not first.problems and "\ufeff" not in script:
        again = parse_script(first.text.encode())
        assert (again.header, again.problems, again.text) == (first.header, (), first.text)


@given(scripts, scripts)
def test_nothing_after_the_first_code_line_changes_the_header(header: str, tail: str) -> None:
    start = header.replace("/*", "").replace("\r", "") + "\ncode\n"
    assert parse_script((start + tail).encode()).header == parse_script(start.encode()).header


@given(
    base=st.from_regex(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", fullmatch=True),
    revision=st.none() | st.integers(1, 999),
    memory=st.integers(1, 10**6),
    cpus=st.integers(1, 4096),
    ingress=port_lists,
    egress=st.just([]) | port_lists,
    timeout=st.integers(1, 86400),
    note=words,
    crlf=st.booleans(),
    prefix=st.sampled_from(["rexxjs-vm-", "kvm-infra-"]),
)
def test_what_is_written_is_what_is_read(
    base, revision, memory, cpus, ingress, egress, timeout, note, crlf, prefix
) -> None:
    reference = f"{base}@{revision}" if revision else base
    lines = [
        f"# {prefix}base: {reference}",
        f"/* {prefix}memory: {memory}M */ /* {prefix}cpus: {cpus} */",
        "# note " + note,
        f"-- {prefix}ingress-port: {', '.join(map(str, ingress))}",
        f"# {prefix}egress-ports: {','.join(map(str, egress)) or 'none'}",
        f"# {prefix}timeout: {timeout}",
        "code",
    ]
    result = parse_script(("\r\n" if crlf else "\n").join(lines).encode())
    found = result.header
    assert result.problems == ()
    assert (found.base_reference, found.memory_mb, found.cpus) == (reference, memory, cpus)
    assert (found.ingress_ports, found.egress_ports) == (tuple(ingress), tuple(egress))
    assert (found.timeout_s, found.timeout_given) == (timeout, True)
    assert result.text == "\n".join(lines)


def repeated(piece: str, size: int = MIB) -> bytes:
    return (piece.encode() * (size // len(piece.encode())))[:size]


HOSTILE = {
    "openings": repeated("/* "),
    "nested and closed": repeated("/* ", MIB // 2) + repeated("*/ ", MIB // 2),
    "uneven": repeated("/* /* */ "),
    "overlapping": repeated("/*/"),
    "empty comments": repeated("/**/"),
    "stars": b"/" + repeated("*", MIB - 1),
    "spaces": b"# " + repeated(" ", MIB - 2),
    "spaces in a key": b"# rexxjs-vm-base" + repeated(" ", 15_000) + b"x\n",
    "a long key": b"# rexxjs-vm-" + repeated("a", 16_000) + b":\n",
    "unknown keys": b"".join(b"/*kvm-infra-%d:*/" % number for number in range(60_000)),
    "known keys": repeated("/*kvm-infra-cpus:1*/"),
    "checks": repeated("/*kvm-infra-check:tcp:1*/"),
    "ports": b"# kvm-infra-ingress-port: " + b",".join(b"%d" % port for port in range(1, 3300)) + b"\n",
    "commas": b"# kvm-infra-ingress-port: " + repeated(",", 16_000) + b"\n",
    "digits": b"# kvm-infra-cpus: " + repeated("9", 16_000) + b"\n",
    "blank lines": repeated("\n"),
    "carriage returns": repeated("\r"),
    "posers": repeated("\v\f\x85\u2028"),
    "not text": b"\xff" * MIB,
    "10 MB": repeated("/* kvm-infra-cpus: 1\n", 10 * MIB),
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_text_is_answered_well_below_a_second(data: bytes) -> None:
    began = time.process_time()
    parse_script(data)
    assert time.process_time() - began < 0.8
