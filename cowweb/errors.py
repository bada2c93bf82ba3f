"""Errors that the person who asked can act on; every layer may raise them.

Example::

    raise NotFoundError("Base image x not found", field="base")
"""


class DomainError(Exception):
    """Refused at the door. `code` is the stable word of the contract, `field` the input at fault."""

    code = "invalid"

    def __init__(self, message: str, *, field: str = "", code: str = "") -> None:
        super().__init__(message)
        self.field = field
        self.code = code or type(self).code
        self.facts: dict[str, object] = {}  # the same for programs, beside the sentence


class NotFoundError(DomainError):
    code = "not_found"


class NameTakenError(DomainError):
    code = "name_taken"


class ConflictError(DomainError):
    """The object's state does not allow it now."""

    code = "conflict"


class ForbiddenError(DomainError):
    code = "forbidden"


class QuotaError(DomainError):
    code = "quota"


class DirectoryError(DomainError):
    """The directory that passwords are tried at cannot be asked, so nobody was refused or let in."""

    code = "directory"


class HostFullError(DomainError):
    """Nobody's quota: the host itself has no room for it."""

    code = "host_full"


class UnsafeImageError(DomainError):
    code = "unsafe_image"


class UnsupportedError(DomainError):
    """Part of the contract, and not yet of this site."""

    code = "unsupported"
