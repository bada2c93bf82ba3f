"""What the runner calls: takes an id, calls one function."""

from clones.bin import clone_binned, clone_purged
from clones.copying import file_copied
from clones.machines import clone_made, clone_removed, clone_started, clone_stopped
from clones.reshaping import disk_task_done
from clones.saving import clone_restored, clone_saved


def clone_make_task(clone_id: int) -> None:
    clone_made(clone_id)


def clone_start_task(clone_id: int) -> None:
    clone_started(clone_id)


def clone_stop_task(clone_id: int) -> None:
    clone_stopped(clone_id)


def clone_remove_task(clone_id: int) -> None:
    clone_removed(clone_id)


def clone_bin_task(clone_id: int) -> None:
    clone_binned(clone_id)


def clone_purge_task(clone_id: int) -> None:
    clone_purged(clone_id)


def state_save_task(clone_id: int) -> None:
    clone_saved(clone_id)


def state_restore_task(clone_id: int) -> None:
    clone_restored(clone_id)


def disk_task(task_id: int) -> None:
    disk_task_done(task_id)


def file_copy_task(copy_id: int) -> None:
    file_copied(copy_id)
