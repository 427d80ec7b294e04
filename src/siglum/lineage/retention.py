"""What runs and model versions on record need of the data: what garbage collection keeps for their sake.

Every run counts, deleted ones too as long as they can be restored; so does every logged model and registered version.
What each needs is the data of its recipe, and the inputs that were put on record while it ran. Only the runs that
`siglum repro` puts on record by itself keep nothing, or no intermediate result would ever go: unless a script logged
something in one, as a run nested in it or as its own recipe.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeVar

from siglum.core.errors import FileFormatError, NotFoundError, NotSupportedError
from siglum.core.hashes import DataHash
from siglum.lineage.capture import RECIPE_FILE
from siglum.lineage.recipe import parse_recipe
from siglum.lineage.trace import KIND_TAG, PARENT_TAG, RecordSource, read_artifact
from siglum.tracking.entities import LoggedModel, Run, ViewType
from siglum.tracking.store import Page

RECIPE_TAG = "siglum.recipe"
DIGEST_TAG = "siglum.recipe_digest"
_EXPERIMENTS_AT_ONCE = 100

T = TypeVar("T")


def needs_on_record(source: RecordSource) -> dict[DataHash, tuple[str, ...]]:
    """Return the data that records need, each with the names of those that do: model versions, then runs.

    Raises what the stores raise: UnavailableError when one does not answer.
    """
    tracking, registry = source.tracking, source.registry
    found: dict[DataHash, dict[str, None]] = {}

    def need(data: Iterable[DataHash], holder: str) -> None:
        for each in data:
            found.setdefault(each, {})[holder] = None

    versions_of: dict[str, list[str]] = {}
    versions = _all(lambda token: registry.search_model_versions(page_token=token))
    for version in versions:
        name = f"{version.name}@{version.version}"
        need(data_of_recipe(version.tags.get(RECIPE_TAG)), name)
        if version.run_id:
            versions_of.setdefault(version.run_id, []).append(name)
    experiments = _all(lambda token: tracking.search_experiments(view_type=ViewType.ALL, page_token=token))
    ids = [experiment.experiment_id for experiment in experiments]
    of_pipelines: dict[str, tuple[str, set[DataHash]]] = {}
    enclosing: set[str] = set()
    for start in range(0, len(ids), _EXPERIMENTS_AT_ONCE):
        group = ids[start : start + _EXPERIMENTS_AT_ONCE]
        for run in _runs(source, group):
            needed = data_of_run(source, run)
            holder = f"run {run.info.run_name or run.info.run_id} ({run.info.run_id[:8]})"
            if _is_of_pipeline(run) and run.info.run_id not in versions_of:
                of_pipelines[run.info.run_id] = (holder, needed)
                continue
            enclosing.add(run.data.tags.get(PARENT_TAG, ""))
            for name in versions_of.get(run.info.run_id, ()):
                need(needed, name)
            need(needed, holder)
        for model in _models(source, group):
            unknown = data_of_recipe(model.tags.get(RECIPE_TAG)) - found.keys()
            need(unknown, f"model {model.name} ({model.model_id})")
    for run_id in enclosing & of_pipelines.keys():
        holder, needed = of_pipelines[run_id]
        need(needed, holder)
    return {data: tuple(holders) for data, holders in found.items()}


def _is_of_pipeline(run: Run) -> bool:
    """Whether `siglum repro` put a run on record, and no script anything in it."""
    return KIND_TAG in run.data.tags and DIGEST_TAG not in run.data.tags and RECIPE_TAG not in run.data.tags


def data_of_run(source: RecordSource, run: Run) -> set[DataHash]:
    """Return the data that a run read: by its recipe, and by its inputs on record."""
    tags = run.data.tags
    text: str | bytes | None = tags.get(RECIPE_TAG)
    if text is None and DIGEST_TAG in tags:
        # Too long for a tag: it is among the run's files.
        text = read_artifact(source, run.info.artifact_uri, RECIPE_FILE)
    found = data_of_recipe(text)
    for entry in run.inputs.dataset_inputs:
        found |= _data_in(_source_hash(entry.dataset.source))
    return found


def data_of_recipe(text: str | bytes | None) -> set[DataHash]:
    """Return the data that a recipe names by an address in a cache; none without a readable recipe."""
    if not text:
        return set()
    try:
        recipe = parse_recipe(text, RECIPE_TAG)
    except FileFormatError:
        # Somebody else's tag of that name: it names no data that could be kept.
        return set()
    return {data for _, digest in recipe.data for data in _data_in(digest)}


def _data_in(digest: str | None) -> set[DataHash]:
    try:
        return set() if digest is None else {DataHash.parse(digest)}
    except ValueError:
        return set()  # `sha256:…`: not in a data cache


def _source_hash(source: str) -> str | None:
    """Return the hash in the source of an input as `client.recording` writes it; None for another client's."""
    try:
        parsed = json.loads(source)
    except ValueError:
        return None
    found = parsed.get("hash") if isinstance(parsed, Mapping) else None
    return found if isinstance(found, str) else None


def _runs(source: RecordSource, experiment_ids: list[str]) -> Iterator[Run]:
    return _all(lambda token: source.tracking.search_runs(experiment_ids, view_type=ViewType.ALL, page_token=token))


def _models(source: RecordSource, experiment_ids: list[str]) -> list[LoggedModel]:
    try:
        return list(_all(lambda token: source.tracking.search_logged_models(experiment_ids, page_token=token)))
    except (NotFoundError, NotSupportedError):
        # A server older than logged models has none; their runs are on record.
        return []


def _all(ask: Callable[[str | None], Page[T]]) -> Iterator[T]:
    token: str | None = None
    while True:
        page = ask(token)
        yield from page.items
        token = page.next_token
        if token is None:
            return
