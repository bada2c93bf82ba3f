"""The verbs about the library of scripts."""

from commands.language import Command
from commands.run_verbs import SCRIPT_BYTES
from commands.service import Caller, Result
from cowweb.errors import DomainError
from cowweb.wording import counted
from provisioning.library import Draft, script_named, script_remove, script_save, version_named
from provisioning.models import Script, ScriptVersion


def save_script(command: Command, caller: Caller) -> Result:
    values = command.values
    with caller.taken_file(values["file"], key="file").open("rb") as file:
        data = file.read(SCRIPT_BYTES + 1)
    before = Script.objects.filter(name=values["name"]).values_list("current__number", flat=True).first()
    draft = Draft(
        values["name"], decoded(data), values.get("description"), values.get("note", ""), values.get("team")
    )
    version = script_save(draft, actor=caller.actor)
    is_new = version.number != before
    words = "is kept" if is_new else "is kept already"
    return {"output": f"{version} {words}", **facts(version, draft.name), "isNew": is_new}


def decoded(data: bytes) -> str:
    """The file as text; what is no UTF-8 becomes what the header's parser refuses."""
    if len(data) > SCRIPT_BYTES:
        raise DomainError(f"file: a script may have {SCRIPT_BYTES} bytes (1 MiB)", field="file")
    return data.decode(errors="surrogateescape")


def list_scripts(_command: Command, caller: Caller) -> Result:
    scripts = [
        {
            **facts(script.current, script.name),
            "description": script.description,
            "owner": owner_of(script),
            "team": script.team.name if script.team else None,
        }
        for script in Script.objects.visible_to(caller.actor.user).for_list()
        if script.current
    ]
    return {"output": counted(len(scripts), "script"), "count": len(scripts), "scripts": scripts}


def show_script(command: Command, caller: Caller) -> Result:
    version = version_named(command.values["name"], caller.actor)
    lines = version.text.count("\n")
    return {
        "output": f"{version}, {lines} lines",
        **facts(version, version.script.name),
        "text": version.text,
    }


def remove_script(command: Command, caller: Caller) -> Result:
    script = script_named(command.values["name"], caller.actor)
    script_remove(script=script, actor=caller.actor)
    return {"output": f"{script.name} is no longer in the library", "name": script.name}


def facts(version: ScriptVersion, name: str) -> Result:
    return {
        "name": name,
        "version": version.number,
        "sha256": version.sha256,
        "saved": version.saved_at.isoformat(timespec="seconds"),
    }


def owner_of(script: Script) -> str | None:
    return script.owner.get_username() if script.owner else None
