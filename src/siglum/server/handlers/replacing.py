"""Files that several clients add to: stored where nobody else has changed them meanwhile."""

from __future__ import annotations

import hashlib
from typing import BinaryIO

import msgspec

from siglum.core.errors import IntegrityError, InvalidInputError, NotSupportedError
from siglum.server.exchange import Exchange
from siglum.server.route import Services
from siglum.storage.artifacts.paths import parse_artifact_path
from siglum.storage.artifacts.replacing import NumberedWrite, Outcome, replace
from siglum.tracking import own_calls
from siglum.tracking.validation import check_idempotency_key


async def replace_artifact(services: Services, request: own_calls.ReplaceArtifact, exchange: Exchange) -> None:
    """Store the body under a path, unless the file is another one than was expected."""
    path, write = "/".join(parse_artifact_path(request.path)), _write(request)
    outcome = await exchange.with_body(lambda body: _replace(services, path, body, request, write))
    answer = msgspec.json.encode(own_calls.ReplaceAnswer(outcome=outcome))
    await exchange.respond(200, answer, ((b"content-type", b"application/json"),))


def _replace(
    services: Services,
    path: str,
    body: BinaryIO,
    request: own_calls.ReplaceArtifact,
    write: NumberedWrite | None,
) -> Outcome:
    if services.writes is None:
        raise NotSupportedError("This server's database does not keep apart who adds to a file.")
    # In memory, as it is at the client: so a slow client does not keep others waiting.
    content = body.read()
    if hashlib.sha256(content).hexdigest() != request.sha256:
        raise IntegrityError(f"{path}: what arrived is not what was sent.", hint="Send it again.")
    return replace(services.artifacts, services.writes, path, content, request.expected, write)


def _write(request: own_calls.ReplaceArtifact) -> NumberedWrite | None:
    if (request.writer is None) != (request.number is None):
        raise InvalidInputError("'writer' and 'number' go together.")
    if request.writer is None or request.number is None:
        return None
    return NumberedWrite(check_idempotency_key(request.writer), request.number)
