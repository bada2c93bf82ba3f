"""Icons as inline SVG, from the set that scripts/assets.py copies.

Example::

    svg("server")                  # '<svg class="ic ic-server" aria-hidden="true" …>'
"""

import logging
import re
from functools import lru_cache
from pathlib import Path

from django.conf import settings
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

logger = logging.getLogger(__name__)

NAME = re.compile(r"[a-z0-9-]+", re.ASCII)
DRAWING = re.compile(r"<svg[^>]*>(.*)</svg>", re.DOTALL)
# The set's first path only spans the 24 by 24 square.
SQUARE = re.compile(r'<path[^>]*d="M0 0h24v24H0z"[^>]*/>')


def folder() -> Path:
    return Path(settings.BASE_DIR) / "static" / "vendor" / "icons"


@lru_cache(maxsize=256)
def drawing(name: str) -> str:
    """The paths of one icon; empty, and said in the log, where the set has none of that name."""
    if not NAME.fullmatch(name):
        return ""
    try:
        text = (folder() / f"{name}.svg").read_text(encoding="utf-8")
    except OSError:
        logger.warning("No icon %s: name it in scripts/assets.py and run that", name)
        return ""
    match = DRAWING.search(text)
    return " ".join(SQUARE.sub("", match[1]).split()) if match else ""


@lru_cache(maxsize=512)
def svg(name: str, extra: str = "") -> SafeString:
    """The icon, hidden from screen readers: a word always stands beside it or labels its button."""
    return format_html(
        '<svg class="ic ic-{}{}" viewBox="0 0 24 24" width="18" height="18" '
        'aria-hidden="true" focusable="false">{}</svg>',
        name,
        f" {extra}" if extra else "",
        mark_safe(drawing(name)),  # noqa: S308  our own files, named by our own templates
    )
