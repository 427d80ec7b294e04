"""The one place where an error becomes an HTTP answer.

Every failing route answers with the same JSON shape: `error_code` and `message`, which MLflow's clients read, and
`siglum` with the error's own code, message and hint, from which `client.rest` makes the same error again. What is
certain to fail again is never a 5xx, since MLflow's client would repeat it for minutes.
"""

from __future__ import annotations

import errno
import logging
from typing import Any

import msgspec

from siglum.core.errors import (
    InternalError,
    InvalidInputError,
    PermissionDeniedError,
    SearchSyntaxError,
    SiglumError,
    StorageFullError,
)
from siglum.core.failures import FORBIDDEN, FULL

_log = logging.getLogger("siglum.server")

_MISSING_FIELD = "Object missing required field `"


class RefusedError(Exception):
    """A request that HTTP itself refuses: no such endpoint, wrong method, wrong type, too large.

    Also an error that MLflow answers with another status and code than is usual for its kind: `of` is that error.
    """

    def __init__(
        self,
        status: int,
        wire_code: str,
        message: str,
        *,
        allow: tuple[str, ...] = (),
        of: SiglumError | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.wire_code = wire_code
        self.message = message
        self.allow = allow
        self.of = of


def answer(error: BaseException) -> tuple[int, bytes, tuple[tuple[bytes, bytes], ...]]:
    """Return status, JSON body and further headers for an error. A bug is logged with its traceback."""
    if isinstance(error, RefusedError):
        own = {"code": "refused", "message": error.message, "hint": None} if error.of is None else _own(error.of)
        allow = ((b"allow", ", ".join(error.allow).encode()),) if error.allow else ()
        return error.status, _body(error.wire_code, error.message, own), allow
    found = _as_siglum_error(error)
    return found.http_status, _body(found.wire_code, str(found), _own(found)), ()


def _body(wire_code: str, message: str, own: dict[str, Any]) -> bytes:
    return msgspec.json.encode({"error_code": wire_code, "message": message, "siglum": own})


def _own(error: SiglumError) -> dict[str, Any]:
    own: dict[str, Any] = {"code": error.code, "message": error.message, "hint": error.hint}
    if isinstance(error, SearchSyntaxError):
        own |= {"problem": error.problem, "text": error.text, "position": error.position}
    return own


def _as_siglum_error(error: BaseException) -> SiglumError:
    if isinstance(error, SiglumError):
        return error
    if isinstance(error, msgspec.ValidationError):
        return InvalidInputError(_validation_message(str(error)))
    if isinstance(error, msgspec.DecodeError | UnicodeDecodeError | RecursionError):
        return InvalidInputError("The request's body is not JSON in UTF-8.")
    if isinstance(error, OSError) and error.errno in FULL:
        return StorageFullError("The server has no room left for this.", hint="Free some space and try again.")
    if isinstance(error, OSError) and error.errno in FORBIDDEN:
        return PermissionDeniedError("The server may not write to its own storage.")
    if isinstance(error, OSError) and error.errno == errno.ENAMETOOLONG:
        return InvalidInputError("A name is too long for the server's file system.")
    _log.error("A request failed because of a bug.", exc_info=error)
    return InternalError("The server failed because of a bug in Siglum.", hint="Its log says more.")


def _validation_message(problem: str) -> str:
    """Say what is wrong with a field, in MLflow's words. Where it is, msgspec says: `$.tags[0].key`."""
    what, _, place = problem.partition(" - at ")
    where = place.strip("`").removeprefix("$").removeprefix(".")
    if what.startswith(_MISSING_FIELD):
        name = what.removeprefix(_MISSING_FIELD).rstrip("`")
        return f"Missing value for required parameter '{f'{where}.{name}' if where else name}'."
    return f"Invalid value for parameter '{where or 'body'}' supplied: {what.replace('`', '')}."
