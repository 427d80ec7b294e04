"""The variables that tie a script's runs to its stage."""

from __future__ import annotations

import json

from siglum.lineage.stage_variables import stage_variables

RUN = "a" * 32


def test_a_database_is_named_to_siglum_alone() -> None:
    assert stage_variables({"MLFLOW_TRACKING_URI": "http://other"}, "s", "sqlite:////x.db", RUN) == {
        "SIGLUM_TRACKING_URI": "sqlite:////x.db",
        "SIGLUM_RUN_ID": RUN,
        "SIGLUM_STAGE_RUN_ID": RUN,
    }


def test_a_server_is_named_to_both() -> None:
    found = stage_variables({"MLFLOW_RUN_CONTEXT": '{"team": "a"}'}, "s", "http://here:1", RUN)
    assert found["MLFLOW_TRACKING_URI"] == "http://here:1"
    assert json.loads(found["MLFLOW_RUN_CONTEXT"]) == {"team": "a", "mlflow.parentRunId": RUN, "siglum.stage": "s"}
    assert "MLFLOW_RUN_ID" not in found


def test_another_server_of_mlflow_stays_what_it_is() -> None:
    found = stage_variables({"MLFLOW_TRACKING_URI": "http://other"}, "s", "http://here:1", RUN)
    assert found["MLFLOW_TRACKING_URI"] == "http://other"
    assert "MLFLOW_RUN_CONTEXT" not in found


def test_without_a_run_none_is_named_not_even_that_of_a_stage_around() -> None:
    assert stage_variables({"SIGLUM_RUN_ID": "outer"}, "s", "http://here:1", None) == {
        "SIGLUM_TRACKING_URI": "http://here:1",
        "SIGLUM_RUN_ID": "",
        "SIGLUM_STAGE_RUN_ID": "",
    }


def test_a_context_that_is_none_is_replaced() -> None:
    found = stage_variables({"MLFLOW_RUN_CONTEXT": "[broken"}, "s", "http://here:1", RUN)
    assert json.loads(found["MLFLOW_RUN_CONTEXT"]) == {"mlflow.parentRunId": RUN, "siglum.stage": "s"}
