"""The part of the tracking contract that is about logged models."""

# Fixtures are asked for to be there, and a page token is no secret.

from __future__ import annotations

import pytest

from siglum.core.errors import (
    InvalidInputError,
    NotFoundError,
)
from siglum.testing.tracking_fixtures import NO_ID, TrackingFixtures
from siglum.tracking.entities import (
    LoggedModelStatus,
    Metric,
    Param,
    Tag,
)
from siglum.tracking.store import DatasetFilter, LoggedModelOrder, TrackingStore


class LoggedModelContract(TrackingFixtures):
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
