"""What a header may say: keys, values, limits, and what is refused."""

import pytest

from provisioning.header import ExecCheck, Header, HttpCheck, Limits, Parsed, TcpCheck, parse_script

DIALECTS = ["rexxjs-vm-", "kvm-infra-"]
FORMS = ["/* {} */", "# {}", "-- {}", "/*{}*/", "#{}", "--{}", "  # {}  ", "\t/*\t{}\t*/", "/*\n * {}\n */"]


def parsed(text: str, **more: object) -> Parsed:
    return parse_script(text.encode(), **more)  # type: ignore[arg-type]


def header(text: str) -> Header:
    result = parsed(text)
    assert result.problems == ()
    return result.header


def only_problem(text: str, **more: object) -> str:
    (problem,) = parsed(text, **more).problems
    return f"{problem.line}|{problem.key}|{problem.message}"


def test_the_origins_header_is_read() -> None:
    result = parsed(
        "#!/usr/bin/env rexx\n/* rexxjs-vm-base: ubuntu-jdk17-base */\n/* rexxjs-vm-memory: 4G */\n"
        "/* rexxjs-vm-cpus: 2 */\n/* rexxjs-vm-ingress-port: 8080 */\n"
        '/* rexxjs-vm-egress-ports: 3306, 6379, 5432 */\n/* rexxjs-vm-timeout: 180 */\n\nSAY "Hello"'
    )
    assert result.problems == ()
    assert result.metadata() == {
        "vmBase": "ubuntu-jdk17-base",
        "memory": "4G",
        "cpus": 2,
        "ingressPort": 8080,
        "ingressPorts": [8080],
        "egressPorts": [3306, 6379, 5432],
        "egress": "listed",
        "timeout": 180,
        "checks": [],
        "params": [],
    }


def test_what_a_script_leaves_open_is_null_or_empty() -> None:
    result = parsed('#!/usr/bin/env rexx\nSAY "No metadata here"')
    assert result.problems == ()
    assert result.header == Header()
    assert (result.header.timeout_s, result.header.egress_ports) == (120, None)
    metadata = result.metadata()
    assert metadata.pop("egress") == "unrestricted"
    assert not any(metadata.values())


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("prefix", DIALECTS)
def test_every_comment_form_carries_both_dialects(form: str, prefix: str) -> None:
    assert header(form.format(prefix + "base: demo") + "\ncode\n").base == "demo"


def test_kvm_infra_use_names_the_base() -> None:
    assert header("# kvm-infra-use: base-rhel-8-with-jdk17\n").base == "base-rhel-8-with-jdk17"


def test_several_comments_on_one_line_count() -> None:
    found = header("/* rexxjs-vm-memory: 1G */ /* rexxjs-vm-cpus: 3 */ -- rexxjs-vm-base: demo\n")
    assert (found.memory_mb, found.cpus, found.base) == (1024, 3, "demo")


@pytest.mark.parametrize("spaced", ["rexxjs-vm-cpus:2", "rexxjs-vm-cpus : 2", "rexxjs-vm-cpus\t:\t2  "])
def test_space_around_the_colon_is_free(spaced: str) -> None:
    assert header(f"# {spaced}\n").cpus == 2


@pytest.mark.parametrize(
    ("value", "megabytes"),
    [
        ("512M", 512),
        ("2G", 2048),
        ("2GiB", 2048),
        ("2gib", 2048),
        ("2g", 2048),
        ("768", 768),
        ("1T", 1 << 20),
    ],
)
def test_memory_is_read_as_qemu_does(value: str, megabytes: int) -> None:
    result = parsed(f"# kvm-infra-memory: {value}\n")
    assert result.header.memory_mb == megabytes
    assert result.metadata()["memory"] == value


def test_ports_and_the_words_for_egress() -> None:
    assert header("# kvm-infra-ingress-port: 8080, 443,22\n").ingress_ports == (8080, 443, 22)
    assert header("# kvm-infra-egress-ports: 443\n").egress_ports == (443,)
    closed = parsed("# kvm-infra-egress-ports: none\n")
    assert closed.header.egress_ports == ()
    assert (closed.metadata()["egressPorts"], closed.metadata()["egress"]) == ([], "none")


def test_a_base_may_name_its_revision() -> None:
    found = header("# kvm-infra-base: demo@3\n")
    assert (found.base, found.revision, found.base_reference) == ("demo", "3", "demo@3")


def test_checks_repeat_and_keep_their_order() -> None:
    found = header(
        "# kvm-infra-check: tcp:5432\n# kvm-infra-check: http:8080/health?x=1\n"
        "# rexxjs-vm-check: exec:test -f /srv/* && echo 'ü'\n# rexxjs-vm-check: tcp:5432\n"
    )
    assert found.checks == (
        TcpCheck(5432),
        HttpCheck(8080, "/health?x=1"),
        ExecCheck("test -f /srv/* && echo 'ü'"),
        TcpCheck(5432),
    )
    assert [str(check) for check in found.checks][:2] == ["tcp:5432", "http:8080/health?x=1"]


WRONG = {
    "base": ["Demo", "a_b", "-a", "a" * 64, "demo@", "demo@X", "demo@0", "a b", "démo", "demo */", "@1"],
    "memory": [
        "2 G",
        "0",
        "0G",
        "-1G",
        "1.5G",
        "2GB2",
        "two",
        "2_0M",
        "\uff12G",
        "2\u00a0G",
        "2K",
        "1e3",
        "0x10",
    ],
    "cpus": ["0", "-1", "+1", "1.0", "\u0662", "1_0", "two", "1 2", "9" * 30, "9" * 5000],
    "ingress-port": [
        "0",
        "65536",
        "80,80",
        "80,080",
        "80,",
        ",80",
        "80 443",
        "http",
        "none",
        "80;81",
        "8\u0660",
    ],
    "egress-ports": ["0", "65536", "80,80", "none,80", "80,none", "NONE", "None", "*"],
    "timeout": ["0", "86401", "-1", "2m", "1.5", "\u00b2"],
    "check": [
        "tcp",
        "tcp:0",
        "tcp:x",
        "udp:53",
        "http:80",
        "http:0/",
        "http:80/a b",
        "http:/x",
        "exec:",
        "TCP:80",
    ],
}


@pytest.mark.parametrize("prefix", DIALECTS)
@pytest.mark.parametrize(
    ("key", "value"), [(key, value) for key, values in WRONG.items() for value in values]
)
def test_a_wrong_value_is_refused_with_line_key_and_the_right_form(prefix: str, key: str, value: str) -> None:
    result = parsed(f"#!/bin/sh\n# plain\n# {prefix}{key}: {value}\nexit 0\n")
    (problem,) = result.problems
    assert (problem.line, problem.key) == (3, prefix + key)
    assert "write" in problem.message or "use" in problem.message or "given twice" in problem.message
    assert len(problem.message) < 300
    assert result.header == Header()


@pytest.mark.parametrize(
    ("key", "value"),
    [("timeout", "1"), ("timeout", "86400"), ("ingress-port", "1"), ("ingress-port", "65535")],
)
def test_the_ends_of_a_range_belong_to_it(key: str, value: str) -> None:
    header(f"# kvm-infra-{key}: {value}\n")


@pytest.mark.parametrize(
    ("spelled", "near"),
    [
        ("rexxjs-vm-memroy", "rexxjs-vm-memory"),
        ("rexxjs-vm-use", "rexxjs-vm-base"),
        ("kvm-infra-egress-port", "kvm-infra-egress-ports"),
        ("kvm-infra-ingress-ports", "kvm-infra-ingress-port"),
        ("REXXJS-VM-CPUS", "rexxjs-vm-cpus"),
        ("kvm-infra-", "kvm-infra-"),
        ("rexxjs-vm-cp\u00fcs", "rexxjs-vm-cpus"),
        ("rexxjs-vm-" + "x" * 5000, "rexxjs-vm-"),
    ],
)
def test_an_unknown_key_is_refused_with_the_nearest(spelled: str, near: str) -> None:
    line, key, message = only_problem(f"# {spelled}: 1\n").split("|")
    assert (line, key.isascii()) == ("1", True)
    assert f"`{near}" in message


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("rexxjs-vm-cpus", "rexxjs-vm-cpus"),
        ("rexxjs-vm-cpus", "kvm-infra-cpus"),
        ("kvm-infra-use", "kvm-infra-base"),
        ("kvm-infra-use", "rexxjs-vm-base"),
    ],
)
def test_a_key_given_twice_in_any_spelling_is_refused(first: str, second: str) -> None:
    assert only_problem(f"# {first}: 1\n\n# {second}: 1\n") == (
        f"3|{second}|given twice: line 1 has it already, as '{first}'; keep one"
    )


def test_limits_are_named_in_the_refusal() -> None:
    limits = Limits(memory_mb=2048, cpus=2, limited_by="team red")
    assert parsed("# kvm-infra-memory: 2G\n# kvm-infra-cpus: 2\n", limits=limits).problems == ()
    assert "the team red's limit of 2048M" in only_problem("# kvm-infra-memory: 2049M\n", limits=limits)
    assert "the team red's limit of 2 cpus" in only_problem("# kvm-infra-cpus: 3\n", limits=limits)


@pytest.mark.parametrize(
    "line", ["rexxjs-vm-cpus 2", "rexxjs-vm-cpus = 2", "rexxjs-vm-cpus", "kvm-infra-x=1"]
)
def test_a_key_without_its_colon_is_not_passed_over(line: str) -> None:
    assert only_problem(f"# {line}\n").startswith("1|")


def test_a_key_without_a_value_is_refused() -> None:
    assert "no value" in only_problem("/* rexxjs-vm-egress-ports: */\n")


@pytest.mark.parametrize("lead", ["\u00a0", "\u200b", "\u3000", "\ufeff", " \u2009 "])
def test_invisible_characters_before_a_key_are_refused(lead: str) -> None:
    assert "white space before the key" in only_problem(f"#{lead}rexxjs-vm-egress-ports: none\n")


def test_all_problems_come_at_once_with_their_lines() -> None:
    result = parsed(
        "# kvm-infra-cpus: many\n# kvm-infra-colour: red\n\n"
        "/* rexxjs-vm-memory: lots */ /* rexxjs-vm-cpus: 0 */\n"
        "# kvm-infra-base: demo\n# \0\n"
    )
    assert [problem.line for problem in result.problems] == [1, 2, 4, 4, 4, 6]
    assert result.header.base == "demo"
    assert result.problem_rows()[0] == {
        "line": 1,
        "key": "kvm-infra-cpus",
        "message": "'many' is not a number of cpus: write a whole number from 1 to 4096",
    }


def test_a_key_knows_its_line_and_spelling() -> None:
    result = parsed("#!/bin/sh\n# kvm-infra-use: demo\n# kvm-infra-memory: 1gib\n")
    assert (result.line_of("base"), result.line_of("memory"), result.line_of("cpus")) == (2, 3, None)
    assert result.spelled("memory") == "1gib"
