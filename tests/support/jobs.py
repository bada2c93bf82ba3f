"""Does what is queued, as the server's runner does."""

from hosts.jobs import queued_ids, work


def worked() -> None:
    while pending := queued_ids():
        for pk in pending:
            work(pk)
