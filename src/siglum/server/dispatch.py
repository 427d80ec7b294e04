"""Find the row of a request and run it: fixed paths in a dictionary, the few others by pattern. Pure ASGI."""

from __future__ import annotations

import asyncio
import json
import re
import time
import typing
from collections.abc import Iterable
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Any
from urllib.parse import parse_qsl, unquote_to_bytes

import msgspec

from siglum.core.errors import InvalidInputError
from siglum.server import errors
from siglum.server.errors import RefusedError
from siglum.server.exchange import ABORT, CUT, ClientGoneError, Exchange, Receive, Scope, Send
from siglum.server.guard import Guard, Headers, change_of, check_json_type, read_headers
from siglum.server.live.news import NEWS
from siglum.server.out_of_scope import area_of, refusal
from siglum.server.route import Call, Route, Services
from siglum.tracking.messages import Message

JSON_HEADERS = ((b"content-type", b"application/json"),)
EMPTY = b"{}"
LOOP_BYTES = 256 * 1024
"""Longer bodies are read in a thread, so that others do not wait."""
MAX_QUERY_FIELDS = 10_000
API_THREADS = 64
"""Requests that wait for the store at once: those that wait for the same commit share it."""
FILE_THREADS = 32

_COUNTED_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
"""All others are counted as one: a client may invent a method with each request."""

_encode = msgspec.json.Encoder().encode


class Endpoint:
    """A row made ready: its decoder, and which query parameters repeat."""

    def __init__(self, route: Route) -> None:
        self.route = route
        self.reads_body = route.method != "GET" and route.handler is not None
        self.needs_json_type = route.method in ("POST", "PUT") and route.handler is not None
        self._decode = msgspec.json.Decoder(route.request, strict=False).decode
        self._request = route.request
        self._repeated = {
            field.encode_name
            for field in msgspec.structs.fields(route.request)
            if typing.get_origin(field.type) in (list, tuple)
        }
        self._fields = {field.name for field in msgspec.structs.fields(route.request)}
        self._news = None if route.handler is None else NEWS.get(route.handler)

    def run(self, services: Services, body: bytes, query: bytes, parameters: dict[str, str], call: Call) -> bytes:
        """Decode, do the work, encode. Blocks; runs in a thread."""
        assert self.route.handler is not None
        request = self.read_request(body, query, parameters)
        answer = self.route.handler(services, request, call)
        if self._news is not None:
            self._news(services.live, request, answer)
        return _encode(answer)

    async def run_queued(self, services: Services, body: bytes, query: bytes, call: Call) -> bytes:
        """Do as `run` in the event loop, where the row can: no thread but the one that writes is woken."""
        assert self.route.queue is not None
        request = self.read_request(body, query, {})
        await asyncio.wrap_future(self.route.queue(services, request, call))
        if self._news is not None:
            self._news(services.live, request, None)
        return EMPTY

    def read_request(self, body: bytes, query: bytes, parameters: dict[str, str]) -> Message:
        """Return the request as a message: from the body, else from the query; what the path names goes before."""
        if self.reads_body or (body and not query):
            request = self._read_body(body or b"{}")
        else:
            request = msgspec.convert(self._read_query(query), self._request, strict=False)
        for name, value in parameters.items():
            if name in self._fields:
                setattr(request, name, value)
        return request

    def _read_body(self, body: bytes) -> Message:
        try:
            return self._decode(body)
        except msgspec.ValidationError:
            raise
        except msgspec.DecodeError:
            if b"NaN" not in body and b"Infinity" not in body:
                raise
            return self._read_python_json(body)

    def _read_python_json(self, body: bytes) -> Message:
        """Read what Python's `json` writes and MLflow's server takes: a loss that is a bare NaN is no JSON."""
        try:
            found = json.loads(body)
            msgspec.json.encode(found)  # refuses half of a surrogate pair, which could not be answered
        except (ValueError, OverflowError):
            raise InvalidInputError("The request's body is not JSON in UTF-8.") from None
        return msgspec.convert(found, self._request, strict=False)

    def _read_query(self, query: bytes) -> dict[str, Any]:
        try:
            pairs = parse_qsl(
                query.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MAX_QUERY_FIELDS
            )
        except ValueError:
            raise InvalidInputError("The query is not percent-encoded UTF-8, or has too many fields.") from None
        found: dict[str, Any] = {}
        for name, value in pairs:
            if name in self._repeated:
                found.setdefault(name, []).append(value)
            else:
                found[name] = value
        return found


class Dispatcher:
    """The ASGI application. Every answer that is not a file goes through it, every error through `errors`."""

    def __init__(self, routes: Iterable[Route], services: Services, guard: Guard, *, max_json: int) -> None:
        self._services = services
        self._guard = guard
        self._max_json = max_json
        self._api: Executor = ThreadPoolExecutor(API_THREADS, "siglum-api")
        self._files: Executor = ThreadPoolExecutor(FILE_THREADS, "siglum-files")
        self._fixed: dict[str, dict[str, Endpoint]] = {}
        self._patterns: dict[str, tuple[re.Pattern[str], dict[str, Endpoint]]] = {}
        for route in routes:
            endpoint = Endpoint(route)
            for path in route.paths:
                methods = self._methods_at(path)
                if route.method in methods:
                    raise TypeError(f"{route.method} {path} is in the table twice")
                methods[route.method] = endpoint

    def _methods_at(self, path: str) -> dict[str, Endpoint]:
        if "{" not in path:
            return self._fixed.setdefault(path, {})
        return self._patterns.setdefault(path, (_pattern(path), {}))[1]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        begun = time.perf_counter()
        exchange = Exchange(Headers(), receive, send, self._files, is_head=scope["method"] == "HEAD")
        exchange.abort = scope.get("extensions", {}).get(ABORT, {}).get(CUT, exchange.abort)
        try:
            await self._answer(scope, exchange)
        except ClientGoneError:
            return
        except asyncio.CancelledError:
            raise
        except Exception as error:
            status, body, further = errors.answer(error)
            if exchange.started:
                raise  # the server then cuts the connection, which is all that can be said now
            await exchange.respond(status, body, JSON_HEADERS + further)
        finally:
            method = scope["method"] if scope["method"] in _COUNTED_METHODS else "other"
            self._services.statistics.count(method, exchange.route, exchange.status, time.perf_counter() - begun)

    async def _answer(self, scope: Scope, exchange: Exchange) -> None:
        exchange.headers = headers = read_headers(scope["headers"])
        method = scope["method"]
        self._guard.check(method, headers)
        endpoint, parameters = self._find(method, scope.get("raw_path") or scope["path"].encode())
        exchange.route = endpoint.route.path
        call = Call(change_of(headers, _address(scope)))
        query = scope["query_string"]
        if endpoint.route.stream is not None:
            request = endpoint.read_request(b"", query, parameters)
            await endpoint.route.stream(self._services, request, exchange)
            return
        if endpoint.needs_json_type:
            check_json_type(headers)
        body = b"" if method == "HEAD" else await exchange.read_body(self._max_json)
        if endpoint.route.queue is not None and len(body) <= LOOP_BYTES:
            answer = await endpoint.run_queued(self._services, body, query, call)
        else:
            answer = await asyncio.get_running_loop().run_in_executor(
                self._api, endpoint.run, self._services, body, query, parameters, call
            )
        await exchange.respond(200, answer, JSON_HEADERS)

    def _find(self, method: str, raw_path: bytes) -> tuple[Endpoint, dict[str, str]]:
        """Return the row for a path as it was sent. What a pattern takes from it is percent-decoded once, here."""
        path = raw_path.decode("latin-1")
        methods = self._fixed.get(path)
        parameters: dict[str, str] = {}
        if methods is None:
            for pattern, found in self._patterns.values():
                match = pattern.fullmatch(path)
                if match is not None:
                    methods = found
                    parameters = {name: _decoded(value) for name, value in match.groupdict().items()}
                    break
        if methods is None:
            area = area_of(path)
            if area is not None:
                raise refusal(area)
            raise RefusedError(404, "ENDPOINT_NOT_FOUND", "This server has no such endpoint.")
        endpoint = methods.get("GET" if method == "HEAD" else method)
        if endpoint is None:
            allowed = tuple(sorted(methods))
            raise RefusedError(
                405, "ENDPOINT_NOT_FOUND", f"This endpoint takes {' and '.join(allowed)} only.", allow=allowed
            )
        return endpoint, parameters

    def end_streams(self) -> None:
        """End the answers that would go on for ever. What serves the application calls it once it is to stop."""
        self._services.live.close()

    def close(self) -> None:
        """Wait for what is under way and end the threads. An ASGI server does it at its end."""
        self.end_streams()
        self._api.shutdown()
        self._files.shutdown()
        self._services.sender.close()
        if self._services.relay is not None:
            self._services.relay.close()

    async def _live(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                self._services.live.run_in(asyncio.get_running_loop())
                await send({"type": "lifespan.startup.complete"})
            else:
                self.close()
                await send({"type": "lifespan.shutdown.complete"})
                return


def _pattern(path: str) -> re.Pattern[str]:
    parts = re.split(r"\{(\w+)(:path)?\}", path)
    text = re.escape(parts[0])
    for name, rest, literal in zip(parts[1::3], parts[2::3], parts[3::3], strict=True):
        text += f"(?P<{name}>{'.*' if rest else '[^/]+'})" + re.escape(literal)
    return re.compile(text, re.DOTALL)


def _decoded(value: str) -> str:
    try:
        return unquote_to_bytes(value).decode()
    except UnicodeDecodeError:
        raise InvalidInputError("The path is not percent-encoded UTF-8.") from None


def _address(scope: Scope) -> str:
    client = scope.get("client")
    return str(client[0]) if client else "local"
