"""The part of the registry contract that is about versions, their tags and stages."""

# A page token is no secret.

from __future__ import annotations

import threading
import uuid

import pytest

from siglum.core.errors import InvalidInputError, NotFoundError
from siglum.registry.entities import Stage
from siglum.registry.store import RegistryStore
from siglum.testing.registry_fixtures import ANN, ELSEWHERE, RegistryFixtures
from siglum.tracking.entities import Tag


class ModelVersionContract(RegistryFixtures):
    """Versions, their tags and stages."""

    @pytest.fixture
    def logged_model(self) -> tuple[str, str, str]:
        """The id of a logged model, of the run that made it, and where its files are."""
        model_id = f"m-{uuid.uuid4().hex}"
        return model_id, uuid.uuid4().hex, f"mlflow-artifacts:/0/models/{model_id}/artifacts"

    def test_versions_create_and_get(self, store: RegistryStore, name: str, logged_model: tuple[str, str, str]) -> None:
        model_id, run_id, location = logged_model
        version = store.create_model_version(
            name,
            f"models:/{model_id}",
            change=ANN,
            run_id=run_id,
            tags=[Tag("siglum.recipe_digest", "sha256:00")],
            run_link="https://example.com/run",
            description="first",
            model_id=model_id,
            storage_location=location,
        )
        assert (version.name, version.version, version.source) == (name, "1", f"models:/{model_id}")
        assert (version.run_id, version.model_id, version.run_link) == (run_id, model_id, "https://example.com/run")
        assert (version.description, version.status, version.current_stage) == ("first", "READY", Stage.NONE)
        assert version.tags == {"siglum.recipe_digest": "sha256:00"}
        assert version.creation_timestamp == version.last_updated_timestamp > 0
        assert store.get_model_version(name, "1") == version
        assert store.get_download_uri(name, "1") == location

    def test_files_are_at_the_source_when_nothing_else_is_said(self, store: RegistryStore, three: str) -> None:
        assert store.get_download_uri(three, "2") == f"{ELSEWHERE}/2"

    def test_numbers_are_never_used_twice(self, store: RegistryStore, three: str) -> None:
        store.delete_model_version(three, "3", change=ANN)
        assert store.create_model_version(three, ELSEWHERE, change=ANN).version == "4"
        with pytest.raises(NotFoundError):
            store.get_model_version(three, "3")

    def test_numbers_from_many_threads(self, store: RegistryStore, name: str) -> None:
        numbers: list[int] = []

        def register() -> None:
            numbers.extend(int(store.create_model_version(name, ELSEWHERE, change=ANN).version) for _ in range(5))

        threads = [threading.Thread(target=register) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(numbers) == list(range(1, 31))

    def test_unknown_versions_name_those_there_are(self, store: RegistryStore, three: str) -> None:
        for call in (
            lambda: store.get_model_version(three, "7"),
            lambda: store.get_download_uri(three, "7"),
            lambda: store.update_model_version(three, "7", description="x", change=ANN),
            lambda: store.transition_stage(three, "7", "Staging", change=ANN),
            lambda: store.delete_model_version(three, "7", change=ANN),
            lambda: store.set_alias(three, "a", "7", change=ANN),
            lambda: store.set_model_version_tag(three, "7", Tag("a", "1"), change=ANN),
        ):
            with pytest.raises(NotFoundError) as caught:
                call()
            assert "1, 2, 3" in str(caught.value)
        for version in ("0", "-1"):
            with pytest.raises(NotFoundError):
                store.get_model_version(three, version)
        for version in ("x", "1.0", "--1", "-", "- 1", "+1", " 1", ""):
            with pytest.raises(InvalidInputError):
                store.get_model_version(three, version)

    def test_update_and_tags(self, store: RegistryStore, three: str) -> None:
        assert store.update_model_version(three, "2", description="two", change=ANN).description == "two"
        store.set_model_version_tag(three, "2", Tag("a", "1"), change=ANN)
        store.set_model_version_tag(three, "2", Tag("a", "2"), change=ANN)
        store.set_model_version_tag(three, "2", Tag("b", "3"), change=ANN)
        store.delete_model_version_tag(three, "2", "b", change=ANN)
        store.delete_model_version_tag(three, "2", "b", change=ANN)
        assert store.get_model_version(three, "2").tags == {"a": "2"}
        assert store.get_model_version(three, "1").tags == {}

    def test_stages(self, store: RegistryStore, three: str) -> None:
        assert store.transition_stage(three, "1", "staging", change=ANN).current_stage is Stage.STAGING
        store.transition_stage(three, "2", "Staging", change=ANN)
        assert [v.version for v in store.get_latest_versions(three, ["Staging"])] == ["2"]
        assert [v.version for v in store.get_latest_versions(three)] == ["2", "3"]
        store.transition_stage(three, "3", "STAGING", change=ANN, archive_existing=True)
        stages = {v: store.get_model_version(three, v).current_stage for v in "123"}
        assert stages == {"1": Stage.ARCHIVED, "2": Stage.ARCHIVED, "3": Stage.STAGING}
        assert store.get_latest_versions(three, ["Production"]) == ()
        with pytest.raises(InvalidInputError):
            store.transition_stage(three, "1", "Shipped", change=ANN)
        with pytest.raises(InvalidInputError):
            store.transition_stage(three, "1", "None", change=ANN, archive_existing=True)
        with pytest.raises(InvalidInputError):
            store.get_latest_versions(three, ["Shipped"])

    def test_versions_search(self, store: RegistryStore, three: str) -> None:
        store.create_model_version(three, "s3://b/x", change=ANN, run_id="0" * 32, tags=[Tag("ok", "yes")])
        mine = f"name = '{three}'"

        def found(filter_string: str, **options: object) -> list[str]:
            page = store.search_model_versions(filter_string=filter_string, **options)  # type: ignore[arg-type]
            return [version.version for version in page.items]

        assert sorted(found(mine)) == ["1", "2", "3", "4"]
        assert found(mine, order_by=["version_number ASC"]) == ["1", "2", "3", "4"]
        assert found(f"{mine} AND version_number >= 3", order_by=["version_number DESC"]) == ["4", "3"]
        assert found(f"{mine} AND version_number = '2'") == ["2"]
        assert found(f"{mine} AND run_id = '{'0' * 32}'") == ["4"]
        assert found(f"{mine} AND run_id IN ('{'0' * 32}', 'x')") == ["4"]
        assert found(f"{mine} AND source_path LIKE 's3://b/%'") == ["4"]
        assert found(f"{mine} AND tags.ok = 'yes'") == ["4"]
        pages = store.search_model_versions(filter_string=mine, max_results=3, order_by=["version_number"])
        rest = store.search_model_versions(
            filter_string=mine, max_results=3, order_by=["version_number"], page_token=pages.next_token
        )
        assert [v.version for v in (*pages.items, *rest.items)] == ["1", "2", "3", "4"]

    def test_versions_found_versions_are_whole(self, store: RegistryStore, three: str) -> None:
        store.set_alias(three, "champion", "2", change=ANN)
        store.set_model_version_tag(three, "2", Tag("a", "1"), change=ANN)
        (found,) = store.search_model_versions(filter_string=f"name = '{three}' AND version_number = 2").items
        assert found == store.get_model_version(three, "2")
        assert found.aliases == ("champion",)
