"""MLflow's functions and methods take the same arguments here, so that scripts run unchanged.

What is left out on purpose is listed; the real MLflow says what there is.
"""

from __future__ import annotations

import inspect
import json
import subprocess
from typing import Any

import pytest

import siglum
import siglum.artifacts
import siglum.client.fluent
import siglum.data
import siglum.pyfunc
import siglum.sklearn

pytestmark = [pytest.mark.interop, pytest.mark.slow]

PROGRAM = """
import inspect, json, sys
import mlflow, mlflow.artifacts, mlflow.sklearn, mlflow.pyfunc, mlflow.data
def signature(f):
    return [p.name for p in inspect.signature(f).parameters.values() if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)]
def members(thing, names):
    return {n: signature(getattr(thing, n)) for n in names if hasattr(thing, n)}
wanted = json.loads(sys.stdin.read())
print(json.dumps({
    place: members(mlflow.MlflowClient if place == "client" else
                   mlflow if place == "fluent" else getattr(mlflow, place), names)
    for place, names in wanted.items()}))
"""

# Arguments of features that this version does not have: passing one is a TypeError, never silently ignored.
LEFT_OUT = {
    "create_experiment": {"trace_location"},
    "set_experiment": {"trace_location"},
    "fluent.autolog": {"log_traces"},
    "sklearn.autolog": {"log_post_training_metrics"},
    "register_model": {"env_pack"},
    "create_registered_model": {"deployment_job_id"},
    "update_registered_model": {"deployment_job_id"},
    "sklearn.log_model": {"extra_files"},
    "sklearn.save_model": {"mlflow_model", "extra_files"},
    "pyfunc.load_model": {"suppress_warnings"},
}
PYFUNC_LEFT_OUT = {
    "loader_module", "data_path", "infer_code_paths", "mlflow_model", "streamable", "resources", "auth_policy",
    "uv_project_path", "uv_groups", "uv_extras", "prompts",
}  # fmt: skip


def parameters(function: Any) -> list[str]:
    return list(inspect.signature(function).parameters)


def test_arguments(mlflow_python: str) -> None:
    client = [name for name, _ in inspect.getmembers(siglum.MlflowClient, inspect.isfunction) if name[0] != "_"]
    ours: dict[str, tuple[Any, list[str]]] = {
        "fluent": (siglum, [name for name in siglum.client.fluent.__all__ if name not in ("ActiveRun", "ActiveModel")]),
        "client": (siglum.MlflowClient, client),
        "artifacts": (siglum.artifacts, siglum.artifacts.__all__),
        "sklearn": (siglum.sklearn, siglum.sklearn.__all__),
        "pyfunc": (siglum.pyfunc, ["load_model", "log_model", "save_model", "get_model_dependencies"]),
        "data": (siglum.data, ["from_pandas", "from_numpy"]),
    }
    done = subprocess.run(
        [mlflow_python, "-W", "ignore", "-c", PROGRAM],
        input=json.dumps({place: names for place, (_, names) in ours.items()}),
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    theirs: dict[str, dict[str, list[str]]] = json.loads(done.stdout)
    assert len(theirs["fluent"]) > 45
    assert len(theirs["client"]) > 60
    wrong = []
    for place, functions in theirs.items():
        for name, expected in functions.items():
            left_out = LEFT_OUT.get(f"{place}.{name}", LEFT_OUT.get(name, set()))
            if place == "pyfunc":
                left_out = left_out | PYFUNC_LEFT_OUT
            have = parameters(getattr(ours[place][0], name))
            wanted = [parameter for parameter in expected if parameter not in left_out]
            missing = [parameter for parameter in wanted if parameter not in have]
            in_order = [parameter for parameter in have if parameter in wanted]
            if missing or (place != "pyfunc" and in_order != wanted):
                wrong.append(f"{place}.{name}: MLflow has {expected}, here is {have}")
    assert wrong == []
