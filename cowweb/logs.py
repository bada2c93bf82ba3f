"""Log lines, without what must not stand in them: the secrets that some addresses carry.

Example::

    Line("{message}", style="{").format(record)     # "Not Found: /join/…/"
"""

import logging
import re

# an invitation, a link for a new password, a link to a guest's port and the way there
CARRIED = re.compile(r"((?:/join/|/accounts/password/[^/\s]+/|/_cow/[a-z]+/))[^/\s\"'<>]+")


class Line(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return without_secrets(super().format(record))


def without_secrets(text: str) -> str:
    return CARRIED.sub(r"\1…", text)
