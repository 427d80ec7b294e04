"""The part of the tracking contract that is about searching for runs."""

# Fixtures are asked for to be there, and a page token is no secret.
# ruff: noqa: ARG002

from __future__ import annotations

import math

import pytest

from siglum.core.errors import (
    InvalidInputError,
    SearchSyntaxError,
)
from siglum.testing.tracking_fixtures import TrackingFixtures, unique
from siglum.tracking.entities import (
    Dataset,
    DatasetInput,
    Metric,
    Param,
    RunStatus,
    Tag,
    ViewType,
)
from siglum.tracking.store import TrackingStore


class RunSearchContract(TrackingFixtures):
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
            ("params.lr-decay < 0.2", "a"),
            ("params.lr-decay BETWEEN 0.1 AND 1e-1", "a"),
            ("params.lr-decay NOT BETWEEN 0.2 AND 1", "a"),
            ("params.lr-decay IN (0.1, 3)", "a"),
            ("params.lr-decay = 1", ""),
            ("params.model != 1", ""),
            ("params.model > -1e308", ""),
            ("params.model IN ('Forest', 'forest')", "ba"),
            ("params.model NOT IN ('Forest')", "cb"),
            ("params.model RLIKE '^[Ff]orest$'", "ba"),
            ("params.model RLIKE 'linear_\\d'", "c"),
            ("params.model RLIKE '(?:r|l).*t'", "ba"),
            ("params.model NOT RLIKE 'est'", "c"),
            ("params.model RLIKE 'EST'", ""),
            ("tags.team NOT LIKE 'r%'", "b"),
            ("tags.team NOT ILIKE 'RED'", "b"),
            ("run_name RLIKE '^(a|d)$'", "da"),
            ("metrics.acc BETWEEN 0.5 AND 0.9", "ba"),
            ("metrics.acc NOT BETWEEN 0.5 AND 0.9", ""),
            ("start_time BETWEEN 1001 AND 1002", "cb"),
            ("min(metrics.acc) = 0.1", "a"),
            ("max(metrics.acc) >= 0.5", "ba"),
            ("last(metrics.acc) = 0.9", "a"),
            ("count(metrics.acc) = 1", "cb"),
            ("COUNT(metrics.acc) > 1 OR min(metrics.acc) BETWEEN 0.4 AND 0.6", "ba"),
            ("min(metrics.acc) != 0.1", "b"),
            ("NOT min(metrics.acc) < 1", "dc"),
            ("max(metrics.none) > 0", ""),
            ("data.path = 'data/train.csv'", "d"),
            ("data.path LIKE 'data/%' AND data.path RLIKE 'csv$'", "d"),
            ("data.path = '/elsewhere.csv'", "c"),
            ("data.path IS NOT NULL", "dc"),
            ("data.hash = 'md5:0123456789abcdef0123456789abcdef'", "d"),
            ("data.hash IN ('0123456789abcdef0123456789abcdef', 'w1')", "dc"),
            ("code.commit LIKE 'c0ffee%'", "d"),
            ("code.commit IS NULL", "cba"),
            ("code.branch = 'main'", "d"),
        ],
    )
    def test_search_filters_that_mlflow_has_not(
        self, store: TrackingStore, experiment_id: str, runs: dict[str, str], filter_string: str, names: str
    ) -> None:
        train = Dataset(
            name="data/train.csv",
            digest="0123456789abcdef0123456789abcdef",
            source_type="dvc",
            source='{"path": "data/train.csv", "hash": "md5:0123456789abcdef0123456789abcdef"}',
        )
        other = Dataset(name="e", digest="w2", source_type="http", source='{"url": "/elsewhere.csv"}')
        store.log_inputs(runs["d"], datasets=[DatasetInput(dataset=train)])
        store.log_inputs(runs["c"], datasets=[DatasetInput(dataset=other)])
        commit = Tag("mlflow.source.git.commit", "c0ffee0123456789")
        store.log_batch(runs["d"], tags=[commit, Tag("mlflow.source.git.branch", "main")])
        found = store.search_runs([experiment_id], filter_string=filter_string).items
        assert "".join(run.info.run_name for run in found) == names

    def test_a_table_of_runs(self, store: TrackingStore, experiment_id: str, runs: dict[str, str]) -> None:
        columns = ["run_name", "metrics.acc", "count(metrics.acc)", "params.model", "tags.team", "end_time"]
        table = store.run_table([experiment_id], columns, order_by=["run_name"], max_results=3)
        assert table.columns == tuple(columns)
        assert [run_id for run_id, _ in table.rows] == [runs[name] for name in "abc"]
        assert table.rows[0][1] == ("a", 0.9, 2, "Forest", "red", None)
        assert table.rows[1][1] == ("b", 0.5, 1, "forest", "blue", 2000)
        nan = table.rows[2][1][1]
        assert isinstance(nan, float)
        assert math.isnan(nan)
        assert table.total == 4
        rest = store.run_table(
            [experiment_id], columns, order_by=["run_name"], max_results=3, page_token=table.next_token
        )
        assert rest.rows == ((runs["d"], ("d", None, None, None, None, None)),)
        assert rest.next_token is None
        assert store.run_table([experiment_id], [], filter_string="metrics.acc > 0.6").total == 1
        with pytest.raises(SearchSyntaxError):
            store.run_table([experiment_id], ["foo"])

    def test_search_sorts_by_a_history(self, store: TrackingStore, experiment_id: str, runs: dict[str, str]) -> None:
        for order, names in (("min(metrics.acc)", "abcd"), ("max(metrics.acc) DESC", "abcd"),
                             ("count(metrics.acc) DESC", "acbd")):  # fmt: skip
            found = store.search_runs([experiment_id], order_by=[order]).items
            assert "".join(run.info.run_name for run in found) == names, order

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
            "params.model = x",
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


class SearchErrorContract(TrackingFixtures):
    """What a person sees of a filter that does not parse."""

    def test_the_character_is_named(self, store: TrackingStore, experiment_id: str) -> None:
        with pytest.raises(InvalidInputError) as caught:
            store.search_runs([experiment_id], filter_string="metrics.acc > abc")
        assert "character 15" in str(caught.value)
        if isinstance(caught.value, SearchSyntaxError):
            assert caught.value.position == 14
