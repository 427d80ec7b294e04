"""What only Siglum has, below `/api/siglum/1`."""

from __future__ import annotations

from siglum.registry import wire
from siglum.server import columns, lineage_wire
from siglum.server.handlers import (
    artifacts,
    lineage,
    live,
    own,
    registered_models,
    replacing,
    runs,
    series,
    server_level,
)
from siglum.server.live.events import EVENT_STREAM
from siglum.server.route import Api, Route
from siglum.server.tables.rows import MANAGE, PUBLIC, READ, WRITE, row, stream
from siglum.tracking import calls, own_calls

ROUTES: tuple[Route, ...] = (
    # -- Siglum's own
    row("GET", "/artifacts", calls.ArtifactPath, calls.ArtifactsAnswer, READ, artifacts.list_with_hashes, Api.SIGLUM),
    stream(
        "PUT",
        "/artifacts",
        own_calls.ReplaceArtifact,
        WRITE,
        replacing.replace_artifact,
        Api.SIGLUM,
        media=("application/json",),
    ),
    row("POST", "/runs/page", own_calls.RunPage, own_calls.RunPageAnswer, READ, own.run_page, Api.SIGLUM),
    row(
        "GET",
        "/metrics/window",
        own_calls.MetricWindow,
        own_calls.MetricWindowAnswer,
        READ,
        own.metric_window,
        Api.SIGLUM,
    ),
    stream(
        "GET",
        "/metrics/series",
        own_calls.MetricSeries,
        READ,
        series.metric_series,
        Api.SIGLUM,
        media=(columns.ARROW, columns.PACKED),
    ),
    stream("GET", "/events", live.Listen, READ, live.events, Api.SIGLUM, media=(EVENT_STREAM,)),
    row(
        "GET",
        "/lineage/version",
        lineage_wire.VersionReference,
        lineage_wire.TraceAnswer,
        READ,
        lineage.trace,
        Api.SIGLUM,
    ),
    row(
        "GET",
        "/lineage/diff",
        lineage_wire.VersionPair,
        lineage_wire.VersionDiffAnswer,
        READ,
        lineage.diff,
        Api.SIGLUM,
    ),
    row(
        "GET",
        "/data/versions",
        own_calls.DataVersions,
        own_calls.DataVersionsAnswer,
        READ,
        lineage.data_versions,
        Api.SIGLUM,
    ),
    stream("GET", "/openapi.json", calls.Empty, PUBLIC, server_level.openapi, Api.SIGLUM),
    row(
        "POST",
        "/registered-models/alias",
        wire.SetAlias,
        wire.AliasMoveAnswer,
        MANAGE,
        registered_models.move_alias,
        Api.SIGLUM,
    ),
    row(
        "DELETE",
        "/registered-models/alias",
        wire.AliasName,
        wire.AliasMoveAnswer,
        MANAGE,
        registered_models.drop_alias,
        Api.SIGLUM,
    ),
    row(
        "POST",
        "/registered-models/rollback",
        wire.Rollback,
        wire.AliasMoveAnswer,
        MANAGE,
        registered_models.rollback,
        Api.SIGLUM,
    ),
    row("POST", "/runs/replace-parameters", calls.ReplaceParams, calls.Empty, WRITE, runs.replace_params, Api.SIGLUM),
)
