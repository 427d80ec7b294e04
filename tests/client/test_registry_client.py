"""MlflowClient's registry, its runs by id and its logged models, on the embedded store."""

from __future__ import annotations

import getpass
import socket
from pathlib import Path

import pytest

import siglum
from siglum.core.errors import AlreadyExistsError, ConflictError, InvalidInputError, NotFoundError
from siglum.tracking.entities import LoggedModelStatus, Metric, Param, RunStatus, Tag

SOURCE = "s3://bucket/model"


def version(client: siglum.MlflowClient, name: str = "m") -> str:
    return client.create_model_version(name, SOURCE).version


def test_registered_models(project: Path) -> None:
    client = siglum.MlflowClient()
    client.create_registered_model("m", tags={"a": 1}, description="first")
    with pytest.raises(AlreadyExistsError):
        client.create_registered_model("m")
    assert client.update_registered_model("m", "second").description == "second"
    client.set_registered_model_tag("m", "b", 2)
    client.delete_registered_model_tag("m", "a")
    assert client.rename_registered_model("m", "n").name == "n"
    found = client.get_registered_model("n")
    assert (found.tags, found.description) == ({"b": "2"}, "second")
    assert [each.name for each in client.search_registered_models("name LIKE 'n%'")] == ["n"]
    client.delete_registered_model("n")
    with pytest.raises(NotFoundError):
        client.get_registered_model("n")


def test_versions_aliases_and_stages(project: Path) -> None:
    client = siglum.MlflowClient()
    client.create_registered_model("m")
    assert [version(client) for _ in range(3)] == ["1", "2", "3"]
    assert client.set_registered_model_alias("m", "champion", 1).from_version is None
    move = client.set_registered_model_alias("m", "champion", "2")
    assert (move.from_version, move.to_version) == ("1", "2")
    assert client.get_model_version_by_alias("m", "champion").version == "2"
    assert client.rollback_registered_model_alias("m", "champion").to_version == "1"
    client.delete_registered_model_alias("m", "champion")
    with pytest.raises((NotFoundError, InvalidInputError)):
        client.get_model_version_by_alias("m", "champion")
    client.transition_model_version_stage("m", 1, "Production")
    client.transition_model_version_stage("m", 2, "Production", archive_existing_versions=True)
    stages = {each.version: str(each.current_stage) for each in client.search_model_versions("name = 'm'")}
    assert stages == {"1": "Archived", "2": "Production", "3": "None"}
    assert [each.version for each in client.get_latest_versions("m", ["Production"])] == ["2"]
    assert client.get_model_version_stages("m", 1) == ["None", "Staging", "Production", "Archived"]
    client.update_model_version("m", 3, "text")
    client.set_model_version_tag("m", 3, "k", "v")
    client.set_model_version_tag("m", key="prod", value=True, stage="Production")
    assert client.get_model_version("m", 3).tags == {"k": "v"}
    assert client.get_model_version("m", 2).tags == {"prod": "True"}
    client.delete_model_version_tag("m", 3, "k")
    assert client.get_model_version("m", 3).tags == {}
    for arguments in ({"version": 1, "stage": "Staging", "key": "k"}, {"key": "k"}, {"version": 1}):
        with pytest.raises(InvalidInputError):
            client.set_model_version_tag("m", value=1, **arguments)
    assert client.get_model_version_download_uri("m", 1) == SOURCE
    client.delete_model_version("m", 3)
    assert version(client) == "4"


def test_every_change_says_who_by_what_and_why(project: Path) -> None:
    client = siglum.MlflowClient()
    client.create_registered_model("m")
    version(client)
    client.set_registered_model_alias("m", "champion", 1, reason="better recall")
    event = client._registry.audit_log(name="m")[0]
    assert event.actor == f"{getpass.getuser()}@{socket.gethostname()}"
    assert event.source
    assert event.reason == "better recall"
    assert client._registry.audit_log(name="m")[1].reason is None


def test_runs_by_id(project: Path) -> None:
    client = siglum.MlflowClient()
    experiment = client.create_experiment("e", tags={"a": 1})
    run = client.create_run(experiment, run_name="r", tags={"mlflow.parentRunId": "0" * 32, "t": 2}, start_time=5)
    run_id = run.info.run_id
    assert (run.info.run_name, run.info.start_time, run.data.tags["t"]) == ("r", 5, "2")
    client.log_metric(run_id, "m", 1.5, timestamp=7, step=3)
    client.log_batch(run_id, metrics=[Metric("m", 2.5, 8, 4)], params=[Param("p", "1")], tags=[Tag("u", "v")])
    client.log_param(run_id, "q", 2)
    client.set_tag(run_id, "w", 3)
    client.delete_tag(run_id, "w")
    client.update_run(run_id, name="renamed")
    client.set_terminated(run_id, "KILLED", end_time=99)
    found = client.get_run(run_id)
    assert (found.info.status, found.info.end_time, found.info.run_name) == (RunStatus.KILLED, 99, "renamed")
    assert (found.data.metrics, found.data.params) == ({"m": 2.5}, {"p": "1", "q": "2"})
    assert [(point.step, point.value) for point in client.get_metric_history(run_id, "m")] == [(3, 1.5), (4, 2.5)]
    with pytest.raises(InvalidInputError):
        client.update_run(run_id, status="DONE")
    client.delete_run(run_id)
    with pytest.raises(ConflictError):
        client.log_param(run_id, "z", 1)
    client.restore_run(run_id)
    client.rename_experiment(experiment, "f")
    client.set_experiment_tag(experiment, "b", 2)
    client.delete_experiment_tag(experiment, "a")
    assert client.get_experiment(experiment).tags == {"b": "2"}
    client.delete_experiment(experiment)
    client.restore_experiment(experiment)
    assert [each.name for each in client.search_experiments(max_results=1)] == ["f"]


def test_the_client_sees_what_the_fluent_api_has_queued(project: Path) -> None:
    client = siglum.MlflowClient()
    with siglum.start_run() as run:
        siglum.log_metric("m", 1)
        assert client.get_run(run.info.run_id).data.metrics == {"m": 1}
        siglum.log_metric("m", 2, step=1)
        assert len(client.get_metric_history(run.info.run_id, "m")) == 2


def test_logged_models(project: Path) -> None:
    client = siglum.MlflowClient()
    made = client.create_logged_model("0", "a", params={f"p{n}": n for n in range(150)}, tags={"t": 1})
    assert (made.status, len(made.params)) == (LoggedModelStatus.PENDING, 150)
    client.set_logged_model_tags(made.model_id, {"u": 2})
    client.delete_logged_model_tag(made.model_id, "t")
    client.log_model_params(made.model_id, {"more": 1})
    (project / "f.txt").write_text("f")
    client.log_model_artifact(made.model_id, "f.txt", "sub")
    assert [entry.path for entry in client.list_logged_model_artifacts(made.model_id, "sub")] == ["sub/f.txt"]
    ready = client.finalize_logged_model(made.model_id, "READY")
    assert (ready.status, ready.tags, len(ready.params)) == (LoggedModelStatus.READY, {"u": "2"}, 151)
    with pytest.raises(InvalidInputError):
        client.finalize_logged_model(made.model_id, "DONE")
    found = client.search_logged_models(["0"], order_by=[{"field_name": "name", "ascending": False}])
    assert [each.model_id for each in found] == [made.model_id]
    client.delete_logged_model(made.model_id)
    with pytest.raises(NotFoundError):
        client.get_logged_model(made.model_id)


def test_two_clients_of_two_stores(project: Path) -> None:
    here, there = siglum.MlflowClient(), siglum.MlflowClient("sqlite:///other.db")
    there.create_experiment("there")
    assert here.get_experiment_by_name("there") is None
    assert there.get_experiment_by_name("there") is not None
    assert there.tracking_uri == f"sqlite:///{project}/other.db"
    with pytest.raises(InvalidInputError):
        siglum.MlflowClient("htp://x")
