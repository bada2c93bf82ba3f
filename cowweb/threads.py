"""Work in the loop's threads, which stay and keep their database connection for as long as it is good.

Example::

    await in_thread(host_look)
"""

import asyncio
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from django.db import close_old_connections

P = ParamSpec("P")
T = TypeVar("T")


async def in_thread(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Calls it in a worker thread and waits."""
    return await asyncio.to_thread(lambda: connected(work, *args, **kwargs))


def connected(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    close_old_connections()
    return work(*args, **kwargs)
