"""Files that users name by path: only those below a configured import folder exist for them."""

import os
import secrets
import shutil
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from django.conf import settings

from cowweb.errors import DomainError, ForbiddenError, NotFoundError

IMAGES = (".qcow2", ".img")
MOST_OFFERED = 200


def images_offered() -> list[str]:
    """Names of the images below the import folders, as they are typed into a form."""
    return sorted(islice(images_there(), MOST_OFFERED))


def images_there() -> Iterator[str]:
    for folder in settings.COWWEB_IMPORT_FOLDERS:
        for path in Path(folder).rglob("*"):
            if path.suffix in IMAGES and path.is_file():
                yield str(path.relative_to(folder))


def import_file(text: str, *, field: str) -> Path:
    """The file below an import folder that the text names, relative or absolute."""
    folders = [Path(folder).resolve() for folder in settings.COWWEB_IMPORT_FOLDERS]
    for folder in folders:
        path = (folder / text).resolve()
        if path.is_relative_to(folder) and path.is_file():
            return path
    for folder in folders:
        if Path(os.path.normpath(folder / text)).is_relative_to(folder) and leads_out(folder / text, folders):
            raise ForbiddenError(
                f"{field}={text!r} is a link that leads out of the import folders: put the file itself there",
                field=field,
            )
    if Path(text).is_absolute() and leads_out(Path(text), folders):
        raise ForbiddenError(
            f"{field}={text!r} is outside the import folders: put the file into {folders[0]}", field=field
        )
    raise NotFoundError(f"There is no file {text!r} below {folders[0]}", field=field)


def leads_out(path: Path, folders: list[Path]) -> bool:
    return not any(path.resolve().is_relative_to(folder) for folder in folders)


def import_folder(text: str, *, field: str) -> Path:
    """The same for a folder."""
    for folder in (Path(folder).resolve() for folder in settings.COWWEB_IMPORT_FOLDERS):
        path = (folder / text).resolve()
        if path.is_relative_to(folder) and path.is_dir():
            return path
    raise NotFoundError(f"There is no folder {text!r} below the import folders", field=field)


def brought_in(path: Path, *, field: str) -> str:
    """Copies a file of the caller into the import folder, for the shell; returns its name there."""
    if not path.is_file() or not os.access(path, os.R_OK):
        raise NotFoundError(f"{field}={str(path)!r} is no file that can be read", field=field)
    folder = Path(settings.COWWEB_IMPORT_FOLDERS[0])
    folder.mkdir(parents=True, exist_ok=True)
    if path.resolve().is_relative_to(folder.resolve()):
        return str(path.resolve())
    target = folder / secrets.token_hex(4) / path.name  # under its own name, which refusals tell
    try:
        target.parent.mkdir()
        shutil.copyfile(path, target)
    except OSError as error:
        shutil.rmtree(target.parent, ignore_errors=True)
        raise DomainError(f"{path} could not be copied in: {error.strerror}", field=field) from error
    return str(target.relative_to(folder))


def import_target(text: str, *, field: str) -> Path:
    """Where a file from a guest may be put: a new name below the first import folder."""
    folder = Path(settings.COWWEB_IMPORT_FOLDERS[0]).resolve()
    path = (folder / text).resolve()
    if not path.is_relative_to(folder):
        raise ForbiddenError(f"{field}={text!r} is outside the import folder {folder}", field=field)
    if path.exists():
        raise DomainError(f"{field}={text!r} is there already", field=field, code="conflict")
    path.parent.mkdir(parents=True, exist_ok=True)
    return path
