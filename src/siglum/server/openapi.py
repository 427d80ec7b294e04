"""Siglum's own routes as an OpenAPI document, derived from the table of routes and the types of its messages."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable
from typing import Any

import msgspec

from siglum import __version__
from siglum.server.live.events import EVENT_STREAM, LiveEvent
from siglum.server.route import Api, Route
from siglum.tracking.messages import Message

_COMPONENT = "#/components/schemas/{name}"
_EVENT = {
    "type": "object",
    "properties": {
        "event": {"type": "string"},
        "id": {"type": "string"},
        "retry": {"type": "integer"},
        "data": {
            "type": "string",
            "contentMediaType": "application/json",
            "contentSchema": {"anyOf": [{"$ref": _COMPONENT.format(name="LiveEvent")}, {"type": "object"}]},
        },
    },
}
"""One server-sent event; those named `open` and `reset` have no data of their own."""
_PARAMETER = re.compile(r"\{(\w+)(?::path)?\}")


class OwnError(Message, kw_only=True, omit_defaults=False):
    """What went wrong and what to do next, in Siglum's words."""

    code: str
    message: str
    hint: str | None


class Failure(Message, kw_only=True, omit_defaults=False):
    """The answer of every request that fails; `error_code` and `message` are what MLflow's clients read."""

    error_code: str
    message: str
    siglum: OwnError


def describe(routes: Iterable[Route]) -> bytes:
    """Return the document as JSON."""
    own = [route for route in routes if route.api is Api.SIGLUM and is_described(route)]
    types: list[Any] = [kind for route in own for kind in (route.request, route.response or bytes)]
    schemas, components = msgspec.json.schema_components([*types, Failure, LiveEvent], ref_template=_COMPONENT)
    paths: dict[str, dict[str, Any]] = {}
    for number, route in enumerate(own):
        path = _PARAMETER.sub(r"{\1}", route.paths[0])
        request, response = schemas[2 * number], schemas[2 * number + 1]
        paths.setdefault(path, {})[route.method.lower()] = _operation(route, request, response, components)
    document = {
        "openapi": "3.1.0",
        "info": {"title": "Siglum", "version": __version__, "description": "Siglum's own routes, beside MLflow's."},
        "paths": paths,
        "components": {"schemas": components},
    }
    return msgspec.json.encode(document)


def is_described(route: Route) -> bool:
    """Whether the document says what a route answers: messages, or bytes of types that it names."""
    return route.handler is not None or bool(route.media)


def _operation(
    route: Route, request: dict[str, Any], response: dict[str, Any], components: dict[str, Any]
) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": f"{route.method.lower()}_{re.sub(r'[^a-z]+', '_', route.path.strip('/'))}",
        "summary": (inspect.getdoc(route.handler or route.stream) or "").partition("\n")[0],
        "x-permission": route.permission.value,
        "responses": {
            "200": {"description": "Done.", "content": _content(route, response)},
            "default": {
                "description": "Refused or failed.",
                "content": {"application/json": {"schema": {"$ref": _COMPONENT.format(name="Failure")}}},
            },
        },
    }
    if route.method == "GET":
        operation["parameters"] = _query(route, components[route.request.__name__])
    else:
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": request}}}
    return operation


def _content(route: Route, response: dict[str, Any]) -> dict[str, Any]:
    """Return the types of an answer; of bytes, the schema says no more than that."""
    if route.handler is not None:
        return {"application/json": {"schema": response}}
    return {media: {"schema": _EVENT if media == EVENT_STREAM else {"type": "string"}} for media in route.media}


def _query(route: Route, schema: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the fields of a request as parameters of a query."""
    in_path = set(_PARAMETER.findall(route.path))
    return [
        {
            "name": name,
            "in": "path" if name in in_path else "query",
            "required": name in in_path or name in schema.get("required", ()),
            "schema": part,
        }
        for name, part in schema["properties"].items()
    ]
