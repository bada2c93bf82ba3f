"""What never gets into the record: the values of keys that hold secrets.

Example::

    hidden({"name": "web", "api_token": "cow_…"})     # {"name": "web", "api_token": "…"}
"""

from collections.abc import Mapping
from typing import Any

HIDDEN = "…"
# a key with one of these words in it holds a secret; "parameters" are a script's, sealed with its run
SECRET_WORDS = (
    *("password", "passphrase", "passwd", "secret", "token", "credential", "authorization", "cookie"),
    *("private_key", "api_key", "otp", "parameters"),
)
TEXT_CHARACTERS = 500


def is_secret(key: str) -> bool:
    return any(word in key.lower().replace("-", "_") for word in SECRET_WORDS)


def hidden(params: Mapping[str, Any]) -> dict[str, Any]:
    """The same with secrets left out, however deep. Names alone, as a list of parameters', are none."""
    return {
        key: concealed(value) if is_secret(key) and not isinstance(value, bool | None) else inner(value)
        for key, value in params.items()
    }


def inner(value: Any) -> Any:
    if isinstance(value, Mapping):
        return hidden(value)
    return [inner(each) for each in value] if isinstance(value, list) else value


def concealed(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict.fromkeys(value, HIDDEN)
    return value if isinstance(value, list | tuple) or value == "" else HIDDEN


def cut(value: Any, most: int = TEXT_CHARACTERS) -> Any:
    """Long texts are cut: a script's is kept with its run, not here."""
    if isinstance(value, str) and len(value) > most:
        return value[:most] + "…"
    return value


def shortened(params: Mapping[str, Any]) -> dict[str, Any]:
    """What is worth recording of parameters: given ones, cut and without secrets."""
    given = {key: value for key, value in hidden(params).items() if value not in (None, "", (), [])}
    return {key: cut(value) for key, value in given.items()}


def difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, list[Any]]:
    """`{field: [before, after]}` of the fields that differ; of a secret, that it does."""
    old, new = hidden(before), hidden(after)
    fields = [key for key in {**before, **after} if before.get(key) != after.get(key)]
    return {key: [cut(old.get(key)), cut(new.get(key))] for key in fields}
