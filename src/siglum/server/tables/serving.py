"""Filling the server from another store, its audit log, and the server itself."""

from __future__ import annotations

from siglum.registry import import_wire, wire
from siglum.server.handlers import import_history, imports, registered_models, server_level
from siglum.server.route import Api, Route
from siglum.server.tables.rows import MANAGE, PUBLIC, READ, row, stream
from siglum.tracking import calls

ROUTES: tuple[Route, ...] = (
    # -- filling the server from another store
    row(
        "POST",
        "/import/experiment",
        import_wire.ImportExperiment,
        import_wire.ImportedExperiment,
        MANAGE,
        imports.add_experiment,
        Api.SIGLUM,
    ),
    row("GET", "/import/run", calls.RunIdRequest, import_wire.RunPoints, READ, imports.run_points, Api.SIGLUM),
    row(
        "POST",
        "/import/runs",
        import_wire.ImportRuns,
        import_wire.ImportedPoints,
        MANAGE,
        imports.add_runs,
        Api.SIGLUM,
    ),
    row(
        "POST",
        "/import/points",
        import_wire.ImportPoints,
        import_wire.ImportedPoints,
        MANAGE,
        imports.add_points,
        Api.SIGLUM,
    ),
    row(
        "POST",
        "/import/logged-model",
        import_wire.ImportLoggedModel,
        import_wire.ImportedLoggedModel,
        MANAGE,
        imports.add_logged_model,
        Api.SIGLUM,
    ),
    row("POST", "/import/links", import_wire.ImportLinks, calls.Empty, MANAGE, imports.link_models, Api.SIGLUM),
    row(
        "POST",
        "/import/models",
        import_wire.ImportModels,
        import_wire.ImportedModels,
        MANAGE,
        imports.add_models,
        Api.SIGLUM,
    ),
    row(
        "POST",
        "/import/history",
        import_wire.ImportHistory,
        import_wire.ImportedHistory,
        MANAGE,
        import_history.add_history,
        Api.SIGLUM,
    ),
    row(
        "POST",
        "/import/webhook",
        import_wire.ImportWebhook,
        import_wire.ImportedWebhook,
        MANAGE,
        import_history.add_webhook,
        Api.SIGLUM,
    ),
    # -- the audit log
    row("GET", "/audit", wire.GetAudit, wire.AuditAnswer, READ, registered_models.audit, Api.SIGLUM),
    # -- the server itself
    row(
        "GET",
        "/mlflow/server-info",
        calls.Empty,
        server_level.ServerInfo,
        PUBLIC,
        server_level.server_info,
        Api.V3,
    ),
    stream("GET", "/health", calls.Empty, PUBLIC, server_level.health, Api.ROOT),
    stream("GET", "/version", calls.Empty, PUBLIC, server_level.version, Api.ROOT),
    stream("GET", "/metrics", calls.Empty, READ, server_level.metrics, Api.ROOT),
    stream("GET", "/", calls.Empty, PUBLIC, server_level.page, Api.ROOT),
)
