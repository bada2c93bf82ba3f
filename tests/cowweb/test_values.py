"""Names, memory, cpus and ports: the same rules at every door."""

import pytest

from cowweb.values import (
    NAME,
    InvalidValue,
    base_reference,
    generated_name,
    machine_name,
    memory_mb,
    port_list,
    whole_number,
)


@pytest.mark.parametrize("name", ["a", "web", "web-1", "0", "a" * 63])
def test_labels_are_names(name):
    assert machine_name(name) == name


@pytest.mark.parametrize("name", ["", "-a", "a-", "A", "a_b", "a.b", "a b", "é", "a" * 64, "a\n", "１"])
def test_other_text_is_no_name(name):
    with pytest.raises(InvalidValue):
        machine_name(name)


@pytest.mark.parametrize(
    ("text", "mb"),
    [("512M", 512), ("2G", 2048), ("2GiB", 2048), ("2gb", 2048), ("300", 300), ("1t", 1048576)],
)
def test_memory_is_read_in_mebibytes(text, mb):
    assert memory_mb(text) == mb


@pytest.mark.parametrize(
    "text", ["", "0", "-1", "1.5G", "2 G", "２G", "1_000", "G", "2K", "1e3", "9999999999"]
)
def test_other_text_is_no_memory(text):
    with pytest.raises(InvalidValue):
        memory_mb(text)


@pytest.mark.parametrize("text", ["0", "65536", "٣", "1_0", " 1", "+1", ""])
def test_other_text_is_no_port(text):
    with pytest.raises(InvalidValue):
        whole_number(text, least=1, most=65535, what="a TCP port")


def test_ports_are_a_list_without_repeats():
    assert port_list("80, 443") == (80, 443)
    with pytest.raises(InvalidValue, match="80 is given twice"):
        port_list("80,80")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x", "'x' is not a TCP port: write a whole number from 1 to 65535"),
        ("0,80,70000,ssh", "'0', '70000' and 'ssh' are not TCP ports: write whole numbers from 1 to 65535"),
        ("80,,80", "'' is not a TCP port: write a whole number from 1 to 65535; port 80 is given twice"),
        ("80,443,443,80,80", "port 443 and port 80 are given twice"),
        (",".join("abcdefghijkl"), "'g', 'h' and 4 more are not TCP ports"),
    ],
)
def test_every_wrong_port_of_a_list_is_named_at_once(text, said):
    with pytest.raises(InvalidValue) as refused:
        port_list(text)
    assert said in str(refused.value)


def test_generated_names_are_names():
    assert NAME.fullmatch(generated_name())


def test_a_long_list_of_ports_is_read_in_one_pass():
    assert len(port_list(",".join(map(str, range(1, 65536))))) == 65535


@pytest.mark.parametrize(
    ("text", "named"),
    [("demo", ("demo", None)), ("demo@12", ("demo", "12")), ("demo@next", ("demo", "next"))],
)
def test_a_base_is_named_with_or_without_revision(text, named):
    assert base_reference(text) == named


@pytest.mark.parametrize("text", ["", "@1", "demo@", "demo@Latest", "demo@-x", "demo@1@2", "Demo", "demo @1"])
def test_other_text_names_no_base(text):
    with pytest.raises(InvalidValue):
        base_reference(text)
