"""The part of the tracking contract that is about runs, their tags, parameters, inputs and outputs."""

# Fixtures are asked for to be there, and a page token is no secret.

from __future__ import annotations

import json
import math
import uuid

import pytest

from siglum.core.errors import (
    AlreadyExistsError,
    ConflictError,
    InvalidInputError,
    NotFoundError,
)
from siglum.testing.tracking_fixtures import NO_ID, TrackingFixtures
from siglum.tracking.entities import (
    Dataset,
    DatasetInput,
    DatasetSummary,
    LifecycleStage,
    LoggedModelInput,
    LoggedModelOutput,
    Metric,
    Param,
    RunStatus,
    Tag,
)
from siglum.tracking.store import TrackingStore


class RunContract(TrackingFixtures):
    """Runs: life cycle, tags, parameters."""

    def test_runs_create(self, store: TrackingStore, experiment_id: str) -> None:
        run = store.create_run(
            experiment_id, user_id="ann", run_name="first", start_time=1_700_000_000_000, tags=[Tag("k", "v")]
        )
        info = run.info
        assert (info.experiment_id, info.user_id, info.run_name) == (experiment_id, "ann", "first")
        assert (info.status, info.start_time, info.end_time) == (RunStatus.RUNNING, 1_700_000_000_000, None)
        assert len(info.run_id) == 32
        assert info.artifact_uri == (f"{store.get_experiment(experiment_id).artifact_location}/{info.run_id}/artifacts")
        assert run.data.tags == {"k": "v", "mlflow.runName": "first"}
        assert store.get_run(info.run_id) == run

    def test_a_run_without_a_name_gets_one(self, store: TrackingStore, experiment_id: str) -> None:
        run = store.create_run(experiment_id)
        assert run.info.run_name.count("-") == 2
        assert run.data.tags["mlflow.runName"] == run.info.run_name

    def test_the_name_may_come_as_a_tag(self, store: TrackingStore, experiment_id: str) -> None:
        assert store.create_run(experiment_id, tags=[Tag("mlflow.runName", "n")]).info.run_name == "n"
        with pytest.raises(InvalidInputError):
            store.create_run(experiment_id, run_name="a", tags=[Tag("mlflow.runName", "b")])

    def test_the_id_may_be_chosen(self, store: TrackingStore, experiment_id: str) -> None:
        run_id = uuid.uuid4().hex
        assert store.create_run(experiment_id, run_id=run_id).info.run_id == run_id
        with pytest.raises(AlreadyExistsError):
            store.create_run(experiment_id, run_id=run_id)
        with pytest.raises(InvalidInputError):
            store.create_run(experiment_id, run_id="../../etc/passwd")

    def test_unknown_runs(self, store: TrackingStore) -> None:
        for call in (
            store.get_run,
            store.delete_run,
            store.restore_run,
            store.update_run,
            lambda r: store.log_batch(r, params=[Param("a", "1")]),
            lambda r: store.delete_tag(r, "k"),
            lambda r: store.metric_history(r, "m"),
        ):
            with pytest.raises(NotFoundError):
                call(NO_ID)

    def test_runs_update(self, store: TrackingStore, run_id: str) -> None:
        name = store.get_run(run_id).info.run_name
        info = store.update_run(run_id, status=RunStatus.FINISHED, end_time=1_700_000_000_500)
        assert (info.status, info.end_time, info.run_name) == (RunStatus.FINISHED, 1_700_000_000_500, name)
        info = store.update_run(run_id, run_name="renamed")
        assert (info.status, info.end_time, info.run_name) == (RunStatus.FINISHED, 1_700_000_000_500, "renamed")
        run = store.get_run(run_id)
        assert run.info == info
        assert run.data.tags["mlflow.runName"] == "renamed"

    def test_runs_delete_and_restore(self, store: TrackingStore, run_id: str) -> None:
        store.log_batch(run_id, params=[Param("p", "1")], tags=[Tag("t", "1")])
        before = store.get_run(run_id)
        for _ in range(2):
            store.delete_run(run_id)
        assert store.get_run(run_id).info.lifecycle_stage is LifecycleStage.DELETED
        for write in (
            lambda: store.log_batch(run_id, metrics=[Metric("m", 1.0, 1)]),
            lambda: store.update_run(run_id, status=RunStatus.FAILED),
            lambda: store.delete_tag(run_id, "t"),
        ):
            with pytest.raises(ConflictError):
                write()
        for _ in range(2):
            store.restore_run(run_id)
        assert store.get_run(run_id) == before

    def test_params_are_logged_once(self, store: TrackingStore, run_id: str) -> None:
        store.log_batch(run_id, params=[Param("depth", "3"), Param("empty", "")])
        store.log_batch(run_id, params=[Param("depth", "3")])
        with pytest.raises(ConflictError) as caught:
            store.log_batch(run_id, params=[Param("new", "x"), Param("depth", "4")], tags=[Tag("t", "1")])
        for part in ("depth", "'3'", "'4'"):
            assert part in str(caught.value)
        assert store.get_run(run_id).data.params == {"depth": "3", "empty": ""}
        assert "t" not in store.get_run(run_id).data.tags

    def test_params_are_replaced_on_record(self, store: TrackingStore, run_id: str) -> None:
        store.log_batch(run_id, params=[Param("depth", "3"), Param("same", "s")])
        store.replace_params(run_id, [Param("depth", "4"), Param("same", "s"), Param("new", "n")])
        store.replace_params(run_id, [Param("depth", "5")])
        data = store.get_run(run_id).data
        assert data.params == {"depth": "5", "same": "s", "new": "n"}
        history = json.loads(data.tags["siglum.params.replaced"])
        assert [(each["key"], each["old"], each["new"]) for each in history] == [
            ("depth", "3", "4"), ("depth", "4", "5"),
        ]  # fmt: skip
        with pytest.raises(InvalidInputError):
            store.replace_params(run_id, [Param("depth", "6"), Param("", "x")])
        assert store.get_run(run_id).data.params["depth"] == "5"
        with pytest.raises(NotFoundError):
            store.replace_params(NO_ID, [Param("depth", "6")])

    def test_runs_tags(self, store: TrackingStore, run_id: str) -> None:
        store.log_batch(run_id, tags=[Tag("a", "1"), Tag("b", "ß")])
        store.log_batch(run_id, tags=[Tag("a", "2"), Tag("mlflow.runName", "by tag")])
        store.delete_tag(run_id, "b")
        run = store.get_run(run_id)
        assert run.data.tags == {"a": "2", "mlflow.runName": "by tag"}
        assert run.info.run_name == "by tag"
        with pytest.raises(NotFoundError):
            store.delete_tag(run_id, "b")

    def test_a_list_of_files_only_grows(self, store: TrackingStore, run_id: str) -> None:
        """Clients that list tables of a run do not take away what others list; what is no list is a tag as any."""

        def listed(*paths: str) -> str:
            return json.dumps([{"path": path, "type": "table"} for path in paths])

        for value in (listed("a.json"), listed("b.json"), listed("a.json", "c.json")):
            store.log_batch(run_id, tags=[Tag("mlflow.loggedArtifacts", value)])
        found = json.loads(store.get_run(run_id).data.tags["mlflow.loggedArtifacts"])
        assert sorted(each["path"] for each in found) == ["a.json", "b.json", "c.json"]
        store.log_batch(run_id, tags=[Tag("mlflow.loggedArtifacts", "none")])
        store.log_batch(run_id, tags=[Tag("mlflow.loggedArtifacts", listed("d.json"))])
        assert store.get_run(run_id).data.tags["mlflow.loggedArtifacts"] == listed("d.json")

    def test_values_are_kept_whole(self, store: TrackingStore, run_id: str) -> None:
        value = "ä\n" * 10_000
        store.log_batch(run_id, params=[Param("long", value)], tags=[Tag("long", value)])
        data = store.get_run(run_id).data
        assert data.params["long"] == value
        assert data.tags["long"] == value

    @pytest.mark.parametrize("key", ["", "/a", "a/", "a//b", "../a", "a/../b", ".", "./a", "a\x00b", "k" * 251, "a?b"])
    def test_bad_keys(self, store: TrackingStore, run_id: str, key: str) -> None:
        for batch in (
            {"metrics": [Metric(key, 1.0, 1)]},
            {"params": [Param(key, "v")]},
            {"tags": [Tag(key, "v")]},
        ):
            with pytest.raises(InvalidInputError):
                store.log_batch(run_id, **batch)

    @pytest.mark.parametrize("key", ["a", "a/b", "a.b-c d_e", "ключ", "a:b", "..a", "1"])
    def test_good_keys(self, store: TrackingStore, run_id: str, key: str) -> None:
        store.log_batch(run_id, metrics=[Metric(key, 1.0, 1)], params=[Param(key, "v")], tags=[Tag(key, "v")])
        data = store.get_run(run_id).data
        assert data.metrics == {key: 1.0}
        assert data.params == {key: "v"}
        assert data.tags[key] == "v"

    def test_batches_have_a_size(self, store: TrackingStore, run_id: str) -> None:
        with pytest.raises(InvalidInputError):
            store.log_batch(run_id, metrics=[Metric(f"m{i}", 1.0, 1) for i in range(1001)])
        with pytest.raises(InvalidInputError):
            store.log_batch(run_id, params=[Param(f"p{i}", "1") for i in range(101)])
        with pytest.raises(InvalidInputError):
            store.log_batch(run_id, tags=[Tag(f"t{i}", "1") for i in range(101)])
        with pytest.raises(InvalidInputError):
            store.log_batch(
                run_id,
                metrics=[Metric(f"m{i}", 1.0, 1) for i in range(950)],
                params=[Param(f"p{i}", "1") for i in range(51)],
            )
        store.log_batch(run_id, metrics=[Metric(f"m{i}", 1.0, 1) for i in range(1000)])
        assert len(store.get_run(run_id).data.metrics) == 1000

    def test_a_batch_that_comes_again_with_its_key_is_stored_once(self, store: TrackingStore, run_id: str) -> None:
        def log_first(key: str | None) -> None:
            store.log_batch(
                run_id,
                metrics=[Metric("m", 1.0, 1, step=1), Metric("n", math.nan, 1)],
                params=[Param("p", "1")],
                tags=[Tag("t", "first")],
                idempotency_key=key,
            )

        log_first("batch 1")
        store.log_batch(run_id, tags=[Tag("t", "second")], idempotency_key="batch 2")
        before = store.get_run(run_id)
        log_first("batch 1")
        assert store.get_run(run_id).data.tags == before.data.tags
        assert before.data.tags["t"] == "second"
        assert len(store.metric_history(run_id, "m").items) == 1
        log_first(None)
        assert store.get_run(run_id).data.tags["t"] == "first", "without a key it is another batch"

    def test_a_key_is_of_one_batch_of_one_run(self, store: TrackingStore, run_id: str, experiment_id: str) -> None:
        store.log_batch(run_id, tags=[Tag("t", "1")], idempotency_key="k")
        with pytest.raises(ConflictError, match="'k'"):
            store.log_batch(run_id, tags=[Tag("t", "2")], idempotency_key="k")
        assert store.get_run(run_id).data.tags["t"] == "1"
        other = store.create_run(experiment_id).info.run_id
        store.log_batch(other, tags=[Tag("t", "2")], idempotency_key="k")
        assert store.get_run(other).data.tags["t"] == "2"
        for bad in ("", "k" * 256):
            with pytest.raises(InvalidInputError):
                store.log_batch(run_id, tags=[Tag("t", "3")], idempotency_key=bad)

    def test_a_batch_that_failed_leaves_its_key_free(self, store: TrackingStore, run_id: str) -> None:
        store.log_batch(run_id, params=[Param("p", "1")])
        with pytest.raises(ConflictError):
            store.log_batch(run_id, params=[Param("p", "2")], idempotency_key="k")
        store.log_batch(run_id, params=[Param("q", "2")], idempotency_key="k")
        assert store.get_run(run_id).data.params == {"p": "1", "q": "2"}

    def test_inputs_and_outputs(self, store: TrackingStore, run_id: str, experiment_id: str) -> None:
        dataset = Dataset(
            name="train", digest="abc", source_type="local", source='{"uri": "x"}', schema="{}", profile="{}"
        )
        plain = Dataset(name="test", digest="def", source_type="code", source="{}")
        model = store.create_logged_model(experiment_id).model_id
        made = store.create_logged_model(experiment_id).model_id
        item = DatasetInput(dataset=dataset, tags=(Tag("mlflow.data.context", "training"),))
        store.log_inputs(run_id, datasets=[item, DatasetInput(dataset=plain)])
        store.log_inputs(run_id, datasets=[DatasetInput(dataset=dataset, tags=(Tag("other", "x"),))])
        store.log_inputs(run_id, models=[LoggedModelInput(model_id=model)])
        store.log_outputs(run_id, [LoggedModelOutput(model_id=made, step=3)])
        store.log_outputs(run_id, [LoggedModelOutput(model_id=made, step=3)])
        run = store.get_run(run_id)
        assert run.inputs.dataset_inputs == (item, DatasetInput(dataset=plain))
        assert run.inputs.model_inputs == (LoggedModelInput(model_id=model),)
        assert run.outputs.model_outputs == (LoggedModelOutput(model_id=made, step=3),)
        (found,) = store.search_runs([experiment_id]).items
        assert found.inputs.dataset_inputs == run.inputs.dataset_inputs
        assert found.outputs == run.outputs

    def test_data_sets_of_an_experiment(self, store: TrackingStore, run_id: str, experiment_id: str) -> None:
        dataset = Dataset(name="train", digest="abc", source_type="local", source="{}")
        item = DatasetInput(dataset=dataset, tags=(Tag("mlflow.data.context", "training"), Tag("other", "x")))
        store.log_inputs(run_id, datasets=[item])
        store.log_inputs(store.create_run(experiment_id).info.run_id, datasets=[item, DatasetInput(dataset=dataset)])
        found = DatasetSummary(experiment_id=experiment_id, name="train", digest="abc", context="training")
        assert store.search_datasets([experiment_id]) == (found,)
        with pytest.raises(InvalidInputError):
            store.search_datasets([])

    def test_versions_of_data(self, store: TrackingStore, experiment_id: str) -> None:
        def use(digest: str, start: int, name: str = "train", path: str = "data/train.csv") -> str:
            run_id = store.create_run(experiment_id, start_time=start).info.run_id
            source = json.dumps({"path": path})
            dataset = Dataset(name=name, digest=digest, source_type="siglum", source=source)
            store.log_inputs(run_id, datasets=[DatasetInput(dataset=dataset)])
            return run_id

        use("a", 1)
        use("b", 2)
        use("a", 3)
        use("c", 4, name="other", path="x.csv")
        store.delete_run(use("d", 5))
        page = store.data_versions([experiment_id], max_results=2)
        rest = store.data_versions([experiment_id], max_results=2, page_token=page.next_token)
        found = [(v.name, v.digest, v.path, v.runs, v.first_used, v.last_used) for v in (*page.items, *rest.items)]
        assert found == [
            ("other", "c", "x.csv", 1, 4, 4),
            ("train", "a", "data/train.csv", 2, 1, 3),
            ("train", "b", "data/train.csv", 1, 2, 2),
        ]
        assert rest.next_token is None
        assert [v.digest for v in store.data_versions([experiment_id], path="x.csv").items] == ["c"]
        assert [v.digest for v in store.data_versions([experiment_id], name="train").items] == ["a", "b"]
        assert {v.digest for v in store.data_versions().items} >= {"a", "b", "c"}
        with pytest.raises(InvalidInputError):
            store.data_versions(max_results=0)

    def test_models_as_mlflow_2_logs_them(self, store: TrackingStore, run_id: str) -> None:
        model = {"artifact_path": "m", "flavors": {}, "utc_time_created": "2020-01-01", "run_id": run_id}
        store.log_model_history(run_id, model)
        store.log_model_history(run_id, model)
        assert json.loads(store.get_run(run_id).data.tags["mlflow.log-model.history"]) == [model, model]
        with pytest.raises(NotFoundError):
            store.log_model_history(NO_ID, model)

    def test_unknown_models_as_inputs_and_outputs(self, store: TrackingStore, run_id: str) -> None:
        with pytest.raises(NotFoundError):
            store.log_inputs(run_id, models=[LoggedModelInput(model_id=f"m-{NO_ID}")])
        with pytest.raises(NotFoundError):
            store.log_outputs(run_id, [LoggedModelOutput(model_id=f"m-{NO_ID}")])

    def test_bad_datasets(self, store: TrackingStore, run_id: str) -> None:
        good = {"name": "n", "digest": "d", "source_type": "local", "source": "{}"}
        for change in ({"name": ""}, {"digest": "d" * 37}, {"name": "n" * 501}, {"source": "s" * 65_536}):
            with pytest.raises(InvalidInputError):
                store.log_inputs(run_id, datasets=[DatasetInput(dataset=Dataset(**(good | change)))])
