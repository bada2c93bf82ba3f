"""The verb that tells of the others."""

from commands.keys import Key, Verb
from commands.language import Command
from commands.service import Caller, Result
from commands.verbs import VERBS
from cowweb.errors import NotFoundError


def help_verb(command: Command, _caller: Caller) -> Result:
    """All verbs in a line each, or one with its keys."""
    name = command.values.get("verb")
    if name is None:
        width = max(map(len, VERBS))
        lines = [f"{verb.name:<{width}}  {verb.summary}\n" for verb in VERBS.values()]
        words = f"{len(VERBS)} verbs; help verb=clone tells the keys of one"
        return {"output": words, "stdout": "".join(lines), "verbs": sorted(VERBS)}
    verb = VERBS.get(name)
    if verb is None:
        raise NotFoundError(f"There is no verb {name}; help lists them", field="verb")
    return {"output": f"{verb.name}: {verb.summary}", "stdout": "".join(keys_told(verb)), "verb": verb.name}


def keys_told(verb: Verb) -> list[str]:
    """A line for each key, those that must be given first."""
    one_of = " or ".join(key.name for key in verb.either)
    told = [(key, one_of) for key in verb.either]
    told += [(key, "needed") for key in verb.required]
    told += [(key, "") for key in verb.optional]
    width = max((len(written(key)) for key, _ in told), default=0)
    return [f"{written(key):<{width}}  {note}".rstrip() + "\n" for key, note in told]


def written(key: Key) -> str:
    return f"{key.name}={key.form}"
