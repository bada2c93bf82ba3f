"""Files that only their owner may read, from the first byte on."""

import os
from pathlib import Path


def write_private(path: Path, text: str) -> Path:
    """Writes the file with mode 0600, whatever stood there before. Returns the path."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as file:
        os.fchmod(descriptor, 0o600)
        file.write(text)
    return path
