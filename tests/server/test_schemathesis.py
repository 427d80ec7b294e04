"""Whatever the OpenAPI document allows, the routes answer as it says: never with a bug, never in another shape."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
from hypothesis import HealthCheck, Phase, given, settings
from tests.server.conftest import stores

from siglum.server.app import create_app
from siglum.server.openapi import is_described
from siglum.server.route import Api
from siglum.server.routes import ROUTES


def test_the_routes_are_as_described(tmp_path: Path) -> None:
    # Importing it takes seconds, which every process that collects this file would pay.
    from schemathesis import openapi
    from schemathesis.checks import not_a_server_error
    from schemathesis.core.result import Ok
    from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance

    checks = [not_a_server_error, content_type_conformance, response_schema_conformance]
    tried: set[str] = set()
    with stores(tmp_path) as config:
        config.tracking.create_run("0")
        app = create_app(msgspec.structs.replace(config, allowed_hosts=("*",)))
        for found in openapi.from_asgi("/api/siglum/1/openapi.json", app).get_all_operations():
            assert isinstance(found, Ok), found
            operation = found.ok()

            @settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
            @given(operation.as_strategy())
            def answer(case: Any) -> None:
                tried.add(case.operation.label)
                if case.path.endswith("/events"):
                    case.query["seconds"] = 0  # else it would listen for ever
                case.call_and_validate(checks=checks)

            answer()
        app.close()
    own = [route for route in ROUTES if route.api is Api.SIGLUM and is_described(route)]
    assert tried == {f"{route.method} {path}" for route in own for path in route.paths}
