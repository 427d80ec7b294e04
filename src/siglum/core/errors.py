"""The one tree of errors.

    SiglumError
    ├── InvalidInputError         a value, name or argument that cannot be right
    │   ├── UsageError            a command line that cannot be right
    │   ├── FileFormatError       a file that does not say what it should (file, line, column)
    │   └── SearchSyntaxError     a filter or order that does not parse (points at a character)
    ├── NotFoundError             what was named does not exist
    │   └── LocalFileError        a file or folder of this machine; it is a FileNotFoundError, too
    ├── AlreadyExistsError        what was to be created exists
    ├── ConflictError             the state of things does not allow the change
    │   ├── BusyError             another process holds what is needed
    │   └── WouldLoseDataError    going on would destroy something that is kept nowhere else
    ├── PermissionDeniedError     the caller may not
    │   └── UnauthenticatedError  the caller has not said who they are
    ├── UntrustedError            loading would run code that nobody agreed to
    ├── IntegrityError            bytes are not what their name says
    ├── UnavailableError          a server, remote or file system does not answer
    ├── StorageFullError          no room left
    ├── StageFailedError          a command of the user's pipeline failed
    ├── NotSupportedError         a feature of a format or protocol that Siglum does not have
    └── InternalError             a bug

Every class carries a stable code, the exit status of a command that ends with it, the HTTP status of a
request that ends with it and the code that MLflow's clients know. `cli.app` maps errors to exit statuses and
`server.errors` to responses; nothing else does. A message says what is wrong and where; `hint` says what to do.
"""

from __future__ import annotations

from typing import ClassVar


class SiglumError(Exception):
    """What went wrong, where, and (in `hint`) what to do next. Both are single sentences for a person."""

    code: ClassVar[str] = "error"
    exit_status: ClassVar[int] = 1
    http_status: ClassVar[int] = 500
    wire_code: ClassVar[str] = "INTERNAL_ERROR"

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    @property
    def error_code(self) -> str:
        """The code that MLflow's client has on its exceptions."""
        return self.wire_code

    def get_http_status_code(self) -> int:
        """Return the status of a request that ends with this, under MLflow's name."""
        return self.http_status

    def __str__(self) -> str:
        if not self.hint:
            return self.message
        return f"{self.message}{'' if self.message.endswith(('.', ':', '?', '!')) else '.'} {self.hint}"


class InvalidInputError(SiglumError):
    """A value, name or argument that cannot be right."""

    code = "invalid-input"
    http_status = 400
    wire_code = "INVALID_PARAMETER_VALUE"


class UsageError(InvalidInputError):
    """A command line that cannot be right."""

    code = "usage"
    exit_status = 2


class FileFormatError(InvalidInputError):
    """A file that does not say what it should. Lines and columns count from 1."""

    code = "file-format"

    def __init__(
        self,
        path: str,
        problem: str,
        *,
        line: int | None = None,
        column: int | None = None,
        hint: str | None = None,
    ) -> None:
        place = ":".join(str(part) for part in (path, line, column) if part is not None)
        super().__init__(f"{place}: {problem}", hint=hint)
        self.path = path
        self.problem = problem
        self.line = line
        self.column = column


class SearchSyntaxError(InvalidInputError):
    """A filter or an order that does not parse; `position` counts characters from 0."""

    code = "search-syntax"

    def __init__(self, problem: str, text: str, position: int) -> None:
        super().__init__(f"{problem} (at character {position + 1} of {text!r})")
        self.problem = problem
        self.text = text
        self.position = position


class NotFoundError(SiglumError):
    """What was named does not exist."""

    code = "not-found"
    http_status = 404
    wire_code = "RESOURCE_DOES_NOT_EXIST"


class LocalFileError(NotFoundError, FileNotFoundError):
    """A file or folder of this machine that does not exist: what Python itself raises for it is caught with it."""


class AlreadyExistsError(SiglumError):
    """What was to be created exists."""

    code = "already-exists"
    http_status = 400  # as MLflow answers, whose client relies on it
    wire_code = "RESOURCE_ALREADY_EXISTS"


class ConflictError(SiglumError):
    """The state of things does not allow the change."""

    code = "conflict"
    http_status = 400
    wire_code = "INVALID_PARAMETER_VALUE"


class BusyError(ConflictError):
    """Another process holds what is needed."""

    code = "busy"
    http_status = 503
    wire_code = "TEMPORARILY_UNAVAILABLE"


class WouldLoseDataError(ConflictError):
    """Going on would destroy something that is kept nowhere else."""

    code = "would-lose-data"


class PermissionDeniedError(SiglumError):
    """The caller may not."""

    code = "permission-denied"
    http_status = 403
    wire_code = "PERMISSION_DENIED"


class UnauthenticatedError(PermissionDeniedError):
    """The caller has not said who they are."""

    code = "unauthenticated"
    http_status = 401
    wire_code = "UNAUTHENTICATED"


class UntrustedError(SiglumError):
    """Loading would run code that nobody agreed to."""

    code = "untrusted"
    http_status = 403
    wire_code = "PERMISSION_DENIED"


class IntegrityError(SiglumError):
    """Bytes are not what their name or record says."""

    code = "integrity"
    http_status = 409  # never a 5xx: MLflow's client would retry for minutes what cannot get better
    wire_code = "DATA_LOSS"


class UnavailableError(SiglumError):
    """A server, remote or file system does not answer."""

    code = "unavailable"
    http_status = 503
    wire_code = "TEMPORARILY_UNAVAILABLE"


class StorageFullError(SiglumError):
    """No room is left on a disk, quota or bucket."""

    code = "storage-full"
    http_status = 507
    wire_code = "RESOURCE_EXHAUSTED"


class StageFailedError(SiglumError):
    """A command of the user's pipeline failed."""

    code = "stage-failed"


class NotSupportedError(SiglumError):
    """A feature of a format or protocol that Siglum does not have."""

    code = "not-supported"
    http_status = 501
    wire_code = "NOT_IMPLEMENTED"


class InternalError(SiglumError):
    """A bug in Siglum."""

    code = "internal"
