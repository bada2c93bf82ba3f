"""Long work on the registry: each takes an id and calls one service."""

from bases.finishing import import_fetched, import_finished


def import_fetch_task(pk: int) -> None:
    import_fetched(pk)


def import_finish_task(pk: int) -> None:
    import_finished(pk)
