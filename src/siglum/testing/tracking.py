"""The contract of `TrackingStore`: subclass `TrackingStoreContract` and give it a fixture `store`.

    class TestMyStore(TrackingStoreContract):
        @pytest.fixture
        def store(self) -> Iterator[TrackingStore]:
            ...

The store may hold other things already; the tests make names of their own. Infinite values are not part of the
contract, because MLflow's wire format has none.
"""

# Fixtures are asked for to be there, and a page token is no secret.
# ruff: noqa: ARG002, S106

from __future__ import annotations

import math
import threading
import uuid

import pytest

from siglum.core.errors import (
    AlreadyExistsError,
    ConflictError,
    InvalidInputError,
    NotFoundError,
    SearchSyntaxError,
)
from siglum.tracking.entities import (
    Dataset,
    DatasetInput,
    LifecycleStage,
    LoggedModelInput,
    LoggedModelOutput,
    LoggedModelStatus,
    Metric,
    Param,
    RunStatus,
    Tag,
    ViewType,
)
from siglum.tracking.store import DatasetFilter, LoggedModelOrder, TrackingStore

NO_ID = "0123456789abcdef0123456789abcdef"


def unique(prefix: str) -> str:
    """Return a name that nothing else has."""
    return f"{prefix}-{uuid.uuid4().hex[:12]}"


class _Fixtures:
    @pytest.fixture
    def experiment_id(self, store: TrackingStore) -> str:
        """A new experiment."""
        return store.create_experiment(unique("experiment"))

    @pytest.fixture
    def run_id(self, store: TrackingStore, experiment_id: str) -> str:
        """A new run in a new experiment."""
        return store.create_run(experiment_id).info.run_id


class ExperimentContract(_Fixtures):
    """Experiments."""

    def test_the_default_experiment_is_there(self, store: TrackingStore) -> None:
        experiment = store.get_experiment("0")
        assert experiment.name == "Default"
        assert experiment.lifecycle_stage is LifecycleStage.ACTIVE
        assert store.get_experiment_by_name("Default") == experiment

    def test_create_and_get(self, store: TrackingStore) -> None:
        name = unique("Kundenabwanderung – März")
        experiment_id = store.create_experiment(name, tags=[Tag("team", "rät"), Tag("empty", "")])
        experiment = store.get_experiment(experiment_id)
        assert experiment.experiment_id == experiment_id
        assert experiment.name == name
        assert experiment.tags == {"team": "rät", "empty": ""}
        assert experiment.artifact_location.endswith(f"/{experiment_id}")
        assert experiment.creation_time == experiment.last_update_time > 0
        assert int(experiment_id) > 0

    def test_an_artifact_location_can_be_chosen(self, store: TrackingStore) -> None:
        experiment_id = store.create_experiment(unique("e"), artifact_location="s3://bucket/folder")
        assert store.get_experiment(experiment_id).artifact_location == "s3://bucket/folder"
        run = store.create_run(experiment_id)
        assert run.info.artifact_uri == f"s3://bucket/folder/{run.info.run_id}/artifacts"

    def test_a_name_is_taken_once(self, store: TrackingStore) -> None:
        name = unique("taken")
        experiment_id = store.create_experiment(name)
        with pytest.raises(AlreadyExistsError):
            store.create_experiment(name)
        store.delete_experiment(experiment_id)
        with pytest.raises(AlreadyExistsError):
            store.create_experiment(name)

    @pytest.mark.parametrize("name", ["", "   ", "n" * 501])
    def test_bad_names(self, store: TrackingStore, name: str) -> None:
        with pytest.raises(InvalidInputError):
            store.create_experiment(name)

    def test_unknown_ids(self, store: TrackingStore) -> None:
        for call in (
            store.get_experiment,
            store.delete_experiment,
            store.restore_experiment,
            store.create_run,
            lambda e: store.rename_experiment(e, unique("x")),
            lambda e: store.set_experiment_tag(e, Tag("k", "v")),
        ):
            with pytest.raises(NotFoundError):
                call("987654321")
        assert store.get_experiment_by_name(unique("nobody")) is None

    def test_an_id_that_is_no_number(self, store: TrackingStore) -> None:
        with pytest.raises(InvalidInputError):
            store.get_experiment("abc")

    def test_rename(self, store: TrackingStore, experiment_id: str) -> None:
        name = unique("new")
        store.rename_experiment(experiment_id, name)
        assert store.get_experiment(experiment_id).name == name
        with pytest.raises(AlreadyExistsError):
            store.rename_experiment(experiment_id, "Default")

    def test_delete_and_restore_take_the_runs_along(self, store: TrackingStore, experiment_id: str) -> None:
        run_id = store.create_run(experiment_id).info.run_id
        store.delete_experiment(experiment_id)
        assert store.get_experiment(experiment_id).lifecycle_stage is LifecycleStage.DELETED
        assert store.get_run(run_id).info.lifecycle_stage is LifecycleStage.DELETED
        with pytest.raises(NotFoundError):
            store.delete_experiment(experiment_id)
        with pytest.raises(ConflictError):
            store.create_run(experiment_id)
        with pytest.raises(ConflictError):
            store.rename_experiment(experiment_id, unique("x"))
        with pytest.raises(ConflictError):
            store.set_experiment_tag(experiment_id, Tag("k", "v"))
        store.restore_experiment(experiment_id)
        assert store.get_experiment(experiment_id).lifecycle_stage is LifecycleStage.ACTIVE
        assert store.get_run(run_id).info.lifecycle_stage is LifecycleStage.ACTIVE
        with pytest.raises(NotFoundError):
            store.restore_experiment(experiment_id)

    def test_tags(self, store: TrackingStore, experiment_id: str) -> None:
        store.set_experiment_tag(experiment_id, Tag("a", "1"))
        store.set_experiment_tag(experiment_id, Tag("a", "2"))
        store.set_experiment_tag(experiment_id, Tag("b", "3"))
        store.delete_experiment_tag(experiment_id, "b")
        assert store.get_experiment(experiment_id).tags == {"a": "2"}
        with pytest.raises(NotFoundError):
            store.delete_experiment_tag(experiment_id, "b")
        with pytest.raises(InvalidInputError):
            store.set_experiment_tag(experiment_id, Tag("k" * 251, "v"))
        with pytest.raises(InvalidInputError):
            store.set_experiment_tag(experiment_id, Tag("k", "v" * 20_001))

    def test_search(self, store: TrackingStore) -> None:
        prefix = unique("search")
        ids = [store.create_experiment(f"{prefix}-{i}", tags=[Tag("group", str(i % 2))]) for i in range(5)]
        store.delete_experiment(ids[4])
        mine = f"name LIKE '{prefix}-%'"

        def found(filter_string: str, **options: object) -> list[str]:
            page = store.search_experiments(filter_string=filter_string, **options)  # type: ignore[arg-type]
            return [e.experiment_id for e in page.items]

        assert found(mine, order_by=["name"]) == ids[:4]
        assert found(mine, order_by=["name DESC"]) == ids[3::-1]
        assert found(mine, order_by=["name"], view_type=ViewType.ALL) == ids
        assert found(mine, view_type=ViewType.DELETED_ONLY) == [ids[4]]
        assert found(f"{mine} AND tags.group = '1'", order_by=["experiment_id ASC"]) == [ids[1], ids[3]]
        assert found(f"name ILIKE '{prefix.upper()}-0'") == [ids[0]]
        assert found(f"name LIKE '{prefix.upper()}-0'") == []
        assert found(f"experiment_id IN ('{ids[0]}', '{ids[2]}')", order_by=["name"]) == [ids[0], ids[2]]
        assert found(f"{mine} AND creation_time > 0 AND tag.group IS NOT NULL AND tag.other IS NULL") != []

    def test_search_pages(self, store: TrackingStore) -> None:
        prefix = unique("pages")
        ids = [store.create_experiment(f"{prefix}-{i}") for i in range(5)]
        found: list[str] = []
        token = None
        for _ in range(3):
            page = store.search_experiments(
                filter_string=f"name LIKE '{prefix}-%'", order_by=["name"], max_results=2, page_token=token
            )
            found += [e.experiment_id for e in page.items]
            token = page.next_token
        assert found == ids
        assert token is None

    def test_bad_searches(self, store: TrackingStore) -> None:
        for filter_string in ("name == 'x'", "nome = 'x'", "name = x", "name > 'x'", "metrics.a > 1"):
            with pytest.raises(InvalidInputError):
                store.search_experiments(filter_string=filter_string)
        with pytest.raises(InvalidInputError):
            store.search_experiments(order_by=["tags.a"])
        with pytest.raises(InvalidInputError):
            store.search_experiments(page_token="§ no token §")
        for max_results in (0, -1, 50_001):
            with pytest.raises(InvalidInputError):
                store.search_experiments(max_results=max_results)


class RunContract(_Fixtures):
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

    def test_runs_tags(self, store: TrackingStore, run_id: str) -> None:
        store.log_batch(run_id, tags=[Tag("a", "1"), Tag("b", "ß")])
        store.log_batch(run_id, tags=[Tag("a", "2"), Tag("mlflow.runName", "by tag")])
        store.delete_tag(run_id, "b")
        run = store.get_run(run_id)
        assert run.data.tags == {"a": "2", "mlflow.runName": "by tag"}
        assert run.info.run_name == "by tag"
        with pytest.raises(NotFoundError):
            store.delete_tag(run_id, "b")

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


class MetricContract(_Fixtures):
    """Metric series."""

    def test_last_value_is_the_greatest_by_step_then_timestamp_then_value(
        self, store: TrackingStore, run_id: str
    ) -> None:
        store.log_batch(
            run_id,
            metrics=[
                Metric("m", 9.0, 5, step=1),
                Metric("m", 1.0, 3, step=2),
                Metric("m", 3.0, 3, step=2),
                Metric("m", 2.0, 3, step=2),
                Metric("m", 8.0, 9, step=0),
            ],
        )
        run = store.get_run(run_id)
        assert run.data.metrics == {"m": 3.0}
        assert run.data.latest == (Metric("m", 3.0, 3, step=2),)
        store.log_batch(run_id, metrics=[Metric("m", 0.5, 4, step=2)])
        assert store.get_run(run_id).data.metrics == {"m": 0.5}
        store.log_batch(run_id, metrics=[Metric("m", 7.0, 100, step=-1)])
        assert store.get_run(run_id).data.metrics == {"m": 0.5}

    def test_history_is_ordered_by_timestamp_then_step(self, store: TrackingStore, run_id: str) -> None:
        points = [Metric("m", float(v), ts, step=step) for v, ts, step in [(1, 5, 0), (2, 4, 7), (3, 4, 6), (4, 9, -2)]]
        for point in points:
            store.log_batch(run_id, metrics=[point])
        assert store.metric_history(run_id, "m").items == (points[2], points[1], points[0], points[3])
        assert store.metric_history(run_id, "unknown").items == ()

    def test_exact_duplicates_are_stored_once(self, store: TrackingStore, run_id: str) -> None:
        batch = [Metric("m", float(i % 3), i, step=i) for i in range(300)] + [Metric("n", math.nan, 1)]
        for _ in range(3):
            store.log_batch(run_id, metrics=batch)
        store.log_batch(run_id, metrics=[batch[7], batch[7], batch[299], batch[300], batch[300]])
        assert store.metric_history(run_id, "m").items == tuple(batch[:300])
        assert len(store.metric_history(run_id, "n").items) == 1
        store.log_batch(run_id, metrics=[Metric("m", 0.5, 7, step=7)])
        assert len(store.metric_history(run_id, "m").items) == 301

    def test_nan_is_kept(self, store: TrackingStore, run_id: str) -> None:
        store.log_batch(run_id, metrics=[Metric("m", 1.0, 1, step=1), Metric("m", math.nan, 2, step=2)])
        assert math.isnan(store.get_run(run_id).data.metrics["m"])
        first, second = store.metric_history(run_id, "m").items
        assert first.value == 1.0
        assert math.isnan(second.value)

    def test_values_are_exact(self, store: TrackingStore, run_id: str) -> None:
        values = [0.1, 1 / 3, 5e-324, 1.7976931348623157e308, -1e-300, 123456789.123456789, 2.0**53 + 2]
        store.log_batch(run_id, metrics=[Metric("m", v, i, step=i) for i, v in enumerate(values)])
        assert [p.value for p in store.metric_history(run_id, "m").items] == values

    def test_extreme_steps_and_times(self, store: TrackingStore, run_id: str) -> None:
        points = [Metric("m", 1.0, 0, step=-(2**63)), Metric("m", 2.0, 2**63 - 1, step=2**63 - 1)]
        points += [Metric("m", 3.0, 2**62 + i, step=i) for i in range(100)]
        store.log_batch(run_id, metrics=points)
        points.sort(key=lambda p: p.timestamp)
        assert store.metric_history(run_id, "m").items == tuple(points)
        for bad in (Metric("m", 1.0, -1), Metric("m", 1.0, 2**63), Metric("m", 1.0, 1, step=2**63)):
            with pytest.raises(InvalidInputError):
                store.log_batch(run_id, metrics=[bad])

    def test_a_batch_is_all_or_nothing(self, store: TrackingStore, run_id: str) -> None:
        with pytest.raises(InvalidInputError):
            store.log_batch(
                run_id,
                metrics=[Metric("good", 1.0, 1), Metric("bad//key", 1.0, 1)],
                params=[Param("p", "1")],
                tags=[Tag("t", "1")],
            )
        data = store.get_run(run_id).data
        assert data.metrics == {}
        assert data.params == {}
        assert "t" not in data.tags

    def test_long_series_in_pages(self, store: TrackingStore, run_id: str) -> None:
        points = [Metric("m", math.sin(i), 1_700_000_000_000 + i * 250 + i % 7, step=i) for i in range(3_500)]
        shuffled = points[1::2] + points[0::2]
        for start in range(0, len(shuffled), 700):
            store.log_batch(run_id, metrics=shuffled[start : start + 700])
        assert store.metric_history(run_id, "m").items == tuple(points)
        found: list[Metric] = []
        token = None
        while True:
            page = store.metric_history(run_id, "m", max_results=999, page_token=token)
            assert len(page.items) <= 999
            found += page.items
            token = page.next_token
            if token is None:
                break
        assert found == points

    def test_small_appends(self, store: TrackingStore, run_id: str) -> None:
        points = [Metric("m", i * 0.5, i, step=i) for i in range(200)]
        for point in points:
            store.log_batch(run_id, metrics=[point])
        assert store.metric_history(run_id, "m").items == tuple(points)
        assert store.get_run(run_id).data.metrics == {"m": 99.5}

    def test_bad_history_tokens(self, store: TrackingStore, run_id: str) -> None:
        store.log_batch(run_id, metrics=[Metric("m", 1.0, i) for i in range(5)] + [Metric("n", 1.0, 1)])
        token = store.metric_history(run_id, "m", max_results=2).next_token
        assert token is not None
        for key, bad in (("m", "x"), ("m", "§"), ("n", token)):
            with pytest.raises(InvalidInputError):
                store.metric_history(run_id, key, max_results=2, page_token=bad)
        with pytest.raises(InvalidInputError):
            store.metric_history(run_id, "m", max_results=0)

    def test_many_threads(self, store: TrackingStore, run_id: str) -> None:
        failures: list[BaseException] = []

        def log(thread: int) -> None:
            try:
                for i in range(20):
                    store.log_batch(
                        run_id,
                        metrics=[
                            Metric("shared", float(thread), i, step=i),
                            Metric(f"own{thread}", float(i), i, step=i),
                        ],
                        params=[Param("same", "value")],
                    )
            except BaseException as error:  # noqa: BLE001  shown by the assertion below
                failures.append(error)

        threads = [threading.Thread(target=log, args=(n,)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []
        assert len(store.metric_history(run_id, "shared").items) == 160
        for n in range(8):
            assert [p.value for p in store.metric_history(run_id, f"own{n}").items] == [float(i) for i in range(20)]


class RunSearchContract(_Fixtures):
    """Search for runs."""

    @pytest.fixture
    def runs(self, store: TrackingStore, experiment_id: str) -> dict[str, str]:
        """Runs by name: a, b, c, d started one after another, d with nothing logged."""
        by_name = {
            name: store.create_run(experiment_id, run_name=name, user_id=f"user-{name}", start_time=start).info.run_id
            for start, name in enumerate("abcd", 1000)
        }
        store.log_batch(
            by_name["a"],
            metrics=[Metric("acc", 0.1, 1, 1), Metric("acc", 0.9, 2, 2), Metric("train/loss", 5.0, 1)],
            params=[Param("model", "Forest"), Param("lr-decay", "0.1")],
            tags=[Tag("team", "red"), Tag("mlflow.user", "ann")],
        )
        store.log_batch(
            by_name["b"], metrics=[Metric("acc", 0.5, 1)], params=[Param("model", "forest")], tags=[Tag("team", "blue")]
        )
        store.log_batch(by_name["c"], metrics=[Metric("acc", math.nan, 1)], params=[Param("model", "linear_1")])
        store.update_run(by_name["b"], status=RunStatus.FINISHED, end_time=2000)
        dataset = Dataset(name="wine", digest="w1", source_type="local", source="{}")
        store.log_inputs(
            by_name["c"], datasets=[DatasetInput(dataset=dataset, tags=(Tag("mlflow.data.context", "eval"),))]
        )
        return by_name

    @pytest.mark.parametrize(
        ("filter_string", "names"),
        [
            ("", "dcba"),
            ("metrics.acc > 0.4", "ba"),
            ("metrics.acc >= 0.5 and metric.acc < 0.9", "b"),
            ("metrics.acc = 0.9", "a"),
            ("metrics.acc != 0.5", "ca"),
            ("metrics.acc <= 1e1", "ba"),
            ("metrics.`train/loss` > 1", "a"),
            ('metrics."train/loss" > -1', "a"),
            ("params.model = 'Forest'", "a"),
            ("params.model != 'Forest'", "cb"),
            ("params.model LIKE 'F%'", "a"),
            ("params.model ILIKE 'F%'", "ba"),
            ("params.model LIKE '%_1'", "c"),
            ("params.`lr-decay` = '0.1'", "a"),
            ('parameter.model = "linear_1"', "c"),
            ("params.model IS NULL", "d"),
            ("params.model IS NOT NULL", "cba"),
            ("tags.team = 'red'", "a"),
            ("tag.team != 'red'", "b"),
            ("tags.team IS NULL", "dc"),
            ("tags.mlflow.user = 'ann'", "a"),
            ("attributes.status = 'FINISHED'", "b"),
            ("status != 'FINISHED'", "dca"),
            ("run_name = 'a'", "a"),
            ("attributes.`Run Name` = 'a'", "a"),
            ("run_name ILIKE 'A' or run_name = 'c'", "ca"),
            ("user_id LIKE 'user-%'", "dcba"),
            ("start_time >= 1002", "dc"),
            ("attribute.start_time < 1001 AND", "a"),
            ("created = 1003", "d"),
            ("end_time > 0", "b"),
            ("not end_time > 0", "dca"),
            ("datasets.name = 'wine'", "c"),
            ("dataset.digest LIKE 'w%' and datasets.context = 'eval'", "c"),
            ("datasets.name IN ('x', 'wine')", "c"),
            ("datasets.name != 'wine'", ""),
            ("(status = 'FINISHED' OR metrics.acc > 0.8) AND NOT tags.team = 'red'", "b"),
        ],
    )
    def test_filters(
        self, store: TrackingStore, experiment_id: str, runs: dict[str, str], filter_string: str, names: str
    ) -> None:
        page = store.search_runs([experiment_id], filter_string=filter_string)
        assert "".join(run.info.run_name for run in page.items) == names

    def test_ids(self, store: TrackingStore, experiment_id: str, runs: dict[str, str]) -> None:
        some = f"('{runs['a']}', '{runs['d']}')"
        assert self._names(store, experiment_id, f"run_id IN {some}") == "da"
        assert self._names(store, experiment_id, f"attributes.run_id NOT IN {some}") == "cb"

    @pytest.mark.parametrize(
        ("order_by", "names"),
        [
            (["metrics.acc"], "bacd"),
            (["metrics.acc DESC"], "abcd"),
            (["params.model ASC"], "abcd"),
            (["params.model DESC"], "cbad"),
            (["tags.team"], "badc"),
            (["attributes.start_time"], "abcd"),
            (["end_time DESC"], "bdca"),
            (["status", "run_name DESC"], "bdca"),
            (["metrics.`train/loss` DESC", "start_time ASC"], "abcd"),
        ],
    )
    def test_orders(
        self, store: TrackingStore, experiment_id: str, runs: dict[str, str], order_by: list[str], names: str
    ) -> None:
        assert self._names(store, experiment_id, "", order_by) == names

    @staticmethod
    def _names(store: TrackingStore, experiment_id: str, filter_string: str, order_by: list[str] | None = None) -> str:
        page = store.search_runs([experiment_id], filter_string=filter_string, order_by=order_by or [])
        return "".join(run.info.run_name for run in page.items)

    @pytest.mark.parametrize(
        "order_by",
        [[], ["metrics.acc DESC"], ["metrics.acc ASC"], ["params.model"], ["end_time DESC"], ["tags.team", "run_name"]],
    )
    def test_pages_survive_inserts(
        self, store: TrackingStore, experiment_id: str, runs: dict[str, str], order_by: list[str]
    ) -> None:
        whole = self._names(store, experiment_id, "", order_by)
        names, token = "", None
        for i in range(4):
            page = store.search_runs([experiment_id], order_by=order_by, max_results=1, page_token=token)
            (run,) = page.items
            if run.info.run_name in whole:
                names += run.info.run_name
            token = page.next_token
            # starts before all others and has nothing: it comes last in every order
            if i < 3:
                store.create_run(experiment_id, run_name=f"z{i}", start_time=i)
        assert names == whole

    def test_views(self, store: TrackingStore, experiment_id: str, runs: dict[str, str]) -> None:
        store.delete_run(runs["b"])

        def names(view_type: ViewType) -> str:
            return "".join(r.info.run_name for r in store.search_runs([experiment_id], view_type=view_type).items)

        assert names(ViewType.ACTIVE_ONLY) == "dca"
        assert names(ViewType.DELETED_ONLY) == "b"
        assert names(ViewType.ALL) == "dcba"

    def test_experiments_are_kept_apart(self, store: TrackingStore, experiment_id: str, runs: dict[str, str]) -> None:
        other = store.create_experiment(unique("other"))
        run = store.create_run(other, start_time=1)
        assert store.search_runs([other]).items == (run,)
        assert len(store.search_runs([other, experiment_id]).items) == 5
        assert store.search_runs([]).items == ()

    def test_found_runs_are_whole(self, store: TrackingStore, experiment_id: str, runs: dict[str, str]) -> None:
        (found,) = store.search_runs([experiment_id], filter_string="run_name = 'a'").items
        assert found == store.get_run(runs["a"])

    @pytest.mark.parametrize(
        "filter_string",
        [
            "metrics.acc",
            "metrics.acc >",
            "metrics.acc > 'x'",
            "metrics.acc LIKE '1'",
            "params.model = 3",
            "params.model > '3'",
            "nonsense = 'x'",
            "experiment_id = '1'",
            "foo.bar = 'x'",
            "status IN ('FINISHED')",
            "start_time = 'x'",
            "datasets.colour = 'x'",
            "run_name = 'a",
            "run_name = 'a' XOR run_name = 'b'",
            "AND run_name = 'a'",
            "(run_name = 'a'",
            "run_name = 'a'; DROP TABLE runs",
            "run_id IN ()",
        ],
    )
    def test_bad_filters(self, store: TrackingStore, experiment_id: str, filter_string: str) -> None:
        with pytest.raises(InvalidInputError):
            store.search_runs([experiment_id], filter_string=filter_string)

    @pytest.mark.parametrize(
        "order_by", [["datasets.name"], ["metrics.a UP"], ["`metrics.a`"], ["run_id", "run_id"], [""]]
    )
    def test_bad_orders(self, store: TrackingStore, experiment_id: str, order_by: list[str]) -> None:
        with pytest.raises(InvalidInputError):
            store.search_runs([experiment_id], order_by=order_by)

    def test_bad_page_tokens(self, store: TrackingStore, experiment_id: str, runs: dict[str, str]) -> None:
        token = store.search_runs([experiment_id], max_results=1).next_token
        assert token is not None
        for bad in ("x", "§§", token[:-4], "AAAA" + token):
            with pytest.raises(InvalidInputError):
                store.search_runs([experiment_id], max_results=1, page_token=bad)
        with pytest.raises(InvalidInputError):
            store.search_runs([experiment_id], filter_string="status = 'FAILED'", page_token=token)

    def test_bad_experiment_ids_and_sizes(self, store: TrackingStore, experiment_id: str) -> None:
        with pytest.raises(InvalidInputError):
            store.search_runs(["abc"])
        for max_results in (0, 50_001):
            with pytest.raises(InvalidInputError):
                store.search_runs([experiment_id], max_results=max_results)


class LoggedModelContract(_Fixtures):
    """Logged models."""

    def test_logged_models_life(self, store: TrackingStore, experiment_id: str, run_id: str) -> None:
        model = store.create_logged_model(
            experiment_id,
            name="churn",
            source_run_id=run_id,
            model_type="classifier",
            tags=[Tag("b", "2"), Tag("a", "1")],
            params=[Param("depth", "3")],
        )
        location = store.get_experiment(experiment_id).artifact_location
        assert model.artifact_location == f"{location}/models/{model.model_id}/artifacts"
        assert (model.name, model.source_run_id, model.model_type) == ("churn", run_id, "classifier")
        assert model.status is LoggedModelStatus.PENDING
        assert model.tags == {"a": "1", "b": "2"}
        assert model.params == {"depth": "3"}
        assert store.get_logged_model(model.model_id) == model
        ready = store.finalize_logged_model(model.model_id, LoggedModelStatus.READY)
        assert ready.status is LoggedModelStatus.READY
        assert store.get_logged_model(model.model_id).status is LoggedModelStatus.READY
        store.delete_logged_model(model.model_id)
        with pytest.raises(NotFoundError):
            store.get_logged_model(model.model_id)
        assert store.get_logged_model(model.model_id, allow_deleted=True).name == "churn"

    def test_logged_models_tags_and_params(self, store: TrackingStore, experiment_id: str) -> None:
        model_id = store.create_logged_model(experiment_id, tags=[Tag("a", "1")]).model_id
        store.set_logged_model_tags(model_id, [Tag("a", "2"), Tag("b", "3")])
        store.delete_logged_model_tag(model_id, "b")
        store.log_logged_model_params(model_id, [Param("p", "1")])
        model = store.get_logged_model(model_id)
        assert model.tags == {"a": "2"}
        assert model.params == {"p": "1"}
        with pytest.raises(NotFoundError):
            store.delete_logged_model_tag(model_id, "b")

    def test_logged_models_unknown_models(self, store: TrackingStore) -> None:
        unknown = f"m-{NO_ID}"
        for call in (
            store.get_logged_model,
            store.delete_logged_model,
            lambda m: store.finalize_logged_model(m, LoggedModelStatus.READY),
            lambda m: store.set_logged_model_tags(m, [Tag("a", "1")]),
            lambda m: store.log_logged_model_params(m, [Param("a", "1")]),
        ):
            with pytest.raises(NotFoundError):
                call(unknown)

    @pytest.mark.parametrize("name", ["a/b", "a:b", "a.b", "a%b", 'a"b', "a'b", "n" * 501])
    def test_logged_models_bad_names(self, store: TrackingStore, experiment_id: str, name: str) -> None:
        with pytest.raises(InvalidInputError):
            store.create_logged_model(experiment_id, name=name)

    def test_metrics_of_models(self, store: TrackingStore, experiment_id: str, run_id: str) -> None:
        model_id = store.create_logged_model(experiment_id).model_id
        store.log_batch(
            run_id,
            metrics=[
                Metric("acc", 0.5, 1, 0, model_id=model_id, dataset_name="test", dataset_digest="t1"),
                Metric("acc", 0.7, 2, 1, model_id=model_id),
            ],
        )
        assert store.get_run(run_id).data.metrics == {"acc": 0.7}
        first, second = store.get_logged_model(model_id).metrics
        assert first == Metric(
            "acc", 0.5, 1, 0, model_id=model_id, dataset_name="test", dataset_digest="t1", run_id=run_id
        )
        assert second == Metric("acc", 0.7, 2, 1, model_id=model_id, run_id=run_id)

    def test_a_metric_of_an_unknown_model_stores_nothing(self, store: TrackingStore, run_id: str) -> None:
        with pytest.raises(NotFoundError):
            store.log_batch(run_id, metrics=[Metric("acc", 0.5, 1, model_id=f"m-{NO_ID}")], params=[Param("p", "1")])
        assert store.get_run(run_id).data.metrics == {}
        assert store.get_run(run_id).data.params == {}

    def test_logged_models_search(self, store: TrackingStore, experiment_id: str, run_id: str) -> None:
        ids = [
            store.create_logged_model(
                experiment_id, name=f"model-{i}", params=[Param("n", str(i))], tags=[Tag("even", str(i % 2 == 0))]
            ).model_id
            for i in range(4)
        ]
        for i, model_id in enumerate(ids[:3]):
            store.log_batch(
                run_id,
                metrics=[
                    Metric("acc", i / 10, 1, model_id=model_id, dataset_name="test", dataset_digest="t1"),
                    Metric("acc", 1 - i / 10, 2, model_id=model_id, dataset_name="train", dataset_digest="t2"),
                ],
            )
        store.finalize_logged_model(ids[1], LoggedModelStatus.READY)

        def found(filter_string: str = "", **options: object) -> list[int]:
            page = store.search_logged_models([experiment_id], filter_string=filter_string, **options)  # type: ignore[arg-type]
            return [ids.index(m.model_id) for m in page.items]

        by_name = [LoggedModelOrder("name")]
        assert sorted(found()) == [0, 1, 2, 3]
        assert found(order_by=[LoggedModelOrder("name", ascending=False)]) == [3, 2, 1, 0]
        assert found("name = 'model-1'") == [1]
        assert found("params.n = '2' AND tags.even = 'True'") == [2]
        assert found("status = 2") == [1]
        assert found("name IN ('model-0', 'model-3')", order_by=by_name) == [0, 3]
        assert found("metrics.acc >= 0.9", order_by=by_name) == [0, 1]
        test = [DatasetFilter("test", "t1")]
        assert found("metrics.acc >= 0.1", datasets=test, order_by=by_name) == [1, 2]
        assert found("", datasets=[DatasetFilter("train")], order_by=by_name) == [0, 1, 2]
        assert found(order_by=[LoggedModelOrder("metrics.acc")]) == [2, 1, 0, 3]
        assert found(order_by=[LoggedModelOrder("metrics.acc", dataset_name="test", dataset_digest="t1")]) == [
            0,
            1,
            2,
            3,
        ]
        store.delete_logged_model(ids[0])
        assert found(order_by=by_name) == [1, 2, 3]

    def test_logged_models_search_pages(self, store: TrackingStore, experiment_id: str) -> None:
        ids = {store.create_logged_model(experiment_id).model_id for _ in range(5)}
        found: list[str] = []
        token = None
        for _ in range(3):
            page = store.search_logged_models([experiment_id], max_results=2, page_token=token)
            found += [m.model_id for m in page.items]
            token = page.next_token
        assert set(found) == ids
        assert len(found) == 5
        assert token is None

    def test_logged_models_bad_searches(self, store: TrackingStore, experiment_id: str) -> None:
        for filter_string in ("colour = 'x'", "status = 'READY'", "metrics.a LIKE 'x'", "run.name = 'x'"):
            with pytest.raises(InvalidInputError):
                store.search_logged_models([experiment_id], filter_string=filter_string)
        with pytest.raises(InvalidInputError):
            store.search_logged_models([experiment_id], order_by=[LoggedModelOrder("params.n")])


class SearchErrorContract(_Fixtures):
    """What a person sees of a filter that does not parse."""

    def test_the_character_is_named(self, store: TrackingStore, experiment_id: str) -> None:
        with pytest.raises(InvalidInputError) as caught:
            store.search_runs([experiment_id], filter_string="metrics.acc > abc")
        assert "character 15" in str(caught.value)
        if isinstance(caught.value, SearchSyntaxError):
            assert caught.value.position == 14


class TrackingStoreContract(
    ExperimentContract, RunContract, MetricContract, RunSearchContract, LoggedModelContract, SearchErrorContract
):
    """All of it. Subclass this one."""
