"""Filling this server from another store: records with their ids and times, held to the rules of all other requests."""

from __future__ import annotations

from typing import Final

from siglum.core import limits
from siglum.core.errors import InvalidInputError
from siglum.core.names import (
    check_alias,
    check_experiment_name,
    check_key,
    check_logged_model_name,
    check_registered_model_name,
    check_run_id,
    check_text,
    parse_version,
)
from siglum.registry import import_wire
from siglum.registry.entities import Stage
from siglum.registry.sql.bulk import ModelRecord, VersionRecord
from siglum.registry.sql.imports import NewRun
from siglum.registry.wire import read_model_version, read_registered_model
from siglum.server.route import Call, Services
from siglum.server.sources import check_kept_location, check_kept_source
from siglum.tracking.calls import Empty, RunIdRequest
from siglum.tracking.entities import (
    LifecycleStage,
    LoggedModelInput,
    LoggedModelOutput,
    Run,
    RunData,
    RunInputs,
    RunOutputs,
)
from siglum.tracking.series import Point
from siglum.tracking.validation import check_dataset_input, check_params, check_tags
from siglum.tracking.wire import read_experiment, read_logged_model, read_run

_STAGES: Final = frozenset(LifecycleStage)
_MODEL_STAGES: Final = frozenset(Stage)
_STATUS_LENGTH: Final = 50


def add_experiment(
    services: Services, request: import_wire.ImportExperiment, _call: Call
) -> import_wire.ImportedExperiment:
    """Store an experiment of another store under its own id, where that is free."""
    message = request.experiment
    check_experiment_name(message.name)
    check_tags(message.tags, limits.EXPERIMENT_TAG_VALUE, where="experiment.tags")
    _check_stage(message.lifecycle_stage)
    location = None if request.location is None else check_kept_location(request.location)
    number, new = services.imports.add_experiment(read_experiment(message), location)
    return import_wire.ImportedExperiment(experiment_id=number, created=new)


def run_points(services: Services, request: RunIdRequest, _call: Call) -> import_wire.RunPoints:
    """Return how many points of a run are here, so that a migration sends only what is missing."""
    return import_wire.RunPoints(points=services.imports.points_of(check_run_id(request.run)))


def add_runs(services: Services, request: import_wire.ImportRuns, _call: Call) -> import_wire.ImportedPoints:
    """Store runs of another store with their ids, times and points."""
    new = [_read_run(each, f"runs[{i}]") for i, each in enumerate(request.runs)]
    return import_wire.ImportedPoints(points=services.imports.add_runs(new))


def add_points(services: Services, request: import_wire.ImportPoints, _call: Call) -> import_wire.ImportedPoints:
    """Store more points of a run, of however many there are."""
    series = _read_series(request.series)
    return import_wire.ImportedPoints(points=services.imports.add_points(request.run, series, last=request.last))


def add_logged_model(
    services: Services, request: import_wire.ImportLoggedModel, _call: Call
) -> import_wire.ImportedLoggedModel:
    """Store a logged model of another store under its own id."""
    info, data = request.model.info, request.model.data
    check_logged_model_name(info.name)
    check_key(info.model_id, "model_id")
    check_text(info.model_type or "", "model_type", limits.MODEL_TYPE)
    check_text(info.status_message or "", "status_message", limits.DESCRIPTION)
    check_text(info.source_run_id or "", "source_run_id", limits.USER_ID)
    check_tags(info.tags, limits.LOGGED_MODEL_TAG_VALUE)
    check_kept_location(info.artifact_uri)
    if data is not None:
        check_params(data.params)
        for point in data.metrics:
            check_key(point.key, "metrics.key")
            check_text(point.dataset_name or "", "metrics.dataset_name", limits.DATASET_NAME)
            check_text(point.dataset_digest or "", "metrics.dataset_digest", limits.DATASET_DIGEST)
    return import_wire.ImportedLoggedModel(
        created=services.imports.add_logged_model(read_logged_model(request.model), deleted=request.deleted)
    )


def link_models(services: Services, request: import_wire.ImportLinks, _call: Call) -> Empty:
    """Store which logged models a run read and made."""
    info = services.tracking.get_run(request.run).info
    services.imports.link_models(
        Run(
            info=info,
            data=RunData(),
            inputs=RunInputs(model_inputs=tuple(LoggedModelInput(model_id=m.model_id) for m in request.model_inputs)),
            outputs=RunOutputs(
                model_outputs=tuple(LoggedModelOutput(model_id=m.model_id, step=m.step) for m in request.model_outputs)
            ),
        )
    )
    return Empty()


def add_models(services: Services, request: import_wire.ImportModels, call: Call) -> import_wire.ImportedModels:
    """Store registered models of another store with the numbers, times, stages and aliases of their versions."""
    models, versions = services.imports.add_models([_read_model(each) for each in request.models], call.change)
    return import_wire.ImportedModels(models=models, versions=versions)


# -- parts ---------------------------------------------------------------------------------------------------------
def _read_run(message: import_wire.ImportRun, where: str) -> NewRun:
    info, data, inputs = message.run.info, message.run.data, message.run.inputs
    check_run_id(info.run_id)
    check_text(info.run_name or "", f"{where}.run_name", limits.RUN_NAME)
    check_text(info.user_id or "", f"{where}.user_id", limits.USER_ID)
    check_kept_location(info.artifact_uri or "")
    _check_stage(info.lifecycle_stage)
    if data is not None:
        check_params(data.params)
        check_tags(data.tags, limits.RUN_TAG_VALUE, where=f"{where}.tags")
    run = read_run(message.run)
    for i, item in enumerate(run.inputs.dataset_inputs if inputs is not None else ()):
        check_dataset_input(item, f"{where}.dataset_inputs[{i}]")
    return NewRun(run, message.deleted_time, _read_series(message.series))


def _read_series(parts: list[import_wire.SeriesPart]) -> dict[str, list[Point]]:
    found: dict[str, list[Point]] = {}
    for part in parts:
        check_key(part.key, "series.key")
        if not len(part.steps) == len(part.timestamps) == len(part.values):
            raise InvalidInputError(f"The columns of series {part.key!r} are of different lengths.")
        try:
            values = [float(value) for value in part.values]
        except ValueError:
            raise InvalidInputError(f"Series {part.key!r} has a value that is no number.") from None
        found.setdefault(part.key, []).extend(zip(part.steps, part.timestamps, values, strict=True))
    return found


def _read_model(message: import_wire.ImportModel) -> ModelRecord:
    model = message.model
    model.latest_versions = []  # the versions themselves say it
    check_registered_model_name(model.name)
    check_text(model.description or "", "description", limits.DESCRIPTION)
    check_tags(model.tags, limits.REGISTRY_TAG_VALUE)
    for alias in model.aliases:
        check_alias(alias.alias)
        parse_version(str(alias.version))
    return ModelRecord(
        model=read_registered_model(model),
        versions=tuple(_read_version(each, model.name) for each in message.versions),
        next_version=message.next_version,
    )


def _read_version(message: import_wire.ImportVersion, name: str) -> VersionRecord:
    version = message.version
    if version.name != name or parse_version(str(version.version)) < 1:
        raise InvalidInputError(f"{version.name}@{version.version} is no version of {name!r}.")
    if (version.current_stage or Stage.NONE) not in _MODEL_STAGES:
        raise InvalidInputError(f"Invalid value {version.current_stage!r} for parameter 'current_stage' supplied.")
    check_text(version.description or "", "description", limits.DESCRIPTION)
    check_text(version.status_message or "", "status_message", limits.DESCRIPTION)
    check_text(version.status or "", "status", _STATUS_LENGTH)
    for field in ("user_id", "run_id", "model_id"):
        check_text(getattr(version, field) or "", field, limits.USER_ID)
    check_text(version.run_link or "", "run_link", limits.ARTIFACT_LOCATION)
    check_tags(version.tags, limits.REGISTRY_TAG_VALUE)
    check_kept_source(version.source or "")
    return VersionRecord(read_model_version(version), check_kept_source(message.storage_location))


def _check_stage(stage: str | None) -> None:
    if stage and stage not in _STAGES:
        raise InvalidInputError(f"Invalid value {stage!r} for parameter 'lifecycle_stage' supplied.")
