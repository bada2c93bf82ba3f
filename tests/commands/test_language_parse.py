"""The command language: what is understood, and what is refused with which words."""

import pytest

from commands.language import CommandError, parse_command
from commands.verbs import VERBS


def refusal(text: str) -> str:
    with pytest.raises(CommandError) as caught:
        parse_command(text)
    assert caught.value.code == "invalid"
    return str(caught.value)


def minimal(verb: str) -> str:
    keys = (*VERBS[verb].either[:1], *VERBS[verb].required)
    values = {key.name: key.words[0] if key.words else "1" if key.check else "x" for key in keys}
    return " ".join([verb, *(f"{name}={value}" for name, value in values.items())])


def test_the_origins_commands_are_understood() -> None:
    command = parse_command("clone base=test-alpine name=my-vm memory=2G cpus=2 no_start=true")
    assert command.verb == "clone"
    assert command.values == {
        "base": "test-alpine",
        "name": "my-vm",
        "memory": "2G",
        "cpus": "2",
        "no_start": "true",
    }
    assert parse_command("list_bases").values == {}
    provision = parse_command("provision script=/path/to/script.rexx keep_running=true snapshot=true")
    assert provision.is_set("keep_running") and provision.is_set("snapshot")


def test_register_base_keeps_further_keys_apart() -> None:
    command = parse_command(
        "register_base name=custom disk=/bases/custom.qcow2 rexxjs_installed=true custom_field='a b' x2=y"
    )
    assert command.values == {"name": "custom", "disk": "/bases/custom.qcow2", "rexxjs_installed": "true"}
    assert command.extra == {"custom_field": "a b", "x2": "y"}


CONTRACT_VERBS = """
register_base list_bases clone provision parse list status inspect start stop restart pause resume remove
start_if_stopped stop_if_running save_state restore_state snapshot restore execute copy_to copy_from logs
security_audit cancel send retry keep save_script list_scripts show_script remove_script
flatten promote rebase"""
ADDED_VERBS = """
set_egress forward share_port revoke_link list_revisions approve_base deprecate_base retire_base
alias_base rollback_base verify_base base_visibility list_findings decide_finding quota list_quotas
set_quota request_quota list_requests approve refuse withdraw_request extend lease list_bin undelete
purge list_idle share unshare transfer import_base cancel_import list_images list_runtimes
register_runtime remove_runtime install_runtime list_sessions end_session disable_user enable_user
password_link help list_templates build_template retire_template show_pool set_pool delete_snapshot reset
list_teams create_team remove_team set_member set_role invite list_copies cancel_copy"""


def test_the_verbs_are_those_of_the_contract() -> None:
    assert set(VERBS) == {*CONTRACT_VERBS.split(), *ADDED_VERBS.split()}


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_is_understood_with_what_it_requires(verb: str) -> None:
    assert parse_command(minimal(verb)).verb == verb


def test_every_key_of_the_contract_is_taken() -> None:
    for line in [
        "register_base name=a disk=b memory=2G cpus=2 rexxjs_installed=false os=debian description='a b'",
        "clone from=a name=b memory=512 cpus=1 no_start=false count=3 path=spare",
        "clone base=a@2 path=cold",
        "provision script=a name=b keep_running=true snapshot=true base=c memory=2GiB cpus=2",
        "snapshot name=a snapshot_name=b",
        "execute vm=a command='ls -l' timeout=30000",
        "copy_to vm=a local=/b remote=/c",
        "logs name=a lines=50",
        "security_audit lines=20",
    ]:
        parse_command(line)


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("'a b'", "a b"),
        ('"a b"', "a b"),
        ('"it\'s"', "it's"),
        ("'say \"hi\"'", 'say "hi"'),
        ("a=b=c", "a=b=c"),
        ("$(id);`id`|&>*\\n", "$(id);`id`|&>*\\n"),
        ("ls\\", "ls\\"),
        ("'ü ☃'", "ü ☃"),
        ("' a '", " a "),
    ],
)
def test_values_mean_themselves(line: str, value: str) -> None:
    assert parse_command(f"execute vm=x command={line}").values["command"] == value


def test_spaces_around_words_are_free() -> None:
    assert parse_command("  inspect   name=x  ").values == {"name": "x"}


@pytest.mark.parametrize(
    ("typed", "is_set"), [("no_start", True), ("no_start=true", True), ("no_start=false", False)]
)
def test_a_flag_may_stand_alone(typed: str, is_set: bool) -> None:
    assert parse_command(f"clone base=x {typed}").is_set("no_start") is is_set
    assert not parse_command("clone base=x").is_set("no_start")


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("clone", "clone requires base parameter"),
        ("clone name=no-base-clone", "clone requires base parameter"),
        ("register_base", "register_base requires name and disk parameters"),
        ("register_base name=x memory=2G", "register_base requires name and disk parameters"),
        ("register_base disk=/x", "register_base requires name and disk parameters"),
        ("provision", "provision requires script parameter"),
        ("inspect", "inspect requires name parameter"),
        ("snapshot name=x", "snapshot requires name and snapshot_name parameters"),
        ("execute vm=x", "execute requires vm and command parameters"),
        ("copy_to vm=x", "copy_to requires vm, local and remote parameters"),
    ],
)
def test_missing_parameters_are_named_in_the_known_sentences(line: str, sentence: str) -> None:
    assert refusal(line) == sentence


@pytest.mark.parametrize(
    ("line", "parts"),
    [
        ("", ["empty", "list_bases"]),
        ("   ", ["empty"]),
        ("clnoe base=x", ["unknown command 'clnoe'", "did you mean clone?"]),
        ("LIST", ["unknown command 'LIST'", "did you mean list?"]),
        ("zzzzzzz", ["unknown command 'zzzzzzz' (`help` lists them)"]),
        ("name=x", ["no verb", "verb key=value"]),
        ("'clone' base=x", ["no verb"]),
        ("clone bsae=x", ["unknown key 'bsae' for clone", "did you mean base?"]),
        ("clone Base=x", ["unknown key 'Base'", "did you mean base?"]),
        ("clone b\u0430se=x", ["unknown key", "known: base"]),
        ("clone base=x owner=root", ["unknown key 'owner'"]),
        ("list_bases all=true", ["unknown key 'all'", "takes no keys"]),
        ("register_base name=x disk=y Bad-Key=1", ["unknown key 'Bad-Key'", "a-z"]),
        ("clone base=x base=y", ["base= is given twice"]),
        ("clone base=x no_start no_start=true", ["no_start= is given twice"]),
        ("register_base name=x disk=y z=1 z=2", ["z= is given twice"]),
        ("clone base=", ["base= has no value", "base=NAME"]),
        ("clone base=''", ["base= has no value"]),
        ('clone base="  "', ["base= has no value"]),
        ("register_base name=x disk=y z=", ["z= has no value"]),
        ("clone base", ["base has no value", "base=NAME"]),
        ("clone base = x", ["base has no value"]),
        ("clone base=x now", ["stray word 'now'", "no_start"]),
        ("clone =x", ["stray word"]),
        ("list_bases now", ["stray word 'now'"]),
        ("clone base=x keep_running", ["stray word 'keep_running'"]),
        ("execute vm=x command=ls -l", ["stray word '-l'", "quotes"]),
        ("clone base='x", ["unclosed quote at column 7"]),
        ('clone base="x', ["unclosed quote"]),
        ("clone base='", ["unclosed quote"]),
        ("clone base='x'y", ["right after the closing quote", "space"]),
        ("clone base='x'name=y", ["right after the closing quote"]),
        ("clone base=x'y'", ["quote inside the value", "whole value"]),
        ("clone 'base=x'", ["a quote without a key"]),
        ("clone base=x from=y", ["base= and from= exclude each other"]),
        ("clone base=x no_start=yes", ["no_start=yes", "true or false"]),
        ("clone base=x path=warm", ["path=warm", "cold, memory or spare"]),
        ("clone base=x memory=lots", ["memory=lots", "512M"]),
        ("clone base=x cpus=\u0662", ["cpus=", "whole number"]),
        ("clone base=x count=0", ["count=0", "from 1"]),
        ("clone base=x name=My_VM", ["name=My_VM", "a-z, 0-9"]),
        ("execute vm=x command=y timeout=1.5", ["timeout=1.5"]),
        ("logs name=x lines=-1", ["lines=-1"]),
    ],
)
def test_a_refusal_says_what_is_wrong_and_what_is_right(line: str, parts: list[str]) -> None:
    message = refusal(line)
    assert all(part in message for part in parts), message


@pytest.mark.parametrize(
    "character",
    list("\t\v\f\0\x1b\x1c\x7f\x85\u00a0\u1680\u2003\u200b\u2028\u2029\u202e\u202f\u3000\ufeff\ud800"),
)
@pytest.mark.parametrize("line", ["clone{}base=x", "clone base='a{}b'", "{}clone base=x", "clone base=x{}"])
def test_control_and_exotic_white_space_is_refused_everywhere(line: str, character: str) -> None:
    assert f"U+{ord(character):04X}" in refusal(line.format(character))


@pytest.mark.parametrize("line", ["list\nlist", "list\r\nlist", "list\n", "list\rlist", "clone base='a\nb'"])
def test_a_second_line_is_refused(line: str) -> None:
    assert "one line" in refusal(line)


def test_a_line_may_have_4_kib_and_no_more() -> None:
    start = "execute vm=x command="
    parse_command(start + "a" * (4096 - len(start)))
    assert "4 KiB" in refusal(start + "a" * (4097 - len(start)))
    assert "4 KiB" in refusal(start + "ü" * 2048)
    assert "4 KiB" in refusal("a" * 10_000_000)


@pytest.mark.parametrize("line", ["clone base=No_Such@Thing", "inspect name=X_1", "execute vm=? command=ls"])
def test_names_of_what_should_exist_are_left_to_the_look_up(line: str) -> None:
    parse_command(line)


def test_an_error_names_its_key_and_verb() -> None:
    with pytest.raises(CommandError) as caught:
        parse_command("clone base=x memory=lots")
    assert (caught.value.field, caught.value.verb) == ("memory", "clone")
