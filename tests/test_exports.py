"""The faces: `siglum` offers what its lists say, and what MLflow's users expect under MLflow's names."""

from __future__ import annotations

import ast
import importlib
import inspect
from pathlib import Path

import pytest

import siglum
import siglum.client.fluent
from siglum.client.mlflow_client import MlflowClient

# What scripts that were written for MLflow call; a name that goes missing here breaks somebody's training.
CLASSIC = {
    "MlflowClient", "MlflowException", "active_run", "create_experiment", "delete_experiment", "delete_run",
    "delete_tag", "end_run",
    "get_artifact_uri", "get_experiment", "get_experiment_by_name", "get_parent_run", "get_registry_uri", "get_run",
    "get_tracking_uri", "last_active_run", "log_artifact", "log_artifacts", "log_dict", "log_figure", "log_image",
    "log_input", "log_metric", "log_metrics", "log_param", "log_params", "log_text", "register_model",
    "search_experiments", "search_model_versions", "search_registered_models", "search_runs", "seed_everything",
    "set_experiment", "set_experiment_tag", "set_registry_uri", "set_tag", "set_tags", "set_tracking_uri", "start_run",
}  # fmt: skip

FACES = {
    "sklearn": {"load_model", "log_model", "save_model"},
    "pyfunc": {"PyFuncModel", "PythonModel", "get_model_dependencies", "load_model", "log_model", "save_model"},
    "artifacts": {"download_artifacts", "list_artifacts", "load_dict", "load_text"},
    "data": {"from_numpy", "from_pandas"},
    "entities": {"Metric", "ModelVersion", "Param", "Run", "RunStatus", "RunTag", "ViewType"},
    "entities.model_registry": {"ModelVersion", "ModelVersionTag", "RegisteredModel", "RegisteredModelAlias"},
    "exceptions": {"MlflowException", "RestException"},
    "models": {"Model", "ModelSignature", "infer_signature"},
}


def test_every_listed_name_is_found() -> None:
    for name in siglum.__all__:
        assert getattr(siglum, name) is not None
    assert set(siglum.__all__) >= CLASSIC
    assert set(dir(siglum)) >= set(siglum.__all__) | {"sklearn", "pyfunc", "tracking"}


def test_the_fluent_module_and_the_face_list_the_same() -> None:
    assert set(siglum.__all__) - {"MlflowClient", "MlflowException", "__version__"} == set(siglum.client.fluent.__all__)


def test_type_checkers_see_what_getattr_finds() -> None:
    tree = ast.parse(Path(siglum.__file__).read_text())
    (block,) = [node for node in tree.body if isinstance(node, ast.If)]
    seen = {alias.name for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert seen == set(siglum.__all__) - {"__version__"} | {"open"}  # which a star import is not to bring


def test_another_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="log_metrik"):
        _ = siglum.log_metrik


@pytest.mark.parametrize(("face", "names"), FACES.items())
def test_faces(face: str, names: set[str]) -> None:
    module = importlib.import_module(f"siglum.{face}")
    assert set(module.__all__) >= names
    for name in names:
        assert getattr(module, name) is not None


def test_the_client_is_found_where_mlflow_has_it() -> None:
    tracking = importlib.import_module("siglum.tracking")
    client = importlib.import_module("siglum.client")
    assert tracking.MlflowClient is client.MlflowClient is MlflowClient is siglum.MlflowClient


def test_everything_public_is_described() -> None:
    undescribed = [name for name in siglum.__all__ if not inspect.getdoc(getattr(siglum, name)) and name[0] != "_"]
    methods = inspect.getmembers(MlflowClient, inspect.isfunction)
    undescribed += [name for name, method in methods if not name.startswith("_") and not inspect.getdoc(method)]
    assert undescribed == []
