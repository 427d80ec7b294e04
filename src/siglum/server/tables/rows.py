"""Short words for the rows of the table."""

from __future__ import annotations

from siglum.server.route import Api, JsonHandler, Permission, QueueHandler, Route, StreamHandler
from siglum.tracking.messages import Message

PUBLIC, READ, WRITE, MANAGE = Permission.PUBLIC, Permission.READ, Permission.WRITE, Permission.MANAGE


def row(
    method: str,
    path: str,
    request: type[Message],
    response: type[Message],
    permission: Permission,
    handler: JsonHandler,
    api: Api = Api.V2,
    queue: QueueHandler | None = None,
) -> Route:
    """Return a row that answers with JSON."""
    return Route(
        method=method,
        path=path,
        request=request,
        response=response,
        permission=permission,
        handler=handler,
        queue=queue,
        api=api,
    )


def stream(
    method: str,
    path: str,
    request: type[Message],
    permission: Permission,
    handler: StreamHandler,
    api: Api,
    *,
    media: tuple[str, ...] = (),
) -> Route:
    """Return a row that reads or writes as it goes."""
    return Route(method=method, path=path, request=request, permission=permission, stream=handler, api=api, media=media)
