"""Requests for every row of the table of routes, in every spelling, with one field set to what an attacker sends."""

from __future__ import annotations

import asyncio
import typing
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import quote, urlencode

import msgspec
import pytest
from tests.server.asgi import Answer, ask_in_loop

from siglum.server.dispatch import Dispatcher
from siglum.server.route import Route
from siglum.server.routes import ROUTES

JSON = {"content-type": "application/json"}
API = "/api/2.0/mlflow"
PATH_FIELDS = frozenset({"path", "artifact_path", "artifact_directory_path", "artifact_file_path"})
URI_FIELDS = frozenset({"artifact_location", "source", "storage_location"})

EACH_ROUTE = pytest.mark.parametrize(
    "route", [pytest.param(route, id=f"{route.method} {route.paths[0]}") for route in ROUTES]
)


class Sent(msgspec.Struct, frozen=True):
    """One request."""

    method: str
    target: str
    body: bytes = b""
    headers: dict[str, str] = {}


class Scene(msgspec.Struct, frozen=True):
    """What is there before an attack, so that requests get past the first check: a value for each field."""

    values: dict[str, Any]

    def fields(self, route: Route) -> dict[str, Any]:
        """Return a request of a route that is right, as far as one can tell from names and types."""
        found: dict[str, Any] = {}
        values = self.values | (_VICTIMS if _destroys(route) else {})
        for field in msgspec.structs.fields(route.request):
            name, kinds = field.encode_name, kinds_of(field.type)
            if name == "run_uuid" and "run_id" in found:
                continue
            if list in kinds:
                if field.required or name == "experiment_ids":
                    found[name] = values.get(name, [])
            elif name in values and (field.required or name in _HELPFUL) and kinds & {str, int, float}:
                found[name] = 1.0 if float in kinds else 1 if int in kinds and str not in kinds else values[name]
            elif field.required:
                found[name] = 1
        return found

    def request(self, route: Route, path: str, changed: dict[str, Any] | None = None) -> Sent:
        """Return a request at one of a route's paths, with fields changed."""
        fields = self.fields(route) | (changed or {})
        for name in ("model_id", "webhook_id", "tag_key", "artifact_path", "path"):
            for marked, safe in ((f"{{{name}}}", ""), (f"{{{name}:path}}", "/")):
                if marked in path:
                    value = str(
                        fields.pop(name, None) or (_VICTIMS if _destroys(route) else self.values).get(name, "x")
                    )
                    path = path.replace(marked, quote(value, safe=safe, errors="surrogatepass"))
        if route.method == "GET" or route.stream is not None:
            query = urlencode(fields, doseq=True, errors="surrogatepass")
            body = b"" if route.method == "GET" else b"overwritten"
            return Sent(route.method, f"{path}?{query}" if query else path, body)
        return Sent(route.method, path, msgspec.json.encode(fields), JSON)


# What requests that delete or rename name, so that the scene stays for the others.
_VICTIMS = {"name": "gone", "model_id": "gone", "run_id": "gone", "run_uuid": "gone", "webhook_id": "gone",
            "experiment_id": "77", "path": "gone/file", "tag_key": "gone", "alias": "gone"}  # fmt: skip


def _destroys(route: Route) -> bool:
    return route.method == "DELETE" or route.path.endswith(("/delete", "/rename", "/update"))


_HELPFUL = frozenset({"run_id", "run_uuid", "model_id", "experiment_id"})


def kinds_of(kind: Any) -> set[Any]:
    """Return the plain types that a field takes: `list` for any list, the types themselves otherwise."""
    origin = typing.get_origin(kind)
    if origin is typing.Annotated:
        return kinds_of(typing.get_args(kind)[0])
    if origin in (list, tuple, dict):
        return {origin}
    arguments = typing.get_args(kind)
    return set().union(*map(kinds_of, arguments)) if arguments else {kind}


def fields_of(route: Route, kind: type) -> list[str]:
    """Return the names of a route's fields that take a text, a number, or a list."""
    return [f.encode_name for f in msgspec.structs.fields(route.request) if kind in kinds_of(f.type)]


def spellings(route: Route) -> tuple[str, ...]:
    """Return the paths that a row is attacked at, `api` and `ajax-api`; one test shows that `preview` is no other."""
    return route.paths[:2]


def every_path() -> Iterator[tuple[Route, str]]:
    """Yield each row with both of its spellings."""
    for route in ROUTES:
        for path in spellings(route):
            yield route, path


def ask_all(app: Dispatcher, requests: Iterable[Sent]) -> list[tuple[Sent, Answer]]:
    """Send requests one after the other, in one event loop."""

    async def run() -> list[tuple[Sent, Answer]]:
        return [(r, await ask_in_loop(app, r.method, r.target, r.body, r.headers)) for r in requests]

    return asyncio.run(run())


def assert_refused_or_harmless(sent: Sent, answer: Answer) -> None:
    """No bug, and if it is an error, one of the usual shape. What is not implemented answers 501."""
    assert answer.status < 500 or answer.status == 501, (sent, answer.body)
    if answer.status >= 400:
        assert set(answer.json) == {"error_code", "message", "siglum"}, (sent, answer.body)
