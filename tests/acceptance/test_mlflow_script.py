"""The second listing: the training script with MLflow's own client, and models that cross over, both ways."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from siglum.testing.server import ServerProcess

pytestmark = [pytest.mark.interop, pytest.mark.slow]

HERE = Path(__file__).parent

SIGLUM_LOADS = """
import json, sys
import siglum, siglum.pyfunc, siglum.sklearn
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split

siglum.set_tracking_uri(f"http://localhost:{sys.argv[1]}")
table, target = load_breast_cancer(return_X_y=True, as_frame=True)
_, X_test, _, _ = train_test_split(table, target, test_size=0.25, random_state=0)
labels = siglum.sklearn.load_model(sys.argv[2], trust=True).predict(X_test)
assert list(siglum.pyfunc.load_model(sys.argv[2], trust=True).predict(X_test)) == list(labels)
print(json.dumps([int(label) for label in labels]))
"""

SIGLUM_LOGS = """
import json, sys
import siglum, siglum.sklearn
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import train_test_split

siglum.set_tracking_uri(f"http://localhost:{sys.argv[1]}")
table, target = load_breast_cancer(return_X_y=True, as_frame=True)
X_train, X_test, y_train, _ = train_test_split(table, target, test_size=0.25, random_state=0)
model = RandomForestClassifier(n_estimators=7, random_state=1).fit(X_train, y_train)
with siglum.start_run():
    for how in (None, "cloudpickle"):
        siglum.sklearn.log_model(
            model, name="model", serialization_format=how, registered_model_name="from-siglum", input_example=X_test[:3]
        )
print(json.dumps([int(label) for label in model.predict(X_test)]))
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture(scope="module")
def from_mlflow(server: ServerProcess, mlflow_python: str, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What the script saw, run with the real MLflow."""
    work = tmp_path_factory.mktemp("mlflow")
    return run(server, work, mlflow_python, str(HERE / "mlflow_client_script.py"), str(server.port))


def run(server: ServerProcess, cwd: Path, *command: str) -> Any:
    environment = {**os.environ, "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0", "MPLCONFIGDIR": str(cwd), "TQDM_DISABLE": "1"}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-4000:] + server.log
    assert server.log == ""
    return json.loads(done.stdout.splitlines()[-1])


def test_the_whole_listing(from_mlflow: Any) -> None:
    seen = from_mlflow
    assert seen["registered"] == ["churn-predictor"]
    assert seen["latest"] == ["3"]
    assert seen["stage"] == "Staging"
    assert seen["same"] == dict.fromkeys(seen["same"], True)
    assert len(seen["same"]) == 3
    assert (seen["found"], seen["losses"]) == (3, 5)
    assert seen["picture"] == b"\x89PNG".hex()
    assert seen["files"] == ["confusion_matrix.png", "predictions.csv"]


@pytest.mark.parametrize(
    "uri", ["models:/churn-predictor/3", pytest.param("models:/churn-predictor/Staging", marks=pytest.mark.long)]
)
def test_siglum_loads_what_mlflow_logged(server: ServerProcess, from_mlflow: Any, tmp_path: Path, uri: str) -> None:
    predicted = run(server, tmp_path, sys.executable, "-c", SIGLUM_LOADS, str(server.port), uri)
    assert predicted == from_mlflow["predicted"]


def test_mlflow_loads_what_siglum_logged(server: ServerProcess, mlflow_python: str, tmp_path: Path) -> None:
    """As skops and as a pickle: versions 1 and 2."""
    expected = run(server, tmp_path, sys.executable, "-c", SIGLUM_LOGS, str(server.port))
    uris = ["models:/from-siglum/1", "models:/from-siglum/2"]
    script = str(HERE / "mlflow_loads_script.py")
    predicted = run(server, tmp_path, mlflow_python, script, str(server.port), *uris)
    assert predicted == dict.fromkeys(uris, expected)
