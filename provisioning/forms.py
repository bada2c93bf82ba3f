"""What the run pages take in."""

import shlex
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from django import forms

from audit.services import Actor
from cowweb.errors import DomainError
from cowweb.values import InvalidValue, memory_mb, port_list
from provisioning.library import version_named
from provisioning.models import Run, ScriptVersion
from provisioning.parameters import parameters_read
from provisioning.sending import MOST_CHARACTERS, Sent
from provisioning.services import Order, run_named, script_parsed

PARAM = "param."
SCRIPT_BYTES = 1024 * 1024
MACHINE_FIELDS = frozenset({"base", "memory", "cpus", "ports", "timeout", "channel", "name"})


class RunForm(forms.Form):
    script = forms.CharField(required=False, strip=False, widget=forms.Textarea)
    file = forms.FileField(required=False)
    version = forms.CharField(max_length=80, required=False)
    script_name = forms.CharField(max_length=200, required=False)
    name = forms.CharField(max_length=63, required=False)
    base = forms.CharField(max_length=100, required=False)
    memory = forms.CharField(max_length=20, required=False)
    cpus = forms.IntegerField(min_value=1, max_value=1024, required=False)
    ports = forms.CharField(max_length=200, required=False)
    timeout = forms.IntegerField(min_value=1, max_value=86_400, required=False)
    parameters = forms.CharField(max_length=16_384, required=False)
    keep_running = forms.BooleanField(required=False)
    after = forms.ChoiceField(choices=[("", ""), *Run.Afterwards.choices], required=False)
    channel = forms.ChoiceField(choices=[("", ""), *Run.Channel.choices], required=False)
    publish = forms.CharField(max_length=63, required=False)
    snapshot = forms.BooleanField(required=False)
    interactive = forms.BooleanField(required=False)

    def clean_memory(self) -> int | None:
        text: str = self.cleaned_data["memory"]
        try:
            return memory_mb(text) if text else None
        except InvalidValue as error:
            raise forms.ValidationError(str(error)) from None

    def clean_ports(self) -> tuple[int, ...] | None:
        text: str = self.cleaned_data["ports"]
        try:
            return () if text == "none" else port_list(text) if text else None
        except InvalidValue as error:
            raise forms.ValidationError(f"{error}; or `none` for no port") from None

    def clean_parameters(self) -> dict[str, str]:
        """The fields of declared parameters, and what else is written in one line."""
        try:
            return {**fields_of(self.data), **parameters_read(self.cleaned_data["parameters"])}
        except DomainError as error:
            raise forms.ValidationError(str(error)) from None

    def order(self, actor: Actor) -> Order:
        """The script as it was typed or uploaded."""
        data = self.cleaned_data
        upload = data["file"]
        text = upload.read(SCRIPT_BYTES + 1) if upload else typed(data["script"])
        given = data["script_name"] or (upload.name if upload else "")
        return Order(
            text=text,
            script_name=given or "pasted script",
            version=version_kept(data["version"], text, actor),
            name=data["name"],
            base=data["base"],
            memory_mb=data["memory"],
            cpus=data["cpus"],
            ports=data["ports"],
            timeout_s=data["timeout"],
            parameters=data["parameters"],
            keep_running=data["keep_running"],
            snapshot=data["snapshot"],
            afterwards=data["after"],
            channel=data["channel"],
            publish=data["publish"],
            interactive=data["interactive"],
        )


def typed(text: str) -> bytes:
    """A script as it stands in its field: a browser sends every line's end as CRLF, which makes it longer."""
    return text.replace("\r\n", "\n").encode(errors="replace")


def fields_of(data: Mapping[str, Any]) -> dict[str, str]:
    """What was written into the fields of declared parameters."""
    return {key.removeprefix(PARAM): str(data[key]) for key in data if key.startswith(PARAM) and data[key]}


class SendForm(forms.Form):
    """A line for a script that reads; `end` is the button that ends its input."""

    text = forms.CharField(required=False, strip=False, max_length=MOST_CHARACTERS)
    hidden = forms.BooleanField(required=False)
    end = forms.CharField(required=False)


def sent_of(form: SendForm) -> Sent:
    """What was sent; a text that is too long is refused here."""
    if not form.is_valid():
        raise DomainError(f"text: at most {MOST_CHARACTERS} characters at once", field="text")
    data = form.cleaned_data
    return Sent(data["text"].replace("\r\n", "\n"), shown=not data["hidden"], ends=bool(data["end"]))


class RetryForm(forms.Form):
    """From which phase, and with how much time; what is left out stays as it was."""

    phase = forms.CharField(required=False)
    timeout = forms.IntegerField(min_value=1, max_value=86_400, required=False)

    def wishes(self) -> dict[str, Any]:
        if not self.is_valid():
            raise DomainError("timeout: write seconds, 1 to 86400", field="timeout")
        secrets = fields_of(self.data)
        return {
            "phase": self.cleaned_data["phase"],
            "timeout_s": self.cleaned_data["timeout"],
            "secrets": secrets,
        }


class CancelForm(forms.Form):
    """Cancelling may change what becomes of the clone; without a choice it stays as it was asked."""

    after = forms.ChoiceField(choices=[("", ""), *Run.Afterwards.choices], required=False)

    def afterwards(self) -> str:
        return str(self.cleaned_data["after"]) if self.is_valid() else ""


def version_kept(reference: str, text: bytes, actor: Actor) -> ScriptVersion | None:
    """The version that the form was begun with, while its text is still that."""
    if not reference:
        return None
    with suppress(DomainError):
        version = version_named(reference, actor)
        if version.text.encode() == text.replace(b"\r\n", b"\n"):
            return version
    return None


def start_of(script: str, again: str, actor: Actor) -> dict[str, Any]:
    """What the form begins with: a script of the library, or everything of a run but its secrets."""
    if again:
        return start_again(run_named(int(again) if again.isdecimal() and again.isascii() else 0, actor))
    if not script:
        return {}
    version = version_named(script, actor)
    return {"script": version.text, "script_name": version.script.name, "version": str(version)}


def start_again(run: Run) -> dict[str, Any]:
    start = {key: spelled(key, values[1]) for key, values in run.overrides.items()}
    declared = script_parsed(run.script_text.encode(), name=run.script_name).header.params
    values = {one["name"]: one["value"] for one in run.parameters if one["value"] is not None}
    line = "" if declared else shlex.join(words_of(values))
    return {
        **start,
        **{f"{PARAM}{name}": value for name, value in values.items()},
        "parameters": line,
        "script": run.script_text,
        "script_name": run.script_name,
        "version": str(run.script_version or ""),
        "keep_running": run.afterwards == Run.Afterwards.KEEP,
        "channel": run.channel_asked,
        "publish": run.publish_as,
        "after": run.afterwards,
        "snapshot": run.snapshot,
        "interactive": run.interactive,
    }


def spelled(key: str, value: Any) -> str:
    """A wish as the form takes it."""
    if key == "ports":
        return ",".join(map(str, value)) or "none"
    return f"{value}M" if key == "memory" else str(value)


def words_of(values: Mapping[str, str]) -> list[str]:
    """Each value in one word, so that it reads back as it is."""
    return [f"{'--' if name[0].islower() else ''}{name}={value}" for name, value in values.items()]
