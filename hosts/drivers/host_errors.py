"""What the operating system says, as what a driver says."""

import contextlib
import errno
from collections.abc import Iterator

from hosts.drivers.errors import DriverError, NoSpace, NotFound


@contextlib.contextmanager
def host_errors(what: str) -> Iterator[None]:
    """An OSError inside becomes NoSpace, NotFound or DriverError: `what`, then the system's words."""
    try:
        yield
    except OSError as error:
        words = f"{what}: {(error.strerror or str(error)).lower()}"
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise NoSpace(words) from error
        kind = NotFound if error.errno == errno.ENOENT else DriverError
        raise kind(words) from error
