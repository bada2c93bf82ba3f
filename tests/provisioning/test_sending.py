"""Standard input for a script that runs: it arrives in order, is told in the log, and is kept nowhere else."""

import pytest

from audit.models import AuditEntry
from commands.dispatch import run_command
from commands.service import Caller
from cowweb.errors import ConflictError, DomainError, ForbiddenError
from hosts.drivers.errors import TimedOut
from people.models import Membership, Team
from provisioning.engine import run_carried_out
from provisioning.models import OutputChunk, Run, RunInput
from provisioning.output import Recorder, stream_text
from provisioning.sending import Sent, run_send

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]
CANARY = "pa55-w0rd"
ASKS = ('printf "name?\\n"; read name; printf "word?\\n"; read word', 'echo "$name ${#word}"; cat; echo end')


@pytest.fixture
def answered(monkeypatch):
    """Calls what is to be done once the script has printed a question."""

    def answer(questions):
        take = Recorder.take

        def taken(recorder, stream, data):
            take(recorder, stream, data)
            for question in [one for one in questions if one.encode() in data]:
                questions.pop(question)()

        monkeypatch.setattr(Recorder, "take", taken)

    return answer


def log(run):
    return [tuple(line[::2]) for chunk in OutputChunk.objects.filter(run=run) for line in chunk.lines()]


def test_what_is_sent_is_read_in_order_and_told_in_the_log(on_shell, actor, answered):
    run, _ = on_shell(*ASKS, interactive=True)
    line = f"send run={run.pk} text={CANARY} hidden=true"
    answered(
        {
            "name?": lambda: run_send(run=run, sent=Sent("Größe 7"), actor=actor),
            "word?": lambda: (
                run_command(line, Caller(actor)),
                run_send(run=run, sent=Sent("rest\nof it", ends=True), actor=actor),
            ),
        }
    )
    run_carried_out(run.pk)
    run.refresh_from_db()
    assert run.status == Run.Status.SUCCEEDED, run.failure
    said = [("stdout", "Größe 7 9"), ("stdout", "rest"), ("stdout", "of it"), ("stdout", "end")]
    assert [one for one in log(run) if one[0] == "stdout"][2:] == said
    typed = [("stdin", text) for text in ("Größe 7", "•••", "rest", "of it")]
    assert [one for one in log(run) if one[0] == "stdin"] == typed
    assert stream_text(run.pk, "stdout").count("rest") == 1
    assert not RunInput.objects.exists()
    record = repr(list(AuditEntry.objects.values()))
    assert "'send'" in record and CANARY not in record and "Größe" not in record


def test_a_script_that_waits_for_a_line_too_long_is_ended(on_shell):
    run, _ = on_shell("echo ready?; read never; echo never", interactive=True, timeout_s=2)
    with pytest.raises(TimedOut):
        run_carried_out(run.pk)
    run.refresh_from_db()
    assert run.status == Run.Status.TIMED_OUT
    assert "never" not in stream_text(run.pk, "stdout")


def test_a_run_that_did_not_ask_reads_nothing_and_takes_nothing(on_shell, actor, answered):
    run, _ = on_shell("echo ready?; read line; echo \"read '$line'\"")
    refused = []

    def try_it():
        with pytest.raises(ConflictError, match="interactive=true") as caught:
            run_send(run=run, sent=Sent("x"), actor=actor)
        refused.append(caught)

    answered({"ready?": try_it})
    run_carried_out(run.pk)
    assert refused
    assert stream_text(run.pk, "stdout") == "ready?\nread ''\n"


@pytest.mark.parametrize(
    ("sent", "words"),
    [(Sent(""), "write a line"), (Sent("a\0b"), "no NUL"), (Sent("x" * 65_537), "65536 characters")],
)
def test_what_is_no_line_is_refused_by_its_name(ordered, actor, sent, words):
    with pytest.raises(DomainError, match=words):
        run_send(run=ordered("true", interactive=True), sent=sent, actor=actor)


def test_before_and_after_its_script_a_run_takes_nothing(ordered, actor):
    with pytest.raises(ConflictError, match="its script does not run"):
        run_send(run=ordered("true", interactive=True), sent=Sent("x"), actor=actor)


def test_who_may_only_look_sends_nothing(ordered, actor, member_actor):
    run = ordered("true", interactive=True)
    team = Team.objects.create(name="ops")
    Membership.objects.create(team=team, user=member_actor.user, role=Membership.Role.VIEWER)
    run.clone.team = team
    run.clone.save()
    with pytest.raises(ForbiddenError):
        run_send(run=run, sent=Sent("x"), actor=member_actor)


def test_a_channel_that_carries_no_input_is_refused_at_the_door(ordered):
    with pytest.raises(DomainError, match="channel=qga carries no input"):
        ordered("true", interactive=True, channel="qga")


def test_the_box_is_there_while_the_script_reads_and_says_why_else(ordered, client, admin):
    client.force_login(admin)
    run = ordered("true", interactive=True)
    page = f"/runs/{run.pk}/"
    assert "as soon as it runs" in client.get(page).content.decode()
    Run.objects.filter(pk=run.pk).update(status="running")
    run.phases.filter(name="script").update(state="running")
    assert f'action="{page}send/"' in client.get(page).content.decode()
    assert client.post(f"{page}send/", {"text": " a "}).status_code == 302
    answer = client.post(f"{page}send/", {"text": ""})
    assert "write a line" in answer.content.decode()
    assert (
        "End the input"
        in client.post(f"{page}send/", {"text": "x"}, headers={"HX-Request": "true"}).content.decode()
    )
    assert [row.sent_by for row in RunInput.objects.all()] == ["admin", "admin"]
