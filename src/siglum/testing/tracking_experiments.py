"""The part of the tracking contract that is about experiments."""

# Fixtures are asked for to be there, and a page token is no secret.
# ruff: noqa: S106

from __future__ import annotations

import pytest

from siglum.core.errors import (
    AlreadyExistsError,
    ConflictError,
    InvalidInputError,
    NotFoundError,
)
from siglum.testing.tracking_fixtures import TrackingFixtures, unique
from siglum.tracking.entities import (
    LifecycleStage,
    Tag,
    ViewType,
)
from siglum.tracking.store import TrackingStore


class ExperimentContract(TrackingFixtures):
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
