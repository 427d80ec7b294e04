"""Model URIs: from any of their forms to the files they mean; `model_download` gets these."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable

import msgspec

from siglum.client.paging import collect
from siglum.client.stores import Stores
from siglum.core.errors import ConflictError, InvalidInputError, NotFoundError
from siglum.core.text import did_you_mean
from siglum.core.uris import (
    LoggedModelById,
    ModelByStage,
    RunArtifact,
    parse_model_uri,
)
from siglum.lineage.resolve import resolve_version
from siglum.registry.entities import ModelVersion, Stage
from siglum.tracking.entities import LoggedModel, LoggedModelStatus

HASH_TAG = "siglum.content_hash"
_SCHEME = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.\-]+):")
_FILES = ("mlflow-artifacts", "http", "https", "file", "s3", "gs", "wasbs", "abfss", "hdfs", "ftp", "sftp", "dbfs")


class ResolvedModel(msgspec.Struct, frozen=True, kw_only=True):
    """What a model URI means. Either `local` (a folder here) or `artifact_uri` (files in a store) is set.

    `label` is how a message calls it; `source` is what a version made of it has on record as its source.
    """

    uri: str
    label: str
    source: str
    artifact_uri: str = ""
    local: str | None = None
    content_hash: str | None = None
    name: str | None = None
    version: str | None = None
    model_id: str | None = None
    run_id: str | None = None


def resolve_model(stores: Stores, uri: str | os.PathLike[str]) -> ResolvedModel:
    """Find what a model URI means. Files are not looked at yet.

    Takes `models:/<name>/<version>`, `…/<stage>`, `…/latest`, `models:/<name>@<alias>`, `models:/<model id>`,
    `runs:/<run id>/<path>`, an artifact URI, or the path of a local folder.

    Raises:
        InvalidInputError: Not a model URI.
        NotFoundError: Nothing has this name, version, alias, stage, id or path; says what is near.
        ConflictError: The model's files are not complete.
    """
    text = os.fspath(uri)
    match = _SCHEME.match(text)
    scheme = match["scheme"].lower() if match else ""
    if scheme in ("models", "runs"):
        return _resolve_named(stores, text)
    if scheme in _FILES:
        return ResolvedModel(uri=text, label=text, source=text, artifact_uri=text)
    if os.path.isdir(text):
        return ResolvedModel(uri=text, label=text, source=text, local=os.path.abspath(text))
    if scheme:
        raise InvalidInputError(
            f"{text!r} is not a model URI: there is no scheme {scheme!r}.",
            hint=did_you_mean(scheme, ("models", "runs", *_FILES)) or "Use models:/<name>/<version>.",
        )
    raise NotFoundError(
        f"There is no folder {text!r}.", hint="For a registered model write models:/<name>/<version or stage>."
    )


# -- models:/ and runs:/ -------------------------------------------------------------------------------------
def _resolve_named(stores: Stores, uri: str) -> ResolvedModel:
    parsed = parse_model_uri(uri)
    if isinstance(parsed, LoggedModelById):
        return _logged(uri, stores.tracking.get_logged_model(parsed.model_id))
    if isinstance(parsed, RunArtifact):
        return _in_run(stores, uri, parsed)
    if isinstance(parsed, ModelByStage) and not parsed.is_latest:
        return _version(stores, uri, _by_stage(stores, parsed))
    return _version(stores, uri, resolve_version(stores.registry, uri))


def _logged(uri: str, model: LoggedModel) -> ResolvedModel:
    if model.status == LoggedModelStatus.PENDING:
        raise ConflictError(
            f"The files of model {model.model_id} ({model.name}) are not complete yet.",
            hint="It is still being logged, or its process ended before it was done.",
        )
    if model.status == LoggedModelStatus.FAILED:
        raise ConflictError(f"The files of model {model.model_id} ({model.name}) are not complete: its upload failed.")
    return ResolvedModel(
        uri=uri,
        label=f"{model.name} ({model.model_id})",
        source=model.model_uri,
        artifact_uri=model.artifact_location,
        content_hash=model.tags.get(HASH_TAG),
        model_id=model.model_id,
        run_id=model.source_run_id or None,
    )


def _in_run(stores: Stores, uri: str, parsed: RunArtifact) -> ResolvedModel:
    run = stores.tracking.get_run(parsed.run_id)
    models = collect(
        lambda size, token: stores.tracking.search_logged_models(
            [run.info.experiment_id],
            filter_string=f"source_run_id = '{run.info.run_id}'",
            max_results=size,
            page_token=token,
        ),
        None,
        100,
    )
    name, _, below = parsed.path.partition("/")
    named = [model for model in models if model.name == name]
    if named and not below:
        ready = [model for model in named if model.status == LoggedModelStatus.READY]
        return _logged(uri, (ready or named)[0])
    files = stores.artifacts_for(run.info.artifact_uri)
    if not files.list(parsed.path):
        known = dict.fromkeys([model.name for model in models] + [entry.path for entry in files.list()])
        raise NotFoundError(
            f"Run {parsed.run_id} has no model {parsed.path!r}.",
            hint=did_you_mean(parsed.path, known) or _there("It logged", known),
        )
    location = f"{run.info.artifact_uri.rstrip('/')}/{parsed.path}"
    return ResolvedModel(uri=uri, label=uri, source=location, artifact_uri=location, run_id=run.info.run_id)


def _version(stores: Stores, uri: str, version: ModelVersion) -> ResolvedModel:
    label = f"{version.name}@{version.version}"
    location = stores.registry.get_download_uri(version.name, version.version)
    model_id = version.model_id
    if location.startswith(("models:", "runs:")):  # a store that resolves nothing itself
        inner = _resolve_named(stores, location)
        location, model_id = inner.artifact_uri, model_id or inner.model_id
    content_hash = version.tags.get(HASH_TAG)
    if content_hash is None and model_id:
        content_hash = stores.tracking.get_logged_model(model_id, allow_deleted=True).tags.get(HASH_TAG)
    return ResolvedModel(
        uri=uri,
        label=label,
        source=f"models:/{version.name}/{version.version}",
        artifact_uri=location,
        content_hash=content_hash,
        name=version.name,
        version=version.version,
        model_id=model_id,
        run_id=version.run_id or None,
    )


def _by_stage(stores: Stores, parsed: ModelByStage) -> ModelVersion:
    stage, model = parsed.stage, stores.registry.get_registered_model(parsed.name)
    if stage.casefold() not in {str(each).casefold() for each in Stage}:
        if stage in model.aliases:
            raise NotFoundError(f"{stage!r} is an alias, not a stage.", hint=f"Write models:/{parsed.name}@{stage}.")
        known = [*map(str, Stage), "latest"]
        raise NotFoundError(
            f"There is no stage {stage!r}.", hint=did_you_mean(stage, known) or _there("The stages are", known)
        )
    found = stores.registry.get_latest_versions(parsed.name, [stage])
    if found:
        return found[0]
    there = sorted({str(version.current_stage) for version in model.latest_versions})
    raise NotFoundError(
        f"The registered model {parsed.name!r} has no version in stage {stage!r}.",
        hint=_there("Its versions are in", there),
    )


def _there(words: str, names: Iterable[str]) -> str | None:
    listed = [str(name) for name in names]
    if not listed:
        return None
    return f"{words} {', '.join(listed[:10])}{', …' if len(listed) > 10 else ''}."
