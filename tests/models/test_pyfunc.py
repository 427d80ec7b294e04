from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from siglum.core.errors import InvalidInputError, NotFoundError, NotSupportedError, UntrustedError
from siglum.models.content import model_content_hash
from siglum.models.flavors.sklearn import save_model
from siglum.models.mlmodel import read_model, write_model
from siglum.models.pyfunc import PythonModel, PythonModelContext, load_pyfunc, save_pyfunc
from siglum.models.signature import infer_signature
from siglum.models.trust import VersionMismatchWarning


class Scaled(PythonModel):
    def load_context(self, context: PythonModelContext) -> None:
        with open(context.artifacts["factor"]) as file:
            self.factor = float(file.read())

    def predict(self, context: PythonModelContext, model_input: Any, params: dict[str, Any] | None = None) -> Any:
        offset = (context.model_config or {}).get("offset", 0) + (params or {}).get("more", 0)
        return model_input["x"] * self.factor + offset

    def predict_stream(self, context: PythonModelContext, model_input: Any, params: Any) -> Iterator[Any]:
        yield from model_input["x"]


@pytest.fixture
def scaled(tmp_path: Path) -> Path:
    (tmp_path / "factor.txt").write_text("2")
    save_pyfunc(
        tmp_path / "m",
        python_model=Scaled(),
        artifacts={"factor": str(tmp_path / "factor.txt")},
        model_config={"offset": 1},
        signature=infer_signature(pd.DataFrame({"x": [1.5]}), None, {"more": 0}),
    )
    return tmp_path / "m"


def test_a_python_model_predicts_with_its_artifacts_config_and_params(scaled: Path) -> None:
    model = load_pyfunc(scaled)
    frame = pd.DataFrame({"x": [1.0], "other": ["dropped"]})
    assert list(model.predict(frame)) == [3.0]
    assert list(model.predict(frame, {"more": 10})) == [13.0]
    assert list(load_pyfunc(scaled, model_config={"offset": 5}).predict(frame)) == [7.0]
    assert list(model.predict_stream(frame)) == [1.0]
    assert model.unwrap_python_model().factor == 2.0
    assert model.get_raw_model() is model.unwrap_python_model()
    assert (model.model_config, model.loader_module, model.model_id) == ({"offset": 1}, "mlflow.pyfunc.model", None)


def test_input_that_does_not_fit_is_refused(scaled: Path) -> None:
    with pytest.raises(InvalidInputError, match="lacks column 'x'"):
        load_pyfunc(scaled).predict(pd.DataFrame({"y": [1.0]}))


def test_a_strangers_python_model_needs_consent(scaled: Path, as_stranger: Callable[[], None]) -> None:
    as_stranger()
    with pytest.raises(UntrustedError, match="trust=True"):
        load_pyfunc(scaled)
    assert load_pyfunc(scaled, trust=True).predict(pd.DataFrame({"x": [1.0]})) is not None


def test_another_python_is_warned_of(scaled: Path) -> None:
    model = read_model(str(scaled))
    model.flavors["python_function"]["python_version"] = "2.7.18"
    write_model(str(scaled), model)
    with pytest.warns(VersionMismatchWarning, match=r"2\.7\.18"):
        load_pyfunc(scaled, trust=True)


def test_a_function_is_a_model_and_its_example_gives_the_signature(tmp_path: Path) -> None:
    saved = save_pyfunc(tmp_path / "m", python_model=lambda rows: [len(r) for r in rows], input_example=["a", "bc"])
    assert saved.signature is not None
    assert saved.signature.outputs is not None
    assert saved.signature.outputs.to_json() == '[{"type": "long", "required": true}]'
    model = load_pyfunc(tmp_path / "m")
    assert model.predict(["abc"]) == [3]
    assert model.input_example == ["a", "bc"]
    with pytest.raises(InvalidInputError, match="1 is not a string"):
        model.predict([1])
    with pytest.raises(NotSupportedError, match="predict_stream"):
        list(model.predict_stream(["x"]))


def test_what_cannot_be_saved_is_said(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="method predict or a function"):
        save_pyfunc(tmp_path / "m", python_model=3)
    with pytest.raises(NotFoundError, match="no artifact"):
        save_pyfunc(tmp_path / "m", python_model=Scaled(), artifacts={"factor": str(tmp_path / "nothing")})
    assert os.listdir(tmp_path) == []


def test_a_scikit_learn_model_predicts_through_its_signature(
    forest: Any, iris: tuple[pd.DataFrame, Any], tmp_path: Path
) -> None:
    save_model(forest, tmp_path / "m", input_example=iris[0].head(3), pyfunc_predict_fn="predict_proba")
    model = load_pyfunc(tmp_path / "m")
    shuffled = iris[0][iris[0].columns[::-1]].assign(extra=1)
    assert np.array_equal(model.predict(shuffled), forest.predict_proba(iris[0]))
    pd.testing.assert_frame_equal(model.input_example, iris[0].head(3))
    with pytest.raises(InvalidInputError, match="wraps no PythonModel"):
        model.unwrap_python_model()
    with pytest.raises(InvalidInputError, match="no parameters"):
        model.predict(shuffled, {"x": 1})


@pytest.mark.parametrize(
    ("example", "kind"),
    [(np.ones((2, 4)), "ndarray"), ([[1.0] * 4], "json_object"), ((np.ones((1, 4)), {"n": 1}), "ndarray")],
)
def test_examples_come_back(example: Any, kind: str, forest: Any, tmp_path: Path) -> None:
    from sklearn.linear_model import LinearRegression

    model = LinearRegression().fit(np.ones((2, 4)), [1, 2])
    save_model(model, tmp_path / "m", input_example=example)
    info = read_model(str(tmp_path / "m")).saved_input_example_info
    assert info is not None
    assert info["type"] == kind
    data = example[0] if isinstance(example, tuple) else example
    assert np.array_equal(load_pyfunc(tmp_path / "m").input_example, data)
    serving = json.loads((tmp_path / "m" / "serving_input_example.json").read_text())
    assert np.array_equal(serving["inputs"], data)


def test_artifacts_do_not_tie_the_content_hash_to_a_place(tmp_path: Path) -> None:
    hashes = set()
    for place in ("here", "there"):
        (tmp_path / place).mkdir()
        (tmp_path / place / "factor").write_text("2")
        save_pyfunc(
            tmp_path / place / "m", python_model=Scaled(), artifacts={"factor": str(tmp_path / place / "factor")}
        )
        hashes.add(model_content_hash(str(tmp_path / place / "m")))
    assert len(hashes) == 1
