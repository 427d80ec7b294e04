"""Filling a server from another store, over the routes that it has for that."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, TypeVar

import msgspec

from siglum.client.rest.session import SIGLUM, RestSession
from siglum.registry import import_wire
from siglum.registry.entities import Change
from siglum.registry.sql.bulk import ModelRecord, VersionRecord
from siglum.registry.sql.imports import NewRun
from siglum.registry.webhook_wire import WebhookMessage
from siglum.registry.wire import write_model_version, write_registered_model
from siglum.tracking.calls import Empty, RunIdRequest
from siglum.tracking.entities import Experiment, LoggedModel, Run
from siglum.tracking.messages import ModelInputMessage, ModelOutputMessage, RunDataMessage
from siglum.tracking.own_calls import write_number
from siglum.tracking.series import Point
from siglum.tracking.wire import write_experiment, write_logged_model, write_run

MAX_BODY: Final = 8 * 1024 * 1024
"""Bytes of records that are put into one request, unless a single one is longer."""

M = TypeVar("M", import_wire.ImportRun, import_wire.ImportModel, import_wire.ImportAuditEntry)

_IMPORT: Final = f"{SIGLUM}import/"


class RestImports:
    """Whole records to a server. Each call may be repeated, and is while the server is busy.

    A server of MLflow raises NotSupportedError.
    """

    def __init__(self, session: RestSession) -> None:
        self._session = session

    def add_experiment(self, experiment: Experiment, location: str | None) -> tuple[str, bool]:
        """Store an experiment; return its id there and whether it is new."""
        request = import_wire.ImportExperiment(experiment=write_experiment(experiment), location=location)
        answer = self._session.call("POST", f"{_IMPORT}experiment", request, import_wire.ImportedExperiment)
        return answer.experiment_id, answer.created

    def points_of(self, run_id: str) -> int | None:
        """Return how many points a run has there; None when it is not there."""
        request = RunIdRequest(run_id=run_id)
        return self._session.call("GET", f"{_IMPORT}run", request, import_wire.RunPoints).points

    def add_runs(self, new: Sequence[NewRun]) -> int:
        """Store runs; return how many points were new."""
        added = 0
        for part in _parts([_write_new_run(each) for each in new]):
            request = import_wire.ImportRuns(runs=part)
            added += self._session.call("POST", f"{_IMPORT}runs", request, import_wire.ImportedPoints).points
        return added

    def add_points(self, run_id: str, series: Mapping[str, Sequence[Point]], *, last: bool) -> int:
        """Store more points of a run; return how many were new."""
        request = import_wire.ImportPoints(run_id=run_id, series=_write_series(series), last=last)
        return self._session.call("POST", f"{_IMPORT}points", request, import_wire.ImportedPoints).points

    def add_logged_model(self, model: LoggedModel, *, deleted: bool) -> bool:
        """Store a logged model; return whether it is new."""
        request = import_wire.ImportLoggedModel(model=write_logged_model(model), deleted=deleted)
        return self._session.call("POST", f"{_IMPORT}logged-model", request, import_wire.ImportedLoggedModel).created

    def link_models(self, run: Run) -> None:
        """Store which models that are there a run read and made."""
        request = import_wire.ImportLinks(
            run_id=run.info.run_id,
            model_inputs=[ModelInputMessage(model_id=m.model_id) for m in run.inputs.model_inputs],
            model_outputs=[ModelOutputMessage(model_id=m.model_id, step=m.step) for m in run.outputs.model_outputs],
        )
        self._session.call("POST", f"{_IMPORT}links", request, Empty)

    def add_models(self, records: Sequence[ModelRecord], change: Change) -> tuple[int, int]:
        """Store registered models; return how many models and versions are new."""
        models = versions = 0
        for part in _parts([_write_model(each) for each in records]):
            request = import_wire.ImportModels(models=part)
            answer = self._session.call("POST", f"{_IMPORT}models", request, import_wire.ImportedModels, change=change)
            models += answer.models
            versions += answer.versions
        return models, versions

    def add_history(self, history: import_wire.ImportHistory, change: Change) -> int:
        """Send entries of an audit log, and next numbers of versions; return how many entries are new."""
        counters, added = history.counters, 0
        for part in _parts(history.entries) if history.entries else [[]]:
            request = import_wire.ImportHistory(entries=part, counters=counters)
            answer = self._session.call(
                "POST", f"{_IMPORT}history", request, import_wire.ImportedHistory, change=change
            )
            added += answer.entries
            counters = {}
        return added

    def add_webhook(self, webhook: WebhookMessage, secret: str | None) -> bool:
        """Store a webhook; return whether it is new. Raises InvalidInputError for a place that it may not send to."""
        request = import_wire.ImportWebhook(webhook=webhook, secret=secret)
        return self._session.call("POST", f"{_IMPORT}webhook", request, import_wire.ImportedWebhook).created


def _parts(messages: Sequence[M]) -> Iterator[list[M]]:
    """Yield messages in lists that make no longer a body than `MAX_BODY`, unless one alone does."""
    part: list[M] = []
    size = 0
    for message in messages:
        length = len(msgspec.json.encode(message))
        if part and size + length > MAX_BODY:
            yield part
            part, size = [], 0
        part.append(message)
        size += length
    if part:
        yield part


def _write_new_run(new: NewRun) -> import_wire.ImportRun:
    message = write_run(new.run)
    message.outputs = None
    data = message.data or RunDataMessage()
    data.metrics = []  # the series say it
    if message.inputs is not None:
        message.inputs.model_inputs = []
    return import_wire.ImportRun(run=message, deleted_time=new.deleted_time, series=_write_series(new.series))


def _write_series(series: Mapping[str, Sequence[Point]]) -> list[import_wire.SeriesPart]:
    return [
        import_wire.SeriesPart(
            key=key,
            steps=[point[0] for point in points],
            timestamps=[point[1] for point in points],
            values=[write_number(point[2]) for point in points],  # type: ignore[misc]  # never None
        )
        for key, points in series.items()
    ]


def _write_model(record: ModelRecord) -> import_wire.ImportModel:
    return import_wire.ImportModel(
        model=write_registered_model(msgspec.structs.replace(record.model, latest_versions=())),
        versions=[_write_version(each) for each in record.versions],
        next_version=record.next_version,
    )


def _write_version(record: VersionRecord) -> import_wire.ImportVersion:
    return import_wire.ImportVersion(
        version=write_model_version(record.version), storage_location=record.storage_location
    )
