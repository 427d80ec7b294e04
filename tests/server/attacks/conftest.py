"""One application with something of everything in it, for attacks that should change nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.server.asgi import ask
from tests.server.attacks.table import API, Scene
from tests.server.conftest import stores

from siglum.server.app import create_app
from siglum.server.dispatch import Dispatcher

SECRET = "hook-secret-5b1d"  # a mark to look for in answers
CANARY = b"canary: this file is outside the root"


def build(app: Dispatcher) -> Scene:
    """Put one of each thing into a server."""

    def post(path: str, body: dict[str, object]) -> dict[str, dict[str, object]]:
        answer = ask(app, "POST", f"{API}/{path}", body)
        assert answer.status == 200, answer.body
        return dict(answer.json)

    run = post("runs/create", {"experiment_id": "0", "run_name": "kept"})["run"]["info"]
    assert isinstance(run, dict)
    post("runs/log-metric", {"run_id": run["run_id"], "key": "loss", "value": 1, "timestamp": 1})
    post("registered-models/create", {"name": "m"})
    post("model-versions/create", {"name": "m", "source": "s3://bucket/model"})
    post("registered-models/alias", {"name": "m", "alias": "best", "version": "1"})
    model = post("logged-models", {"experiment_id": "0"})["model"]["info"]
    assert isinstance(model, dict)
    hook: dict[str, object] = {"name": "hook", "url": "https://93.184.216.34/x", "secret": SECRET, "status": "DISABLED",
            "events": [{"entity": "REGISTERED_MODEL", "action": "CREATED"}]}  # fmt: skip
    webhook = post("webhooks", hook)["webhook"]
    root = str(run["artifact_uri"]).removeprefix("mlflow-artifacts:/")
    assert ask(app, "PUT", f"/api/2.0/mlflow-artifacts/artifacts/{root}/a/b.txt", b"text").status == 200
    # what some routes need is loaded when they are first asked, and opens files of its own
    for path in (f"metrics/series?run_id={run['run_id']}&metric_key=loss", "lineage/diff?old=m@1&new=m@1"):
        assert ask(app, "GET", f"/api/siglum/1/{path}").status == 200, path
    return Scene(
        {
            "experiment_id": "0", "experiment_ids": ["0"], "run_id": run["run_id"], "run_uuid": run["run_id"],
            "run_ids": [run["run_id"]], "model_id": model["model_id"], "webhook_id": webhook["webhook_id"],
            "name": "m", "version": "1", "alias": "best", "key": "loss", "metric_key": "loss", "value": "1",
            "timestamp": 1, "path": f"{root}/a/b.txt", "tag_key": "k", "experiment_name": "Default", "stage": "None",
            "source": "s3://bucket/other", "url": "https://93.184.216.34/x", "new_name": "renamed",
            "artifact_file_path": "MLmodel", "model_json": "{}", "events": hook["events"],
        }
    )  # fmt: skip


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Dispatcher, Scene, Path]]:
    """An application, what is in it, and the folder that all of it is below; a canary lies in the folder itself."""
    folder = tmp_path_factory.mktemp("attacked")
    (folder / "canary").write_bytes(CANARY)
    with stores(folder) as config:
        app = create_app(config)
        yield app, build(app), folder
        app.close()
