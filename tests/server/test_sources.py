"""What a client may name as a model's source or an experiment's location."""

from __future__ import annotations

import pytest
from tests.server.asgi import Answer, ask
from tests.server.test_routes import assert_is_error

from siglum.server.dispatch import Dispatcher

REFUSED = [
    "/etc", "/etc/passwd", "etc", "../x", "~/x", "file:/etc", "file:///etc", "FILE:///etc", "file://localhost/etc",
    "File:etc", "//etc/passwd", "//proc/self/root", "C:\\x", "C:/x", "\\\\host\\share", "dbfs:/x", "unknown://x/y", ":",
    "http://127.0.0.1/x", "https://169.254.169.254/latest", "http:///#/../../etc", "ftp://host/x", "sftp://host/x",
    "s3://bucket/../x", "s3://bucket/a/./b", "s3://bucket//x", "s3:///x", "s3:x", "gs://b/%2e%2e/x", "s3://b/x#y",
    "s3://b/x?y", "s3://b/x;y", "s3://b/x\\y", "s3://b/\nx", " s3://b/x", "mlflow-artifacts:../x", "mlflow-artifacts:x",
    "mlflow-artifacts:/../x", "mlflow-artifacts:/a/../../x", "mlflow-artifacts:/%2e%2e/x", "mlflow-artifacts:/a//b",
    "mlflow-artifacts:/", "http://h/api/2.0/mlflow-artifacts/artifacts/../x", "s3://b/" + "x" * 3000, "runs:/../x/y",
    "models:/../x", "models:/", "runs:/", "models:/a/b/c", "prompt-template",
]  # fmt: skip


def create(app: Dispatcher, source: str, **more: object) -> Answer:
    return ask(app, "POST", "/api/2.0/mlflow/model-versions/create", {"name": "m", "source": source, **more})


@pytest.fixture
def run(app: Dispatcher) -> dict[str, str]:
    ask(app, "POST", "/api/2.0/mlflow/registered-models/create", {"name": "m"})
    made = ask(app, "POST", "/api/2.0/mlflow/runs/create", {"experiment_id": "0"})
    return dict(made.json["run"]["info"])


@pytest.mark.parametrize("source", REFUSED, ids=lambda source: repr(source[:40]))
def test_refused(app: Dispatcher, run: dict[str, str], source: str) -> None:
    """Whatever tags come along: none switches the check off."""
    for tags in ([], [{"key": "mlflow.prompt.is_prompt", "value": "true"}]):
        assert_is_error(create(app, source, run_id=run["run_id"], tags=tags))
    answer = ask(app, "GET", "/api/2.0/mlflow/model-versions/search?filter=name%3D'm'")
    assert answer.json == {}


@pytest.mark.parametrize("location", REFUSED, ids=lambda s: repr(s[:40]))
def test_locations(app: Dispatcher, location: str) -> None:
    body = {"name": "x", "artifact_location": location}
    assert_is_error(ask(app, "POST", "/api/2.0/mlflow/experiments/create", body), 400)


def test_a_run(app: Dispatcher, run: dict[str, str]) -> None:
    root, run_id = run["artifact_uri"], run["run_id"]
    url = f"http://anywhere:1/api/2.0/mlflow-artifacts/artifacts/{root.removeprefix('mlflow-artifacts:/')}/model"
    for source in (f"runs:/{run_id}/model", f"{root}/model", url):
        version = create(app, source, run_id=run_id).json["model_version"]
        assert version["source"] == source
        where = f"/api/2.0/mlflow/model-versions/get-download-uri?name=m&version={version['version']}"
        assert ask(app, "GET", where).json == {"artifact_uri": f"{root}/model"}


def test_another_run(app: Dispatcher, run: dict[str, str]) -> None:
    other = ask(app, "POST", "/api/2.0/mlflow/runs/create", {"experiment_id": "0"}).json["run"]["info"]["run_id"]
    assert_is_error(create(app, f"runs:/{run['run_id']}/model", run_id=other), 400)
    assert_is_error(create(app, f"{run['artifact_uri']}/model", run_id=other), 400)
    assert_is_error(create(app, f"{run['artifact_uri']}/model"), 400)
    assert_is_error(create(app, f"{run['artifact_uri']}x/model", run_id=run["run_id"]), 400)
    assert_is_error(create(app, f"runs:/{'0' * 32}/model"), 404)


def test_a_version(app: Dispatcher, run: dict[str, str]) -> None:
    assert create(app, "s3://bucket/model").json["model_version"]["version"] == "1"
    ask(app, "POST", "/api/2.0/mlflow/registered-models/alias", {"name": "m", "alias": "best", "version": "1"})
    stage = {"name": "m", "version": "1", "stage": "Staging", "archive_existing_versions": False}
    ask(app, "POST", "/api/2.0/mlflow/model-versions/transition-stage", stage)
    for source in ("models:/m/1", "models:/m@best", "models:/m/Staging", "models:/m/latest"):
        version = create(app, source).json["model_version"]["version"]
        where = f"/api/2.0/mlflow/model-versions/get-download-uri?name=m&version={version}"
        assert ask(app, "GET", where).json == {"artifact_uri": "s3://bucket/model"}
    assert_is_error(create(app, "models:/m/Production"), 400)
    assert_is_error(create(app, "models:/m/99"), 404)
    assert_is_error(create(app, "models:/nothing/1"), 404)


def test_a_storage_location_must_be_where_the_source_is(app: Dispatcher, run: dict[str, str]) -> None:
    assert_is_error(create(app, "s3://bucket/a", storage_location="s3://bucket/b"), 400)
    assert_is_error(create(app, "s3://bucket/a", storage_location="/etc"), 400)
