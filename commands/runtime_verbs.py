"""The verbs about the registry of runtimes."""

from commands.language import Command
from commands.run_verbs import followed
from commands.service import Caller, Result
from provisioning.known_runtimes import known_runtimes
from provisioning.models import Runtime
from provisioning.registry import Wish, runtime_install, runtime_named, runtime_register, runtime_remove

TEXTS = ("language", "description", "look", "from_stdin", "from_file", "entry", "sha256")


def list_runtimes(_command: Command, _caller: Caller) -> Result:
    runtimes = [facts(runtime) for runtime in known_runtimes()]
    words = f"{len(runtimes)} runtimes"
    return {"output": words, "count": len(runtimes), "runtimes": runtimes}


def register_runtime(command: Command, caller: Caller) -> Result:
    values = command.values
    file = caller.taken_file(values["file"], key="file") if "file" in values else None
    texts = {key: values[key] for key in TEXTS if key in values}
    wish = Wish(name=values["name"], file=file, **texts)
    runtime = runtime_register(wish, actor=caller.actor)
    brings = f", and brought as sha256 {runtime.digest[:12]}" if runtime.digest else ""
    return {"output": f"{runtime.name} is registered{brings}", **facts(runtime)}


def remove_runtime(command: Command, caller: Caller) -> Result:
    runtime = runtime_named(command.values["name"])
    runtime_remove(runtime=runtime, actor=caller.actor)
    return {"output": f"{runtime.name} is no longer in the registry", "name": runtime.name}


def install_runtime(command: Command, caller: Caller) -> Result:
    runtime, base = runtime_named(command.values["name"]), command.values["base"]
    return followed(runtime_install(runtime=runtime, base=base, actor=caller.actor), caller)


def facts(runtime: Runtime) -> Result:
    return {
        "name": runtime.name,
        "language": runtime.language,
        "description": runtime.description,
        "look": runtime.look,
        "fromStdin": runtime.from_stdin or None,
        "fromFile": runtime.from_file,
        "file": runtime.file_name or None,
        "sha256": runtime.digest or None,
        "bases": sorted(
            str(found.revision) for found in runtime.found.exclude(path="").select_related("revision__base")
        ),
    }
