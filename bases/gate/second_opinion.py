"""What another parser, written by others for the same purpose, makes of the same bytes."""

import os
from io import FileIO

from oslo_utils.imageutils.format_inspector import ImageFormatError, InspectWrapper, SafetyCheckFailed

READ_BYTES = 1 << 20  # every format that could be meant shows itself in less
BLOCK = 1 << 16
NOT_FATAL = {"unknown_features"}  # it does not know extended L2 entries, which we do


def objection(file: FileIO, *, extended_l2: bool) -> str:
    """Why the other parser would not take it, said after the file's name; empty when it would."""
    try:
        judged(file)
    except SafetyCheckFailed as error:
        failed = set(error.failures) - (NOT_FATAL if extended_l2 else set())
        return f"is not safe to open: {', '.join(sorted(failed))}" if failed else ""
    except ImageFormatError as error:
        return f"can be taken for another format: {error}"
    except Exception as error:  # noqa: BLE001 - a stranger's bytes in others' code: whatever it raises is a no
        return f"could not be parsed: {type(error).__name__}"
    return ""


def judged(file: FileIO) -> None:
    """Exactly qcow2, and safe; raises otherwise."""
    os.lseek(file.fileno(), 0, os.SEEK_SET)
    wrapper = InspectWrapper(FileIO(os.dup(file.fileno()), "rb"))
    try:
        for _ in range(READ_BYTES // BLOCK):
            if not wrapper.read(BLOCK):
                break
    finally:
        wrapper.close()
    found = wrapper.format
    if found is None or found.NAME != "qcow2":
        raise ImageFormatError(found.NAME if found else "no format")
    found.safety_check()
