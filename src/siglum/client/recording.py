"""Putting on record what a run captures by itself: tags, files, inputs, and at its end the recipe."""

from __future__ import annotations

import io
import os
import sys

from siglum.client.active import RunScope
from siglum.client.capture_options import CaptureOptions
from siglum.client.spool.tracking import SpooledTrackingStore
from siglum.core.errors import SiglumError, UnavailableError
from siglum.core.secrets import mask
from siglum.lineage.capture import NOTEBOOK_FILE, RECIPE_FILE, Capture, capture
from siglum.lineage.datasets import dataset_input
from siglum.lineage.inputs import DataInput, InputLog, close_log, open_log
from siglum.lineage.notebook import current_shell, executed_code, notebook_name
from siglum.lineage.recipe import MAX_TAG_CHARACTERS, Recipe
from siglum.tracking.entities import Run, Tag

DIGEST_TAG = "siglum.recipe_digest"
RECIPE_TAG = "siglum.recipe"
DIRTY_TAG = "siglum.git.dirty"
PROBLEMS_TAG = "siglum.capture.problems"


def capture_for(parent: RunScope | None, options: CaptureOptions) -> Capture:
    """Return the circumstances of a new run: those of its parent in this process, else what is found now."""
    if parent is not None:
        return parent.capture
    return capture(
        os.getcwd(),
        os.environ,
        sys.argv,
        sys.orig_argv,
        max_diff=options.max_diff,
        keep_diff=options.diff,
        variables=options.variables,
        notebook=notebook_name(current_shell(), os.environ),
    )


def open_inputs(parent: RunScope | None) -> InputLog:
    """Begin to attribute data that is read to a run."""
    return open_log(parent.inputs if parent is not None else None)


def is_recorded(run: Run) -> bool:
    """Whether circumstances are on a run's record already."""
    return DIGEST_TAG in run.data.tags or DIRTY_TAG in run.data.tags


def begin(scope: RunScope) -> None:
    """Put a run's circumstances on record. A store that fails is noted in a tag: training goes on."""
    try:
        _put_files(scope)
        _log_inputs(scope, scope.capture.inputs)
    except (SiglumError, OSError) as error:
        problems = [*scope.capture.problems, f"Not all circumstances could be kept: {error}"]
        tag = Tag(PROBLEMS_TAG, " ".join(problems)[:MAX_TAG_CHARACTERS])
        scope.session.stores.tracking.log_batch(scope.run_id, tags=[tag])


def finish(scope: RunScope) -> None:
    """Put the recipe on record as it is at the end of a run, and what the run read."""
    close_log(scope.inputs)
    _put_cells(scope)
    if scope.recorded:
        write_recipe(scope)
    else:
        _log_inputs(scope, scope.inputs.all())


def write_recipe(scope: RunScope) -> Recipe:
    """Put the recipe on record as it is now, and return it. In a resumed run, this process's circumstances too."""
    store = scope.session.stores.tracking
    tags: dict[str, str] = {}
    if not scope.recorded:
        _put_files(scope)
        tags = scope.capture.tags()
        scope.recorded = True
    inputs = scope.inputs.all()
    _log_inputs(scope, (*scope.capture.inputs, *inputs))
    recipe = scope.capture.recipe(_params(scope), inputs)
    text = recipe.to_json()
    scope.session.stores.artifacts_for(scope.run.info.artifact_uri).put(RECIPE_FILE, io.BytesIO(text))
    tags |= recipe_tags(recipe, MAX_TAG_CHARACTERS)
    store.log_batch(scope.run_id, tags=[Tag(key, value) for key, value in tags.items()])
    return recipe


def _params(scope: RunScope) -> dict[str, str]:
    """Return the run's parameters; while a server does not answer, those that this process knows of."""
    store = scope.session.stores.tracking
    try:
        return store.get_run(scope.run_id).data.params
    except UnavailableError:
        if not isinstance(store, SpooledTrackingStore):
            raise
        return store.params_here(scope.run_id)


def recipe_tags(recipe: Recipe, limit: int) -> dict[str, str]:
    """Return the tags that carry a recipe: the digest, and the recipe itself when it is at most `limit` long."""
    text = recipe.to_json().decode()
    return {DIGEST_TAG: recipe.digest} | ({RECIPE_TAG: text} if len(text) <= limit else {})


def _log_inputs(scope: RunScope, inputs: tuple[DataInput, ...]) -> None:
    new = [item for item in dict.fromkeys(inputs) if item not in scope.sent_inputs]
    if new:
        scope.session.stores.tracking.log_inputs(scope.run_id, datasets=[dataset_input(item) for item in new])
        scope.sent_inputs.update(new)


def _put_cells(scope: RunScope) -> None:
    """Keep the cells that this notebook has executed so far."""
    code = executed_code(current_shell())
    if code is not None:
        artifacts = scope.session.stores.artifacts_for(scope.run.info.artifact_uri)
        artifacts.put(NOTEBOOK_FILE, io.BytesIO(mask(code).text))


def _put_files(scope: RunScope) -> None:
    _put_cells(scope)
    artifacts = scope.session.stores.artifacts_for(scope.run.info.artifact_uri)
    for path, content in scope.capture.files().items():
        artifacts.put(path, io.BytesIO(content))
