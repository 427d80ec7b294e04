"""Models travel both ways between Siglum and the real MLflow 3.17.2, as folders."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_iris
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from siglum.core.errors import UntrustedError
from siglum.models.flavors.sklearn import load_model, save_model
from siglum.models.pyfunc import load_pyfunc, save_pyfunc

pytestmark = pytest.mark.interop

LOAD = """
import sys, warnings
import mlflow.pyfunc, mlflow.sklearn, numpy
from sklearn.datasets import load_iris
X, y = load_iris(return_X_y=True, as_frame=True)
for folder in sys.argv[1:]:
    model = mlflow.sklearn.load_model(folder)
    generic = mlflow.pyfunc.load_model(folder)
    assert generic.metadata.signature is not None
    assert list(generic.input_example.columns) == list(X.columns)
    assert (generic.predict(X) == model.predict(X)).all()
    numpy.save(folder + '.npy', model.predict_proba(X))
"""

SAVE = """
import sys, warnings
import mlflow.models, mlflow.pyfunc, mlflow.sklearn, numpy
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
X, y = load_iris(return_X_y=True, as_frame=True)
out = sys.argv[1]
def save(name, model, **options):
    model.fit(X, y)
    numpy.save(f'{out}/{name}.npy', model.predict_proba(X))
    mlflow.sklearn.save_model(model, f'{out}/{name}', input_example=X.head(2), **options)
save('skops', LogisticRegression(max_iter=1000))
save('cloudpickle', RandomForestClassifier(5, random_state=0), serialization_format='cloudpickle')
save('pickle', RandomForestClassifier(5, random_state=0), serialization_format='pickle')
save('forest', RandomForestClassifier(5, random_state=0), skops_trusted_types=['sklearn.tree._tree.Tree'])
class Ones(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        return [1] * len(model_input)
mlflow.pyfunc.save_model(f'{out}/python', python_model=Ones())
"""


def run(mlflow_python: str, code: str, *arguments: str) -> None:
    done = subprocess.run([mlflow_python, "-c", code, *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def data() -> tuple[pd.DataFrame, Any]:
    table, target = load_iris(return_X_y=True, as_frame=True)
    return table, target


def test_mlflow_loads_what_siglum_saves(mlflow_python: str, data: tuple[pd.DataFrame, Any], tmp_path: Path) -> None:
    models = {
        "skops": LogisticRegression(max_iter=1000),
        "forest-skops": RandomForestClassifier(5, random_state=0),
        "boosting-skops": HistGradientBoostingClassifier(max_iter=3),
        "forest-cloudpickle": RandomForestClassifier(5, random_state=0),
        "forest-pickle": RandomForestClassifier(5, random_state=0),
    }
    for name, model in models.items():
        chosen = name.rpartition("-")[2]
        save_model(model.fit(*data), tmp_path / name, serialization_format=chosen, input_example=data[0].head(2))
    run(mlflow_python, LOAD, *(str(tmp_path / name) for name in models))
    for name, model in models.items():
        assert np.array_equal(np.load(tmp_path / f"{name}.npy"), model.predict_proba(data[0]))


TWICE = """
class Twice:
    def load_context(self, context):
        self.factor = 2
    def predict(self, context, model_input):
        return model_input["x"] * self.factor
"""


def test_mlflow_loads_a_python_model_that_needs_no_siglum(mlflow_python: str, tmp_path: Path) -> None:
    namespace: dict[str, Any] = {"__name__": "__main__"}  # as in a script: cloudpickle keeps the class by value
    exec(TWICE, namespace)
    save_pyfunc(tmp_path / "m", python_model=namespace["Twice"](), input_example=pd.DataFrame({"x": [1.5]}))
    code = (
        "import sys, mlflow.pyfunc; model = mlflow.pyfunc.load_model(sys.argv[1]); "
        "assert model.unwrap_python_model().predict(None, model.input_example).tolist() == [3.0]"
    )
    run(mlflow_python, code, str(tmp_path / "m"))


def test_siglum_loads_what_mlflow_saves(mlflow_python: str, data: tuple[pd.DataFrame, Any], tmp_path: Path) -> None:
    run(mlflow_python, SAVE, str(tmp_path))
    for name in ("skops", "cloudpickle", "pickle", "forest"):
        expected = np.load(tmp_path / f"{name}.npy")
        assert np.array_equal(load_model(tmp_path / name).predict_proba(data[0]), expected)
        generic = load_pyfunc(tmp_path / name)
        assert np.array_equal(generic.predict(data[0]), expected.argmax(axis=1))
        assert generic.metadata.mlflow_version == "3.17.2"
    with pytest.raises(UntrustedError):
        load_pyfunc(tmp_path / "python")
