# ruff: noqa: E501  -- one line for each class
"""What users of MLflow's entities find on ours: the public names of MLflow 3.17.2, but those of its wire and of what is not classic."""

from __future__ import annotations

from pathlib import Path

import pytest

import siglum
from siglum import entities
from siglum.core.errors import InvalidInputError
from siglum.entities import LifecycleStage, LoggedModelStatus, ModelVersion, Param, RunStatus, ViewType

NAMES = """
Dataset: digest name profile schema source source_type to_dictionary
DatasetInput: dataset tags to_dictionary
Experiment: DEFAULT_EXPERIMENT_NAME artifact_location creation_time experiment_id last_update_time lifecycle_stage name tags
ExperimentTag: key value
FileInfo: file_size is_dir path
InputTag: key value
LifecycleStage: ACTIVE DELETED is_valid matches_view_type view_type_to_stages
LoggedModel: artifact_location creation_timestamp experiment_id last_updated_timestamp metrics model_id model_type model_uri name params source_run_id status status_message tags to_dictionary
LoggedModelInput: model_id
LoggedModelOutput: model_id step to_dictionary
LoggedModelParameter: key value
LoggedModelStatus: FAILED PENDING READY UNSPECIFIED capitalize casefold center count encode endswith expandtabs find format format_map index isalnum isalpha isascii isdecimal isdigit isidentifier islower isnumeric isprintable isspace istitle isupper join ljust lower lstrip maketrans partition removeprefix removesuffix replace rfind rindex rjust rpartition rsplit rstrip split splitlines startswith strip swapcase title translate upper zfill
LoggedModelTag: key value
Metric: dataset_digest dataset_name key model_id run_id step timestamp to_dictionary value
ModelVersion: aliases creation_timestamp current_stage description last_updated_timestamp metrics model_id name params run_id run_link source status status_message tags user_id version
Param: key value
RegisteredModel: aliases creation_timestamp description last_updated_timestamp latest_versions name tags
Run: data info inputs outputs to_dictionary
RunData: metrics params tags to_dictionary
RunInfo: artifact_uri end_time experiment_id lifecycle_stage run_id run_name start_time status user_id
RunInputs: dataset_inputs model_inputs to_dictionary
RunOutputs: model_outputs to_dictionary
RunStatus: FAILED FINISHED KILLED RUNNING SCHEDULED all_status from_string is_terminated to_string
RunTag: key value
ViewType: ACTIVE_ONLY ALL DELETED_ONLY from_string to_string
"""


@pytest.mark.parametrize("line", NAMES.strip().splitlines(), ids=lambda line: line.partition(":")[0])
def test_names(line: str) -> None:
    name, _, expected = line.partition(": ")
    ours = getattr(entities, name)
    assert [each for each in expected.split() if not hasattr(ours, each)] == []


def test_a_run_as_plain_values(project: Path) -> None:
    with siglum.start_run(run_name="r") as started:
        siglum.log_metric("loss", 0.5, step=2)
        siglum.log_param("depth", 3)
    run = siglum.get_run(started.info.run_id)
    found = run.to_dictionary()
    assert found["info"] == dict(run.info)
    assert found["info"]["run_name"] == "r"
    assert found["data"] == {"metrics": {"loss": 0.5}, "params": {"depth": "3"}, "tags": run.data.tags}
    assert found["inputs"] == {"dataset_inputs": [], "model_inputs": []}
    (point,) = siglum.MlflowClient().get_metric_history(run.info.run_id, "loss")
    assert (point.to_dictionary()["step"], dict(Param("a", "b"))) == (2, {"key": "a", "value": "b"})


def test_states() -> None:
    assert [RunStatus.is_terminated(RunStatus.from_string(each)) for each in RunStatus.all_status()] == [
        False, False, True, True, True,
    ]  # fmt: skip
    assert RunStatus.to_string(RunStatus.KILLED) == "KILLED"
    assert ViewType.to_string(ViewType.from_string("deleted_only")) == "deleted_only"
    assert [each.value for each in LoggedModelStatus] == ["UNSPECIFIED", "PENDING", "READY", "FAILED"]  # as in MLflow
    assert [LoggedModelStatus.from_wire(each.wire_name) for each in LoggedModelStatus] == list(LoggedModelStatus)
    assert LifecycleStage.view_type_to_stages(ViewType.ALL) == ["active", "deleted"]
    assert LifecycleStage.view_type_to_stages(ViewType.DELETED_ONLY) == ["deleted"]
    assert [LifecycleStage.is_valid(each) for each in ("active", "gone")] == [True, False]


def test_a_version_has_no_metrics_of_its_own() -> None:
    """As MLflow's client has it: whoever asks finds None, and the model that has them."""
    version = ModelVersion(
        name="m", version="1", creation_timestamp=0, last_updated_timestamp=0, source="s", model_id="m-1"
    )
    assert (version.metrics, version.params, version.model_id) == (None, None, "m-1")


def test_what_scripts_make_themselves_takes_fields_by_position() -> None:
    dataset = entities.Dataset("d", "digest", "local", "{}")
    made = entities.DatasetInput(dataset, (entities.InputTag("a", "b"),))
    assert (made.dataset.name, made.tags[0].value) == ("d", "b")
    assert entities.LoggedModelOutput("m-1", 3).step == 3
    assert entities.LoggedModelInput("m-1").model_id == "m-1"
    assert entities.FileInfo("a", False, 5).file_size == 5


def test_errors_are_caught_under_mlflows_name(project: Path) -> None:
    with pytest.raises(siglum.exceptions.MlflowException) as caught:
        siglum.get_run("0" * 32)
    assert (caught.value.error_code, caught.value.get_http_status_code()) == ("RESOURCE_DOES_NOT_EXIST", 404)


def test_what_is_made_of_plain_values(project: Path) -> None:
    with siglum.start_run() as started:
        siglum.log_metric("loss", float("inf"), step=2)
    info = siglum.get_run(started.info.run_id).info
    (point,) = siglum.MlflowClient().get_metric_history(info.run_id, "loss")
    for each in (info, point, Param("a", "b"), entities.RunTag("a", "b"), siglum.get_experiment("0")):
        assert type(each).from_dictionary(dict(each) | {"something else": 1}) == each
    for values in ({"key": "a"}, {"key": "a", "value": ["b"]}):
        with pytest.raises(InvalidInputError, match=r"no Param: .*value"):
            Param.from_dictionary(values)
