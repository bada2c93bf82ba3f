"""The verbs of imports: by address, out of the catalogue, from a folder. Uploads are the browser's."""

from bases.arrivals import FETCH, FINISH, Wanted, import_begin, import_cancel, import_named
from bases.catalogue import Image, catalogue, image_named
from bases.models import Import
from bases.rights import curators_only
from bases.signatures import how_checked
from commands.base_verbs import megabytes, number
from commands.keys import SEEDS
from commands.language import Command
from commands.service import Caller, Result
from hosts.jobs import work_or_wait
from hosts.models import Job

IMPORT_TASKS = (FETCH, FINISH)
IMPORT_WAIT_S = 6 * 3600.0


def import_base(command: Command, caller: Caller) -> Result:
    """Begins; where the caller waits, also does the work or waits for whoever took it."""
    curators_only(caller.actor)
    values = command.values
    image = image_named(values["image"]) if "image" in values else None
    arriving = import_begin(
        Wanted(
            name=values["name"],
            way=Import.Way.PATH if "path" in values else Import.Way.URL,
            url=image.url if image else values.get("url", ""),
            image_key=image.key if image else "",
            file_name=str(caller.file(values["path"], key="path")) if "path" in values else "",
            digest=values.get("digest", ""),
            facts={**of_image(image), **facts_said(values)},
        ),
        actor=caller.actor,
    )
    if caller.waits:
        import_waited(arriving)
    return imported(arriving)


def of_image(image: Image | None) -> dict[str, object]:
    return {"os": image.os, "ssh_user": image.ssh_user, "description": image.name} if image else {}


def facts_said(values: dict[str, str]) -> dict[str, object]:
    said: dict[str, object] = {
        key: values[key] for key in ("os", "description", "ssh_user", "boot") if key in values
    }
    if "seed" in values:
        said["seed"] = SEEDS[values["seed"]]
    if "memory" in values:
        said["memory_mb"] = megabytes(values["memory"])
    if "cpus" in values:
        said["cpus"] = number(values["cpus"], key="cpus")
    return said


def import_waited(arriving: Import) -> None:
    """Both its jobs, one after the other: fetching, then checking."""
    for _ in range(2):
        job = Job.objects.unfinished().filter(task__in=IMPORT_TASKS, subject_id=arriving.pk).first()
        if job:
            work_or_wait(job, timeout_s=IMPORT_WAIT_S)
    arriving.refresh_from_db()


def imported(arriving: Import) -> Result:
    facts: Result = {
        "import": arriving.pk,
        "name": arriving.name,
        "status": arriving.state,
        "digest": arriving.digest or None,
        "revision": arriving.revision.number if arriving.revision else None,
    }
    if arriving.failure:
        code = "conflict" if arriving.state == Import.State.CANCELLED else "invalid"
        return {
            **facts,
            "success": False,
            "output": arriving.failure,
            "error": arriving.failure,
            "code": code,
        }
    done = f"Imported as {arriving.revision}" if arriving.revision else f"Importing {arriving.name}"
    return {**facts, "output": done}


def cancel_import(command: Command, caller: Caller) -> Result:
    arriving = import_named(int(command.values["import"]), caller.actor)
    import_cancel(arriving=arriving, actor=caller.actor)
    return {"output": f"Import {arriving.pk} is being cancelled", "import": arriving.pk}


def list_images(command: Command, caller: Caller) -> Result:
    images = [
        {"image": one.key, "name": one.name, "url": one.url, "sums": one.sums, "checked": how_checked(one)}
        for one in catalogue()
    ]
    return {"output": ", ".join(one.key for one in catalogue()), "count": len(images), "images": images}
