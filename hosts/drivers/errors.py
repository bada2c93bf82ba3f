"""What a driver says when it could not do something, named for what the caller can do about it.

Example::

    try:
        driver.start(spec)
    except TimedOut as error:      # try again, or show `error.detail`
        ...
    except DriverError as error:   # the host said no: store str(error)
        ...
"""

from collections.abc import Sequence


class DriverError(Exception):
    """The host refused or failed. `str(error)` is one sentence for people.

    `argv`, `exit_code` and `stderr` describe the process that failed, if one did; `detail` is text
    worth showing under the sentence (stderr's tail, the serial console's last lines). `guest_silent`: the
    guest was told to end what it does, and said nothing to that.
    """

    def __init__(
        self,
        message: str,
        *,
        argv: Sequence[str] = (),
        exit_code: int | None = None,
        stderr: str = "",
        detail: str = "",
        guest_silent: bool = False,
    ) -> None:
        super().__init__(message)
        self.argv = tuple(argv)
        self.exit_code = exit_code
        self.stderr = stderr
        self.detail = detail or stderr
        self.guest_silent = guest_silent


class NotFound(DriverError):
    """The file, program or machine is not there."""


class Busy(DriverError):
    """Someone else holds it; the same call may succeed later."""


class Refused(DriverError):
    """The host, or this driver, will not do it; the same call will be refused again."""


class TimedOut(DriverError):
    """No answer before the deadline; what was started has been ended."""


class Unreachable(DriverError):
    """The machine or its guest cannot be talked to."""


class Cancelled(DriverError):
    """The caller asked for it to be stopped, and it was."""


class NoSpace(Refused):
    """The file system is full; nothing half made was left."""


class Altered(Refused):
    """A disk of ours has a header that we did not write."""
