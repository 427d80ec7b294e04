"""Lineage over HTTP: what trace and diff tell of versions that the server keeps, and which data came into which."""

from __future__ import annotations

import io
import math

import msgspec
import pytest
from tests.server.asgi import ask

from siglum.lineage.capture import DIFF_FILE, RECIPE_FILE
from siglum.lineage.recipe import Recipe, RecipeCode
from siglum.registry.entities import Change
from siglum.server.app import ServerConfig
from siglum.server.dispatch import Dispatcher
from siglum.tracking.entities import Dataset, DatasetInput, Metric, Param, Tag

OWN = "/api/siglum/1"
CHANGE = Change(actor="ann", source="test")


@pytest.fixture
def model(config: ServerConfig) -> str:
    """A model with two versions: of one commit with another change, other data, other parameters, other metrics."""
    config.registry.create_registered_model("churn", change=CHANGE)
    for number, digest in ((1, "a" * 32), (2, "b" * 32)):
        run = config.tracking.create_run("0", run_name=f"run {number}", start_time=number)
        run_id, folder = run.info.run_id, run.info.artifact_uri.removeprefix("mlflow-artifacts:/")
        config.tracking.log_batch(
            run_id,
            metrics=[Metric("auc", math.nan if number == 1 else 0.9, 1)],
            params=[Param("lr", f"0.{number}")],
        )
        recipe = Recipe(
            code=RecipeCode(commit="c" * 40, diff=str(number) * 64),
            data=(("data.csv", f"md5:{digest}"),),
            params={"lr": f"0.{number}"},
            env=None,
            command=("python", "train.py"),
            seeds={},
        )
        config.artifacts.put(f"{folder}/{RECIPE_FILE}", io.BytesIO(recipe.to_json()))
        config.artifacts.put(f"{folder}/{DIFF_FILE}", io.BytesIO(f"diff --git a/t.py b/t.py\n+{number}\n".encode()))
        dataset = Dataset(name="train", digest=digest, source_type="siglum", source='{"path": "data.csv"}')
        config.tracking.log_inputs(run_id, datasets=[DatasetInput(dataset=dataset)])
        config.registry.create_model_version(
            "churn", f"{run.info.artifact_uri}/model", change=CHANGE, run_id=run_id, storage_location="s3://b/model",
            tags=[Tag("siglum.recipe_digest", recipe.digest)],
        )  # fmt: skip
    config.registry.set_alias("churn", "champion", "2", change=CHANGE)
    return "churn"


def test_trace(app: Dispatcher, model: str) -> None:
    version = ask(app, "GET", f"{OWN}/lineage/version?reference={model}@champion").json["version"]
    assert (version["version"], version["aliases"], version["parameters"]) == ("2", ["champion"], {"lr": "0.2"})
    assert version["data"][0]["hash"] == f"md5:{'b' * 32}"
    assert (version["code"]["commit"], version["code"]["kept"]) == ("c" * 40, True)
    assert version["run"]["command"] == ["python", "train.py"]
    assert any("not kept by this server" in remark for remark in version["remarks"])  # the model is in a bucket
    assert ask(app, "GET", f"{OWN}/lineage/version?reference={model}@1").json["version"]["metrics"] == {"auc": "NaN"}


def test_diff(app: Dispatcher, model: str) -> None:
    found = ask(app, "GET", f"{OWN}/lineage/diff?old={model}@1&new={model}@2").json["diff"]
    assert (found["old"], found["new"]) == ("churn@1", "churn@2")
    assert found["parameters"] == [{"name": "lr", "old": "0.1", "new": "0.2"}]
    assert found["metrics"] == [{"name": "auc", "old": "NaN", "new": 0.9}]
    assert [change["path"] for change in found["data"]] == ["data.csv"]
    assert found["code"]["uncommitted"] == ["t.py"]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("version?reference=churn@3", 404),
        ("version?reference=churn@best", 404),
        ("version?reference=none@1", 404),
        ("version?reference=churn", 400),
        ("version?reference=", 400),
        ("version", 400),
        ("diff?old=churn@1&new=churn@9", 404),
        ("diff?old=churn@1", 400),
    ],
)
def test_what_no_version_is(app: Dispatcher, model: str, path: str, status: int) -> None:
    answer = ask(app, "GET", f"{OWN}/lineage/{path}")
    assert (answer.status, set(answer.json)) == (status, {"error_code", "message", "siglum"})


def test_data_versions(app: Dispatcher, config: ServerConfig, model: str) -> None:
    answer = ask(app, "GET", f"{OWN}/data/versions?data_path=data.csv").json
    newer, older = answer["versions"]
    assert newer == {
        "name": "train", "digest": "b" * 32, "source_type": "siglum", "path": "data.csv", "runs": 1,
        "first_used": 2, "last_used": 2, "models": ["churn@2"],
    }  # fmt: skip
    assert (older["digest"], older["models"]) == ("a" * 32, ["churn@1"])
    first = ask(app, "GET", f"{OWN}/data/versions?max_results=1").json
    rest = ask(app, "GET", f"{OWN}/data/versions?max_results=1&page_token={first['next_page_token']}").json
    assert [*first["versions"], *rest["versions"]] == [newer, older]
    assert rest["next_page_token"] is None
    for nothing in ("name=other", "data_path=other", "experiment_id=7"):
        assert ask(app, "GET", f"{OWN}/data/versions?{nothing}").json["versions"] == []
    assert ask(app, "GET", f"{OWN}/data/versions?max_results=0").status == 400


def test_lineage_opens_no_file_of_another_place(app: Dispatcher, config: ServerConfig) -> None:
    """A version whose files are said to be in a folder of the machine: the record says that, and nothing of them."""
    config.registry.create_registered_model("m", change=CHANGE)
    config.registry.create_model_version("m", "file:///etc", change=CHANGE, storage_location="file:///etc")
    version = ask(app, "GET", f"{OWN}/lineage/version?reference=m@1").json["version"]
    assert version["model"].get("files", []) == []
    assert "not kept by this server" in msgspec.json.encode(version["remarks"]).decode()
