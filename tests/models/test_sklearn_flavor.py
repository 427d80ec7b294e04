from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.cluster import Birch
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    IsolationForest,
    RandomForestClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import MultinomialNB
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from siglum.core.errors import AlreadyExistsError, FileFormatError, InvalidInputError, NotFoundError
from siglum.models import skops_files
from siglum.models.content import model_content_hash
from siglum.models.flavors.sklearn import load_model, save_model
from siglum.models.mlmodel import read_model, write_model
from siglum.models.trust import VersionMismatchWarning

ESTIMATORS: list[Any] = [
    RandomForestClassifier(3),
    GradientBoostingClassifier(n_estimators=3),
    HistGradientBoostingClassifier(max_iter=3),
    LogisticRegression(max_iter=1000),
    make_pipeline(StandardScaler(), SGDClassifier(random_state=np.random.RandomState(0))),
    make_pipeline(ColumnTransformer([("s", StandardScaler(), [0, 1])], remainder="passthrough"), LogisticRegression()),
    SVC(),
    MLPClassifier((3,), max_iter=3000, random_state=0),
    IsolationForest(n_estimators=3, max_features=2),
    AdaBoostClassifier(n_estimators=2),
    BaggingClassifier(n_estimators=3, max_features=0.5),
    VotingClassifier([("a", LogisticRegression(max_iter=1000)), ("b", RandomForestClassifier(2))]),
    StackingClassifier([("a", LogisticRegression(max_iter=1000)), ("b", RandomForestClassifier(2))], cv=2),
    GridSearchCV(LogisticRegression(max_iter=1000), {"C": [1, 2]}, cv=2),
]


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda e: type(e).__name__)
@pytest.mark.parametrize("chosen", ["skops", "cloudpickle", "pickle"])
def test_a_strangers_estimator_loads_without_consent_and_predicts_the_same(
    estimator: Any, chosen: str, iris: tuple[pd.DataFrame, Any], tmp_path: Path, as_stranger: Callable[[], None]
) -> None:
    data = iris[0].to_numpy()
    estimator.fit(data, iris[1])
    save_model(estimator, tmp_path / "m", serialization_format=chosen)
    as_stranger()
    assert (load_model(tmp_path / "m").predict(data) == estimator.predict(data)).all()


def test_a_text_model_loads_as_a_strangers(tmp_path: Path, as_stranger: Callable[[], None]) -> None:
    texts = ["good day", "bad day", "good night", "bad luck"]
    model = make_pipeline(TfidfVectorizer(stop_words=["day", "night"]), MultinomialNB()).fit(texts, [1, 0, 1, 0])
    for chosen in ("skops", "cloudpickle"):
        save_model(model, tmp_path / chosen, serialization_format=chosen)
    as_stranger()
    for chosen in ("skops", "cloudpickle"):
        assert (load_model(tmp_path / chosen).predict(texts) == [1, 0, 1, 0]).all()


def test_the_folder_has_mlflows_layout(forest: Any, iris: tuple[pd.DataFrame, Any], tmp_path: Path) -> None:
    returned = save_model(forest, tmp_path / "m", input_example=iris[0].head(2), metadata={"k": 1}, clock=lambda: 1000)
    assert sorted(os.listdir(tmp_path / "m")) == [
        "MLmodel",
        "conda.yaml",
        "input_example.json",
        "model.skops",
        "python_env.yaml",
        "requirements.txt",
        "serving_input_example.json",
    ]
    model = read_model(str(tmp_path / "m"))
    assert model == returned
    assert model.utc_time_created == "1970-01-01 00:00:01.000000"
    assert model.flavors["sklearn"]["skops_trusted_types"] == ["sklearn.tree._tree.Tree"]
    assert [s.name for s in model.signature.inputs.inputs] == list(iris[0].columns)  # type: ignore[union-attr]
    lines = (tmp_path / "m" / "requirements.txt").read_text().split()
    assert [line.partition("==")[0] for line in lines] == ["numpy", "pandas", "scikit-learn", "scipy", "skops"]


FIT_AND_SAVE = """
import sys
import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_iris
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from siglum.models.content import model_content_hash
from siglum.models.flavors.sklearn import save_model
junk = [bytes(np.random.default_rng(None).integers(1, 255, 64, dtype='u1')) for _ in range(10_000)]
del junk
X, y = load_iris(return_X_y=True, as_frame=True)
columns = ColumnTransformer([('s', StandardScaler(), list(X.columns[:2])), ('o', OneHotEncoder(), list(X.columns[2:]))])
models = [
    RandomForestClassifier(5, random_state=0).fit(X, y),
    LogisticRegression(max_iter=1000).fit(X, y),
    make_pipeline(StandardScaler(), SGDClassifier(random_state=0)).fit(X, y),
    GradientBoostingClassifier(n_estimators=3, random_state=0).fit(X, y),
    make_pipeline(columns, LogisticRegression(max_iter=1000)).fit(X, y),
]
models.append(CountVectorizer().fit(['some words', 'more']))
for number, model in enumerate(models):
    if number == 5:
        model.stop_words = set('abcdefgh')
    save_model(model, f'{sys.argv[1]}/{number}')
    print(model_content_hash(f'{sys.argv[1]}/{number}'))
"""


@pytest.mark.long
@pytest.mark.slow
def test_the_same_estimator_has_the_same_bytes_in_another_process(tmp_path: Path) -> None:
    printed = []
    for seed in ("1", "2"):
        out = tmp_path / seed
        environment = os.environ | {"PYTHONHASHSEED": seed}
        command = [sys.executable, "-W", "error", "-c", FIT_AND_SAVE, str(out)]
        printed.append(subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout)
    assert len(set(printed[0].split())) == 6
    assert printed[0] == printed[1]
    for number in range(6):
        first, second = ((tmp_path / seed / str(number) / "model.skops").read_bytes() for seed in ("1", "2"))
        assert hashlib.sha256(first).digest() == hashlib.sha256(second).digest()


def test_a_loaded_model_saves_to_the_same_content_hash(forest: Any, tmp_path: Path) -> None:
    save_model(forest, tmp_path / "a")
    save_model(load_model(tmp_path / "a"), tmp_path / "b")
    assert model_content_hash(str(tmp_path / "a")) == model_content_hash(str(tmp_path / "b"))


def test_canonical_bytes_do_not_change_again(forest: Any) -> None:
    import skops.io

    once = skops_files.canonical(skops.io.dumps(forest))
    assert skops_files.canonical(once) == once


def test_what_cannot_be_saved_is_said_and_leaves_nothing(tmp_path: Path, iris: tuple[pd.DataFrame, Any]) -> None:
    model = Birch().fit(iris[0])
    with pytest.raises(InvalidInputError, match=r"Birch cannot be saved as skops.*cloudpickle"):
        save_model(model, tmp_path / "m")
    with pytest.raises(InvalidInputError, match="Did you mean 'skops'"):
        save_model(model, tmp_path / "m", serialization_format="skop")
    assert os.listdir(tmp_path) == []


def test_an_existing_folder_is_not_overwritten(forest: Any, tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    save_model(forest, tmp_path / "m")
    with pytest.raises(AlreadyExistsError):
        save_model(forest, tmp_path / "m")
    assert [name for name in os.listdir(tmp_path) if name.startswith(".")] == []


def test_another_version_of_scikit_learn_is_warned_of(forest: Any, tmp_path: Path) -> None:
    save_model(forest, tmp_path / "m")
    model = read_model(str(tmp_path / "m"))
    model.flavors["sklearn"]["sklearn_version"] = "0.1"
    write_model(str(tmp_path / "m"), model)
    with pytest.warns(VersionMismatchWarning, match=r"0\.1.*installed"):
        load_model(tmp_path / "m")


def test_a_format_that_the_file_does_not_have_is_refused(forest: Any, tmp_path: Path) -> None:
    save_model(forest, tmp_path / "m")
    model = read_model(str(tmp_path / "m"))
    model.flavors["sklearn"]["serialization_format"] = "pickle"
    write_model(str(tmp_path / "m"), model)
    with pytest.raises(FileFormatError, match=r"model\.skops"):
        load_model(tmp_path / "m")


def test_a_missing_file_and_a_missing_flavor_are_named(forest: Any, tmp_path: Path) -> None:
    save_model(forest, tmp_path / "m")
    model = read_model(str(tmp_path / "m"))
    (tmp_path / "m" / "model.skops").unlink()
    with pytest.raises(NotFoundError, match=r"model\.skops"):
        load_model(tmp_path / "m")
    del model.flavors["sklearn"]
    write_model(str(tmp_path / "m"), model)
    with pytest.raises(InvalidInputError, match="python_function"):
        load_model(tmp_path / "m")


def test_requirements_given_replace_or_extend_the_inferred(forest: Any, tmp_path: Path) -> None:
    (tmp_path / "more.txt").write_text("# comment\nb==2\n\n")
    save_model(forest, tmp_path / "1", pip_requirements=["a==1", f"-r {tmp_path}/more.txt"])
    assert (tmp_path / "1" / "requirements.txt").read_text() == "a==1\nb==2\n"
    save_model(forest, tmp_path / "2", extra_pip_requirements=["numpy>=2", "a"])
    lines = (tmp_path / "2" / "requirements.txt").read_text().split()
    assert lines[-2:] == ["numpy>=2", "a"]
    assert sum(line.startswith("numpy") for line in lines) == 1


def test_the_code_of_a_trusted_model_is_importable(
    tmp_path: Path, as_stranger: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "shipped_module.py").write_text(
        "from sklearn.base import BaseEstimator\nclass Ours(BaseEstimator):\n    def predict(self, X): return [7]\n"
    )
    monkeypatch.setattr(sys, "path", [str(tmp_path / "lib"), *sys.path])
    from shipped_module import Ours  # type: ignore[import-not-found]

    save_model(Ours(), tmp_path / "m", code_paths=[str(tmp_path / "lib" / "shipped_module.py")])
    monkeypatch.setattr(sys, "path", sys.path[1:])
    del sys.modules["shipped_module"]
    as_stranger()
    assert load_model(tmp_path / "m", trust=True).predict([1]) == [7]
