"""Writes docs/reference/mlflow-compatibility.md from the tables of routes, areas and differences.

`python -m tests.docs.compatibility_page`
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tests.interop.test_mlflow_calls import DIFFERENT

from siglum.server.out_of_scope import AREAS
from siglum.server.route import Api
from siglum.server.routes import ROUTES

PAGE = Path(__file__).parent.parent.parent / "docs/reference/mlflow-compatibility.md"
_TEXT = """\
# What of MLflow's server Siglum's has

Held against MLflow 3.17.2: `tests/interop` makes over 700 calls with MLflow's own client, and raw requests, and
compares what Siglum answers with what MLflow's server did. This page is written from the tables that the server and
that test use.

## Endpoints

Those below `/mlflow` and `/mlflow-artifacts` are served at `/api/2.0`, `/ajax-api/2.0`, and `/preview` below both;
`server-info` at `/api/3.0` and `/ajax-api/3.0`. With artifacts in a folder of the server, uploads in parts and
presigned URLs are answered as MLflow answers them then: 501 `NOT_IMPLEMENTED`, or 400 for a run whose files the server
keeps itself. With an object store they work, also for runs whose files the server keeps there.

{endpoints}

## Not there

These answer 501 with `error_code` `NOT_IMPLEMENTED` and a sentence. MLflow's client does not repeat such a request.

{areas}

## Different on purpose

{differences}

And what no call of the comparison shows:

- A body whose `Content-Type` is not `application/json` is refused with 415, where MLflow says 400.
- Field names in requests are those of the documentation, in snake_case; MLflow also takes camelCase.
- A value of another type than the documentation's is refused. MLflow stores an empty text or 0 in its place: for a
  parameter 0.1 that is not in quotes, or a time with a fraction.
- Page tokens of MLflow's server are no tokens of Siglum's, and the other way round.
- NaN is written as the string "NaN" in bulk histories, too, where MLflow writes a bare `NaN`, which is not JSON.
- Webhooks: events of prompts and budgets are refused with 501, since they never happen. The test of a webhook tells the
  status and not what the receiver answered. A redirect is followed with 307 and 308 only. Secrets are
  encrypted in the database, and their key survives a restart without being set in the environment.
- `/version` says Siglum's version.
- `/metrics` needs no option, and its names begin with `siglum_`.
"""


def render() -> str:
    """Return the page."""
    return _TEXT.format(endpoints=_endpoints(), areas=_areas(), differences=_differences())


def _table(columns: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [columns, tuple("---" for _ in columns), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def _endpoints() -> str:
    methods: dict[str, list[str]] = {}
    for route in ROUTES:
        if route.api is not Api.SIGLUM:
            methods.setdefault(route.path, []).append(route.method)
    return _table(("path", "methods"), [(f"`{path}`", ", ".join(sorted(found))) for path, found in methods.items()])


def _areas() -> str:
    rows = [(area.name, " ".join(f"`{path}`" for path in area.paths), area.answer) for area in AREAS]
    return _table(("area", "paths that begin with", "answer"), rows)


def _differences() -> str:
    calls: dict[str, list[str]] = {}
    for call, reason in DIFFERENT.items():
        calls.setdefault(reason, []).append(f"`` {call} ``")
    return _table(("why", "calls"), [(reason, "<br>".join(found)) for reason, found in calls.items()])


if __name__ == "__main__":
    PAGE.write_text(render())
