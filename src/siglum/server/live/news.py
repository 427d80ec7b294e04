"""What each route that changes something tells listeners, by its handler. Who adds such a route adds a line here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias

from siglum.registry import import_wire, wire
from siglum.server.handlers import experiments, imports, logged_models, model_versions, registered_models, runs
from siglum.server.live.events import Kind, LiveEvent
from siglum.server.live.hub import Hub
from siglum.server.route import JsonHandler
from siglum.tracking import calls
from siglum.tracking.entities import Metric
from siglum.tracking.messages import RunInfoMessage

News: TypeAlias = Callable[[Hub, Any, Any], None]
"""Takes a request and its answer."""


# -- runs --------------------------------------------------------------------------------------------------------------
def _tell_of_run(hub: Hub, action: str, info: RunInfoMessage) -> None:
    hub.tell(
        LiveEvent(
            kind=Kind.RUN,
            action=action,
            run_id=info.run_id,
            experiment_id=info.experiment_id,
            status=str(info.status),
        )
    )


def _run_created(hub: Hub, _request: calls.CreateRun, answer: calls.RunAnswer) -> None:
    _tell_of_run(hub, "created", answer.run.info)


def _run_changed(hub: Hub, _request: calls.UpdateRun, answer: calls.RunInfoAnswer) -> None:
    _tell_of_run(hub, "changed", answer.run_info)


def _run(action: str) -> News:
    def tell(hub: Hub, request: calls.RunIdRequest, _answer: object) -> None:
        hub.tell(LiveEvent(kind=Kind.RUN, action=action, run_id=request.run))

    return tell


def _point(hub: Hub, request: calls.LogMetric, _answer: object) -> None:
    hub.tell_points(request.run, (Metric(request.key, request.value, request.timestamp, request.step),))


def _batch(hub: Hub, request: calls.LogBatch, _answer: object) -> None:
    if request.metrics:
        hub.tell_points(request.run, request.metrics)
    if request.params or request.tags:
        hub.tell(LiveEvent(kind=Kind.RUN, action="logged", run_id=request.run))


# -- experiments and logged models -------------------------------------------------------------------------------------
def _experiment_created(hub: Hub, _request: object, answer: calls.ExperimentId) -> None:
    hub.tell(LiveEvent(kind=Kind.EXPERIMENT, action="created", experiment_id=answer.experiment_id))


def _experiment(action: str) -> News:
    def tell(hub: Hub, request: Any, _answer: object) -> None:
        hub.tell(LiveEvent(kind=Kind.EXPERIMENT, action=action, experiment_id=request.experiment_id))

    return tell


def _logged_model_answer(action: str) -> News:
    def tell(hub: Hub, _request: object, answer: calls.LoggedModelAnswer) -> None:
        info = answer.model.info
        hub.tell(
            LiveEvent(
                kind=Kind.LOGGED_MODEL,
                action=action,
                model_id=info.model_id,
                experiment_id=info.experiment_id,
                status=str(info.status),
            )
        )

    return tell


def _logged_model(action: str) -> News:
    def tell(hub: Hub, request: calls.LoggedModelRequest, _answer: object) -> None:
        hub.tell(LiveEvent(kind=Kind.LOGGED_MODEL, action=action, model_id=request.model))

    return tell


# -- registry ----------------------------------------------------------------------------------------------------------
def _model(action: str) -> News:
    def tell(hub: Hub, request: Any, _answer: object) -> None:
        hub.tell(LiveEvent(kind=Kind.REGISTERED_MODEL, action=action, name=request.name))

    return tell


def _renamed(hub: Hub, request: wire.RenameRegisteredModel, _answer: object) -> None:
    for name in (request.name, request.new_name):
        hub.tell(LiveEvent(kind=Kind.REGISTERED_MODEL, action="renamed", name=name))


def _alias(hub: Hub, request: Any, _answer: object) -> None:
    version = getattr(request, "version", None)
    version = None if version is None else str(version)
    hub.tell(
        LiveEvent(kind=Kind.REGISTERED_MODEL, action="changed", name=request.name, alias=request.alias, version=version)
    )


def _alias_moved(hub: Hub, _request: object, answer: wire.AliasMoveAnswer) -> None:
    move = answer.move
    hub.tell(
        LiveEvent(
            kind=Kind.REGISTERED_MODEL,
            action="changed",
            name=move.name,
            alias=move.alias,
            version=move.to_version,
        )
    )


def _version_created(hub: Hub, _request: object, answer: wire.ModelVersionAnswer) -> None:
    made = answer.model_version
    hub.tell(LiveEvent(kind=Kind.MODEL_VERSION, action="created", name=made.name, version=str(made.version)))


def _version(action: str) -> News:
    def tell(hub: Hub, request: Any, _answer: object) -> None:
        hub.tell(LiveEvent(kind=Kind.MODEL_VERSION, action=action, name=request.name, version=str(request.version)))

    return tell


# -- whole records of another store ------------------------------------------------------------------------------------
def _imported_experiment(hub: Hub, _request: object, answer: import_wire.ImportedExperiment) -> None:
    hub.tell(LiveEvent(kind=Kind.EXPERIMENT, action="created", experiment_id=answer.experiment_id))


def _imported_runs(hub: Hub, request: import_wire.ImportRuns, _answer: object) -> None:
    for each in request.runs:
        _tell_of_run(hub, "created", each.run.info)


def _imported_logged_model(hub: Hub, request: import_wire.ImportLoggedModel, _answer: object) -> None:
    info = request.model.info
    hub.tell(
        LiveEvent(kind=Kind.LOGGED_MODEL, action="created", model_id=info.model_id, experiment_id=info.experiment_id)
    )


def _imported_models(hub: Hub, request: import_wire.ImportModels, _answer: object) -> None:
    for each in request.models:
        hub.tell(LiveEvent(kind=Kind.REGISTERED_MODEL, action="changed", name=each.model.name))


NEWS: Final[dict[JsonHandler, News]] = {
    experiments.create: _experiment_created,
    experiments.update: _experiment("changed"),
    experiments.delete: _experiment("deleted"),
    experiments.restore: _experiment("restored"),
    experiments.set_tag: _experiment("changed"),
    experiments.delete_tag: _experiment("changed"),
    runs.create: _run_created,
    runs.update: _run_changed,
    runs.delete: _run("deleted"),
    runs.restore: _run("restored"),
    runs.log_metric: _point,
    runs.log_batch: _batch,
    runs.log_param: _run("logged"),
    runs.set_tag: _run("logged"),
    runs.delete_tag: _run("logged"),
    runs.log_inputs: _run("logged"),
    runs.log_outputs: _run("logged"),
    runs.log_model: _run("logged"),
    runs.replace_params: _run("logged"),
    logged_models.create: _logged_model_answer("created"),
    logged_models.finalize: _logged_model_answer("changed"),
    logged_models.delete: _logged_model("deleted"),
    logged_models.set_tags: _logged_model("logged"),
    logged_models.delete_tag: _logged_model("logged"),
    logged_models.log_params: _logged_model("logged"),
    registered_models.create: _model("created"),
    registered_models.update: _model("changed"),
    registered_models.rename: _renamed,
    registered_models.delete: _model("deleted"),
    registered_models.set_tag: _model("changed"),
    registered_models.delete_tag: _model("changed"),
    registered_models.set_alias: _alias,
    registered_models.delete_alias: _alias,
    registered_models.move_alias: _alias_moved,
    registered_models.drop_alias: _alias_moved,
    registered_models.rollback: _alias_moved,
    imports.add_experiment: _imported_experiment,
    imports.add_runs: _imported_runs,
    imports.add_points: _run("logged"),
    imports.link_models: _run("logged"),
    imports.add_logged_model: _imported_logged_model,
    imports.add_models: _imported_models,
    model_versions.create: _version_created,
    model_versions.update: _version("changed"),
    model_versions.transition_stage: _version("changed"),
    model_versions.delete: _version("deleted"),
    model_versions.set_tag: _version("changed"),
    model_versions.delete_tag: _version("changed"),
}

UNTOLD: Final = ("artifacts", "import_history", "transfers", "webhooks")
"""Modules of handlers whose changes no listener shows."""
