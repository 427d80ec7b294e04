"""Which data runs and versions need: by recipes in tags and files, by inputs, of deleted runs too."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from siglum.client.stores import Stores, open_stores
from siglum.core.hashes import DataHash
from siglum.lineage.capture import RECIPE_FILE
from siglum.lineage.recipe import RecipeCode, make_recipe
from siglum.lineage.retention import needs_on_record
from siglum.registry.entities import Change
from siglum.tracking.entities import Dataset, DatasetInput, Run, Tag
from siglum.tracking.store import Page, TrackingStore

ONE, TWO, FOLDER = "1" * 32, "2" * 32, f"{'3' * 32}.dir"
WHO = Change("tester")


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[Stores]:
    opened = open_stores(f"sqlite:///{tmp_path}/siglum.db", str(tmp_path))
    yield opened
    opened.close()


def recipe(*digests: str) -> str:
    made = make_recipe(
        code=RecipeCode(), data=[("data", digest) for digest in digests], params={}, env=None, command=(), seeds={}
    )
    return made.to_json().decode()


def run_with(stores: Stores, name: str, tags: dict[str, str], experiment: str = "0") -> str:
    made = stores.tracking.create_run(experiment, run_name=name, tags=[Tag(k, v) for k, v in tags.items()])
    return made.info.run_id


def named(stores: Stores) -> dict[str, set[str]]:
    """Return who needs what, without the ids of runs."""
    found: dict[str, set[str]] = {}
    for data, holders in needs_on_record(stores).items():
        found[str(data)] = {holder.partition(" (")[0] for holder in holders}
    return found


def test_nothing_on_record(stores: Stores) -> None:
    assert needs_on_record(stores) == {}


def test_recipes_of_runs_deleted_ones_and_other_experiments(stores: Stores) -> None:
    other = stores.tracking.create_experiment("other")
    run_with(stores, "first", {"siglum.recipe": recipe(f"md5:{ONE}", "sha256:" + "0" * 64)})
    gone = run_with(stores, "gone", {"siglum.recipe": recipe(f"md5:{ONE}", f"md5:{FOLDER}")}, other)
    stores.tracking.delete_run(gone)
    stores.tracking.delete_experiment(other)
    assert named(stores) == {f"md5:{ONE}": {"run first", "run gone"}, f"md5:{FOLDER}": {"run gone"}}


def test_a_recipe_that_is_too_long_for_a_tag(stores: Stores) -> None:
    run = run_with(stores, "long", {"siglum.recipe_digest": "sha256:x"})
    uri = stores.tracking.get_run(run).info.artifact_uri
    assert named(stores) == {}  # its file is not there yet
    stores.artifacts_for(uri).put(RECIPE_FILE, io.BytesIO(recipe(f"md5:{TWO}").encode()))
    assert named(stores) == {f"md5:{TWO}": {"run long"}}


def test_inputs_of_a_run_that_goes_on(stores: Stores) -> None:
    run = run_with(stores, "going", {})
    ours = Dataset(name="d", digest="x", source_type="dvc", source=json.dumps({"hash": f"md5-dos2unix:{ONE}"}))
    theirs = Dataset(name="t", digest="y", source_type="http", source="https://example.com/{")
    odd = Dataset(name="o", digest="z", source_type="local", source=json.dumps({"hash": 7}))
    stores.tracking.log_inputs(run, datasets=[DatasetInput(dataset=each) for each in (ours, theirs, odd)])
    assert needs_on_record(stores).keys() == {DataHash(ONE, legacy=True)}


def test_versions_go_first_and_survive_their_runs(stores: Stores) -> None:
    run = run_with(stores, "made", {"siglum.recipe": recipe(f"md5:{ONE}")})
    stores.registry.create_registered_model("churn", change=WHO)
    stores.registry.create_model_version("churn", "somewhere", change=WHO, run_id=run)
    tags = [Tag("siglum.recipe", recipe(f"md5:{TWO}"))]
    stores.registry.create_model_version("churn", "elsewhere", change=WHO, tags=tags)
    found = needs_on_record(stores)
    assert found[DataHash(ONE)][0] == "churn@1"
    assert found[DataHash(ONE)][1].startswith("run made (")
    assert found[DataHash(TWO)] == ("churn@2",)


def test_a_foreign_tag_of_that_name_needs_nothing(stores: Stores) -> None:
    run_with(stores, "odd", {"siglum.recipe": "flour, water, salt"})
    assert needs_on_record(stores) == {}


class Paged:
    """A tracking store that gives two runs a page."""

    def __init__(self, inner: TrackingStore) -> None:
        self._inner = inner
        self.pages = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def search_runs(self, experiment_ids: Sequence[str], **options: Any) -> Page[Run]:
        self.pages += 1
        return self._inner.search_runs(experiment_ids, max_results=2, **options)


def test_more_than_a_page(stores: Stores) -> None:
    for number in range(5):
        run_with(stores, f"r{number}", {"siglum.recipe": recipe(f"md5:{number:032x}")})
    paged = Paged(stores.tracking)
    stores.tracking = paged
    assert len(needs_on_record(stores)) == 5
    assert paged.pages == 3


def test_runs_that_a_pipeline_puts_on_record_keep_what_scripts_logged_something_for(stores: Stores) -> None:
    stage = {"siglum.kind": "stage"}
    one, two, folder = (f"md5:{digest}" for digest in (ONE, TWO, FOLDER))
    alone = run_with(stores, "alone", stage)
    around = run_with(stores, "around", stage)
    registered = run_with(stores, "registered", stage)
    for run_id, digest in ((alone, one), (around, two), (registered, folder)):
        source = json.dumps({"hash": digest})
        dataset = Dataset(name="d", digest=digest[4:12], source_type="dvc", source=source)
        stores.tracking.log_inputs(run_id, datasets=[DatasetInput(dataset=dataset)])
    run_with(stores, "script", {"mlflow.parentRunId": around})
    run_with(stores, "own", stage | {"siglum.recipe": recipe(f"md5:{'4' * 32}")})
    stores.registry.create_registered_model("m", change=WHO)
    stores.registry.create_model_version("m", f"runs:/{registered}/model", change=WHO, run_id=registered)
    assert named(stores) == {
        two: {"run around"},
        folder: {"m@1", "run registered"},
        f"md5:{'4' * 32}": {"run own"},
    }
