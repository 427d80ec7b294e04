"""Logging a model: saved and hashed here, stored with its run, finalized, and registered when asked for."""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import msgspec

from siglum.client import recording, state
from siglum.client.active import RunScope
from siglum.client.artifact_folder import upload_folder
from siglum.client.fluent.runs import current_scope
from siglum.client.model_uris import HASH_TAG
from siglum.client.registration import register
from siglum.core import limits
from siglum.core.clock import now_ms
from siglum.models.content import model_content_hash
from siglum.models.mlmodel import Model, read_model, write_model
from siglum.models.signature import ModelSignature
from siglum.tracking.entities import LoggedModel, LoggedModelOutput, LoggedModelStatus, Metric, Param, Run, Tag
from siglum.tracking.store import TrackingStore

HASHES_TAG = "siglum.content_hashes"
"""On a run that logged models: JSON of each one's name and content hash."""

_log = logging.getLogger("siglum")

Save: TypeAlias = Callable[[str], Model]
"""Saves a model to a folder that does not exist yet."""


class ModelInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A model that was logged. `model_uri` is what `load_model` takes; times are milliseconds since the epoch."""

    model_uri: str
    model_id: str
    name: str
    artifact_path: str
    run_id: str
    content_hash: str
    flavors: dict[str, dict[str, Any]]
    signature: ModelSignature | None
    model_uuid: str | None
    mlflow_version: str | None
    utc_time_created: str | None
    creation_timestamp: int
    metadata: dict[str, Any] | None
    saved_input_example_info: dict[str, Any] | None
    tags: dict[str, str]
    params: dict[str, str]
    metrics: tuple[Metric, ...]
    registered_model_version: int | None = None


def log_model(
    save: Save,
    *,
    name: str | None = None,
    artifact_path: str | None = None,
    registered_model_name: str | None = None,
    params: Mapping[str, Any] | None = None,
    tags: Mapping[str, Any] | None = None,
    model_type: str | None = None,
    step: int = 0,
    model_id: str | None = None,
    await_registration_for: float = 300,
) -> ModelInfo:
    """Log a model to the active run (one is started when there is none) and return what is on record of it.

    The model is saved to a private folder first: one that cannot be saved leaves nothing behind. Its content hash
    and the run's recipe so far go on record with it, on the run and on the version. While a server does not answer,
    the model's files wait with those of the run, as `runs:/<run id>/<name>`, and it is no logged model and no version.

    Args:
        save: Saves the model to the folder that it is given.
        name: What the model is called in the run; `model` when neither this nor `artifact_path` is given.
        artifact_path: MLflow's former name of `name`.
        registered_model_name: Register it as the next version of this model, which is created when it is new.
        params: More parameters of the model; it gets the run's too.
        tags: Tags of the logged model.
        model_type: What kind of model it is, free to choose.
        step: The training step that the model is of.
        model_id: A logged model that was created before, and gets its files now.
        await_registration_for: Seconds to wait for a version that its server does not call ready at once.
    """
    scope = current_scope()
    private = tempfile.mkdtemp(prefix="siglum-model-")
    try:
        folder = os.path.join(private, "model")
        save(folder)
        content_hash = model_content_hash(folder)
        if not scope.session.queue.settle(scope.run_id):
            return _log_later(scope, folder, name or artifact_path or "model", content_hash, tags or {}, params or {})
        recipe = recording.write_recipe(scope)
        store = scope.session.stores.tracking
        run = store.get_run(scope.run_id)
        known = {HASH_TAG: content_hash, **recording.recipe_tags(recipe, limits.LOGGED_MODEL_TAG_VALUE)}
        all_tags = {**{key: str(value) for key, value in (tags or {}).items()}, **known}
        all_params = {**run.data.params, **{key: str(value) for key, value in (params or {}).items()}}
        logged = _create(store, run, name or artifact_path or "model", model_type, all_tags, all_params, model_id)
        try:
            model = _bind(folder, logged, run)
            upload_folder(scope.session.stores.artifacts_for(logged.artifact_location), folder)
            _connect(scope, store, run, logged, step, content_hash)
        except BaseException:
            store.finalize_logged_model(logged.model_id, LoggedModelStatus.FAILED)
            raise
        logged = store.finalize_logged_model(logged.model_id, LoggedModelStatus.READY)
        state.set_last_model_id(logged.model_id)
    finally:
        shutil.rmtree(private, ignore_errors=True)
    info = _info(model, logged, scope.run_id, content_hash)
    if registered_model_name is None:
        return info
    version = register(
        scope.session.stores, logged.model_uri, registered_model_name, await_seconds=await_registration_for
    )
    return msgspec.structs.replace(info, registered_model_version=int(version.version))


def _log_later(
    scope: RunScope, folder: str, name: str, content_hash: str, tags: Mapping[str, Any], params: Mapping[str, Any]
) -> ModelInfo:
    """Keep a model while its server does not answer: among the files of its run, as `runs:/<run id>/<name>`.

    A server gives logged models and versions their ids, so that neither can be made yet.
    """
    model = msgspec.structs.replace(read_model(folder), run_id=scope.run_id, artifact_path=name)
    write_model(folder, model)
    files = scope.session.stores.artifacts_for(scope.run.info.artifact_uri)
    upload_folder(files, folder, name)
    scope.session.stores.tracking.log_batch(scope.run_id, tags=[Tag(HASH_TAG, content_hash)])
    _log.warning(
        "The server does not answer: the model %r is sent with the files of run %s later. To register it then: "
        "siglum.register_model('runs:/%s/%s', …).",
        name,
        scope.run_id,
        scope.run_id,
        name,
    )
    return ModelInfo(
        model_uri=f"runs:/{scope.run_id}/{name}",
        model_id="",
        name=name,
        artifact_path=f"{files.uri.rstrip('/')}/{name}",
        run_id=scope.run_id,
        content_hash=content_hash,
        flavors=model.flavors,
        signature=model.signature,
        model_uuid=model.model_uuid,
        mlflow_version=model.mlflow_version,
        utc_time_created=model.utc_time_created,
        creation_timestamp=now_ms(),
        metadata=model.metadata,
        saved_input_example_info=model.saved_input_example_info,
        tags={key: str(value) for key, value in tags.items()},
        params={key: str(value) for key, value in params.items()},
        metrics=(),
    )


def _create(
    store: TrackingStore,
    run: Run,
    name: str,
    model_type: str | None,
    tags: Mapping[str, str],
    params: Mapping[str, str],
    model_id: str | None,
) -> LoggedModel:
    listed = [Param(key, value) for key, value in params.items()]
    made_tags = [Tag(key, value) for key, value in tags.items()]
    if model_id is not None:
        logged, rest = store.get_logged_model(model_id), listed
        store.set_logged_model_tags(model_id, made_tags)
    else:
        logged = store.create_logged_model(
            run.info.experiment_id,
            name=name,
            source_run_id=run.info.run_id,
            tags=made_tags,
            params=listed[: limits.BATCH_PARAMS],
            model_type=model_type,
        )
        rest = listed[limits.BATCH_PARAMS :]
    for start in range(0, len(rest), limits.BATCH_PARAMS):
        store.log_logged_model_params(logged.model_id, rest[start : start + limits.BATCH_PARAMS])
    return logged


def _bind(folder: str, logged: LoggedModel, run: Run) -> Model:
    """Write into the saved model which run and logged model it belongs to; its content hash does not cover this."""
    model = msgspec.structs.replace(
        read_model(folder),
        run_id=run.info.run_id,
        model_id=logged.model_id,
        model_uuid=logged.model_id,
        artifact_path=logged.artifact_location,
    )
    write_model(folder, model)
    return model


def _connect(
    scope: RunScope, store: TrackingStore, run: Run, logged: LoggedModel, step: int, content_hash: str
) -> None:
    """Make the model an output of its run, and the run's last metric points those of the model."""
    store.log_outputs(scope.run_id, [LoggedModelOutput(model_id=logged.model_id, step=step)])
    latest = [msgspec.structs.replace(point, model_id=logged.model_id, run_id=None) for point in run.data.latest]
    for start in range(0, len(latest), limits.BATCH_METRICS):
        store.log_batch(scope.run_id, metrics=latest[start : start + limits.BATCH_METRICS])
    hashes = _hashes_so_far(run) | {logged.name: content_hash}
    by_name = msgspec.json.encode(hashes, order="sorted").decode()
    store.log_batch(scope.run_id, tags=[Tag(HASH_TAG, content_hash), Tag(HASHES_TAG, by_name)])


def _hashes_so_far(run: Run) -> dict[str, str]:
    try:
        return msgspec.json.decode(run.data.tags.get(HASHES_TAG, "{}"), type=dict[str, str])
    except msgspec.MsgspecError:  # somebody else's tag
        return {}


def _info(model: Model, logged: LoggedModel, run_id: str, content_hash: str) -> ModelInfo:
    return ModelInfo(
        model_uri=logged.model_uri,
        model_id=logged.model_id,
        name=logged.name,
        artifact_path=logged.artifact_location,
        run_id=run_id,
        content_hash=content_hash,
        flavors=model.flavors,
        signature=model.signature,
        model_uuid=model.model_uuid,
        mlflow_version=model.mlflow_version,
        utc_time_created=model.utc_time_created,
        creation_timestamp=logged.creation_timestamp,
        metadata=model.metadata,
        saved_input_example_info=model.saved_input_example_info,
        tags=logged.tags,
        params=logged.params,
        metrics=logged.metrics,
    )
