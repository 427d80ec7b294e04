"""An answer that says that something failed, turned back into the error that the server had."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from typing import Any

import msgspec

from siglum.client.rest.server_errors import ServerFailedError, ServerUnavailableError
from siglum.core import errors
from siglum.core.errors import SearchSyntaxError, SiglumError, UnavailableError

_LOCAL_ONLY = {"file-format", "usage", "error"}


def _tree(of: type[SiglumError]) -> Iterator[type[SiglumError]]:
    yield of
    for below in of.__subclasses__():
        if below.__module__ == errors.__name__:
            yield from _tree(below)


_BY_CODE = {found.code: found for found in _tree(SiglumError) if found.code not in _LOCAL_ONLY}

# What MLflow's server says, which has no code of Siglum's.
_BY_WIRE_CODE: dict[str, type[SiglumError]] = {
    "INVALID_PARAMETER_VALUE": errors.InvalidInputError,
    "BAD_REQUEST": errors.InvalidInputError,
    "MALFORMED_REQUEST": errors.InvalidInputError,
    "RESOURCE_DOES_NOT_EXIST": errors.NotFoundError,
    "NOT_FOUND": errors.NotFoundError,
    "RESOURCE_ALREADY_EXISTS": errors.AlreadyExistsError,
    "ALREADY_EXISTS": errors.AlreadyExistsError,
    "INVALID_STATE": errors.ConflictError,
    "RESOURCE_CONFLICT": errors.ConflictError,
    "ABORTED": errors.ConflictError,
    "PERMISSION_DENIED": errors.PermissionDeniedError,
    "UNAUTHENTICATED": errors.UnauthenticatedError,
    "CUSTOMER_UNAUTHORIZED": errors.UnauthenticatedError,
    "RESOURCE_EXHAUSTED": errors.StorageFullError,
    "NOT_IMPLEMENTED": errors.NotSupportedError,
    "FEATURE_DISABLED": errors.NotSupportedError,
    "ENDPOINT_NOT_FOUND": errors.NotSupportedError,
    "TEMPORARILY_UNAVAILABLE": errors.UnavailableError,
    "REQUEST_LIMIT_EXCEEDED": errors.UnavailableError,
    "DEADLINE_EXCEEDED": errors.UnavailableError,
    "DATA_LOSS": errors.IntegrityError,
}
_BY_STATUS: dict[int, type[SiglumError]] = {
    400: errors.InvalidInputError,
    401: errors.UnauthenticatedError,
    403: errors.PermissionDeniedError,
    404: errors.NotSupportedError,  # without a JSON body: the server does not know the address
    405: errors.NotSupportedError,
    408: errors.UnavailableError,
    409: errors.ConflictError,
    429: errors.UnavailableError,
    501: errors.NotSupportedError,
    502: errors.UnavailableError,
    503: errors.UnavailableError,
    504: errors.UnavailableError,
    507: errors.StorageFullError,
}


_AT_THE_SERVER: dict[type[SiglumError], type[SiglumError]] = {
    UnavailableError: ServerUnavailableError,
    errors.InternalError: ServerFailedError,
    SiglumError: ServerFailedError,
}

_IS_IT_ONE = "Check that this is the address of a tracking server."


def error_of(url: str, response: http.client.HTTPResponse, body: bytes) -> SiglumError:
    """Return the error that an answer with status 300 or more stands for."""
    error = _error_of(url, response, body)
    found = _AT_THE_SERVER.get(type(error))
    return error if found is None or response.status < 400 else found(error.message, hint=error.hint)


def _error_of(url: str, response: http.client.HTTPResponse, body: bytes) -> SiglumError:
    status = response.status
    if 300 <= status < 400:
        return UnavailableError(
            f"{url} redirects elsewhere, which is not followed.",
            hint="Use the address of the tracking server itself.",
        )
    try:
        said = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        said = None
    if not isinstance(said, dict) or not isinstance(said.get("error_code"), str):
        return _unexplained(url, status)
    own = said.get("siglum")
    if isinstance(own, dict) and own.get("code") in _BY_CODE:
        return _own_error(own, url)
    found = _BY_WIRE_CODE.get(said["error_code"]) or _by_status(status)
    return found(str(said.get("message", "")) or f"{url} answered {said['error_code']}.", hint=_by(url))


def refused_connection(url: str, reason: str) -> UnavailableError:
    """Return the error for a server that cannot be reached at all."""
    return UnavailableError(
        f"No server answers at {url} ({reason}).",
        hint="Its answer is needed here: start it with 'siglum server', check the tracking URI, or repeat this later.",
    )


def _by(url: str) -> str:
    """Return who said it, for an error with nothing else to add: that another server was meant is a usual reason."""
    return f"So says the server at {url}."


def _own_error(own: dict[str, Any], url: str) -> SiglumError:
    found = _BY_CODE[own["code"]]
    if found is SearchSyntaxError:
        return SearchSyntaxError(str(own.get("problem")), str(own.get("text")), int(own.get("position", 0)))
    hint = own.get("hint")
    return found(str(own.get("message")), hint=str(hint) if hint else _by(url))


def _by_status(status: int) -> type[SiglumError]:
    return _BY_STATUS.get(status, errors.InvalidInputError if 400 <= status < 500 else SiglumError)


def _unexplained(url: str, status: int) -> SiglumError:
    phrase = http.client.responses.get(status, "an error")
    if status in (404, 405):
        return errors.NotSupportedError(
            f"The server at {url} does not have this call ({status} {phrase}).", hint=_IS_IT_ONE
        )
    found = UnavailableError if status >= 500 and status not in _BY_STATUS else _by_status(status)
    hint = "Check user name, password or token." if status in (401, 403) else _IS_IT_ONE
    return found(f"{url} answered {status} {phrase}.", hint=hint)
