"""A server that is not to be called: what needs an answer says so, and all else goes to the spool."""

from __future__ import annotations

import http.client
from collections.abc import Mapping

from siglum.client.rest.session import Body, RestSession
from siglum.core.errors import UnavailableError


class OfflineSession(RestSession):
    """Answers every request with the same error."""

    def _exchange(
        self,
        method: str,  # noqa: ARG002  -- that of the session it stands in for, as all below
        path: str,  # noqa: ARG002
        body: bytes | Body | None,  # noqa: ARG002
        headers: Mapping[str, str],  # noqa: ARG002
        *,
        idempotent: bool,  # noqa: ARG002
    ) -> http.client.HTTPResponse:
        raise UnavailableError(
            "SIGLUM_OFFLINE is set, and this needs an answer of the server.",
            hint="Runs are recorded all the same; 'siglum sync' sends them later.",
        )
