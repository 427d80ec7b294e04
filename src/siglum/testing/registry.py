"""The contract of `RegistryStore`: subclass `RegistryStoreContract` and give it a fixture `store`.

    class TestMyStore(RegistryStoreContract):
        @pytest.fixture
        def store(self) -> Iterator[RegistryStore]:
            ...

The store may hold other things already; the tests make names of their own. A store that looks sources up gives the
fixture `logged_model` one that is there.
"""

# A page token is no secret.
# ruff: noqa: S106

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable

import pytest

from siglum.core.errors import AlreadyExistsError, ConflictError, InvalidInputError, NotFoundError
from siglum.registry.entities import AliasMove, Change, Stage
from siglum.registry.store import RegistryStore
from siglum.tracking.entities import Tag

ANN = Change(actor="ann", source="contract", reason="because")
BOB = Change(actor="bob", source="contract")
ELSEWHERE = "s3://bucket/models"
"""A source that every store takes as it is. A server takes few others without looking them up."""


def unique(prefix: str) -> str:
    """Return a name that nothing else has."""
    return f"{prefix}-{uuid.uuid4().hex[:12]}"


class _Fixtures:
    @pytest.fixture
    def name(self, store: RegistryStore) -> str:
        """A registered model without versions."""
        return store.create_registered_model(unique("model"), change=ANN).name

    @pytest.fixture
    def three(self, store: RegistryStore, name: str) -> str:
        """A registered model with versions 1, 2 and 3."""
        for number in range(1, 4):
            store.create_model_version(name, f"{ELSEWHERE}/{number}", change=ANN)
        return name


class RegisteredModelContract(_Fixtures):
    """Registered models and their tags."""

    def test_create_and_get(self, store: RegistryStore) -> None:
        name = unique("Abwanderung – größer")
        model = store.create_registered_model(name, change=ANN, tags=[Tag("a", "ß")], description="what\nfor")
        assert (model.name, model.description, model.tags) == (name, "what\nfor", {"a": "ß"})
        assert model.latest_versions == ()
        assert model.aliases == {}
        assert model.creation_timestamp == model.last_updated_timestamp > 0
        assert store.get_registered_model(name) == model

    def test_a_name_is_taken_once(self, store: RegistryStore, name: str) -> None:
        with pytest.raises(AlreadyExistsError):
            store.create_registered_model(name, change=ANN)

    @pytest.mark.parametrize("name", ["", "a/b", "a:b", ".", "..", "n" * 257, "a\nb"])
    def test_bad_names(self, store: RegistryStore, name: str) -> None:
        with pytest.raises(InvalidInputError):
            store.create_registered_model(name, change=ANN)

    def test_unknown_models_name_near_ones(self, store: RegistryStore, name: str) -> None:
        for call in (
            store.get_registered_model,
            store.get_latest_versions,
            lambda n: store.update_registered_model(n, description="x", change=ANN),
            lambda n: store.rename_registered_model(n, unique("x"), change=ANN),
            lambda n: store.delete_registered_model(n, change=ANN),
            lambda n: store.set_registered_model_tag(n, Tag("a", "1"), change=ANN),
            lambda n: store.create_model_version(n, ELSEWHERE, change=ANN),
            lambda n: store.get_model_version(n, "1"),
            lambda n: store.get_version_by_alias(n, "a"),
            lambda n: store.rollback(n, "a", change=ANN),
        ):
            with pytest.raises(NotFoundError) as caught:
                call(name[:-1] + "~")
            assert name in str(caught.value)

    def test_update(self, store: RegistryStore, name: str) -> None:
        assert store.update_registered_model(name, description="new", change=ANN).description == "new"
        assert store.update_registered_model(name, description=None, change=ANN).description == ""

    def test_tags(self, store: RegistryStore, name: str) -> None:
        store.set_registered_model_tag(name, Tag("a", "1"), change=ANN)
        store.set_registered_model_tag(name, Tag("a", "2"), change=ANN)
        store.set_registered_model_tag(name, Tag("b", "x" * 100_000), change=ANN)
        store.delete_registered_model_tag(name, "b", change=ANN)
        store.delete_registered_model_tag(name, "b", change=ANN)
        assert store.get_registered_model(name).tags == {"a": "2"}
        for bad in (Tag("", "v"), Tag("k" * 251, "v"), Tag("k", "v" * 100_001)):
            with pytest.raises(InvalidInputError):
                store.set_registered_model_tag(name, bad, change=ANN)

    def test_rename_takes_all_along(self, store: RegistryStore, three: str) -> None:
        store.set_alias(three, "champion", "1", change=ANN)
        store.set_alias(three, "champion", "2", change=ANN)
        new_name = unique("renamed")
        model = store.rename_registered_model(three, new_name, change=ANN)
        assert model.name == new_name
        assert model.aliases == {"champion": "2"}
        assert store.get_model_version(new_name, "3").name == new_name
        with pytest.raises(NotFoundError):
            store.get_registered_model(three)
        assert store.create_model_version(new_name, ELSEWHERE, change=ANN).version == "4"
        assert store.rollback(new_name, "champion", change=ANN).to_version == "1"
        actions = [event.action for event in store.audit_log(name=new_name)]
        assert actions.count("create_model_version") == 4

    def test_rename_to_a_taken_name(self, store: RegistryStore, name: str) -> None:
        other = store.create_registered_model(unique("other"), change=ANN).name
        with pytest.raises(AlreadyExistsError):
            store.rename_registered_model(name, other, change=ANN)
        with pytest.raises(InvalidInputError):
            store.rename_registered_model(name, "a/b", change=ANN)

    def test_delete(self, store: RegistryStore, three: str) -> None:
        store.set_alias(three, "champion", "2", change=ANN)
        store.delete_registered_model(three, change=BOB)
        with pytest.raises(NotFoundError):
            store.get_registered_model(three)
        with pytest.raises(NotFoundError):
            store.get_model_version(three, "1")
        event = store.audit_log(name=three)[0]
        assert (event.actor, event.action) == ("bob", "delete_registered_model")
        assert event.before is not None
        assert event.before["aliases"] == {"champion": "2"}

    def test_a_deleted_name_goes_on_counting(self, store: RegistryStore, three: str) -> None:
        store.delete_registered_model(three, change=ANN)
        store.create_registered_model(three, change=ANN)
        assert store.create_model_version(three, ELSEWHERE, change=ANN).version == "4"
        store.set_alias(three, "champion", "4", change=ANN)
        with pytest.raises(ConflictError):
            store.rollback(three, "champion", change=ANN)

    def test_search(self, store: RegistryStore) -> None:
        prefix = unique("search")
        names = [f"{prefix}-{i}" for i in range(4)]
        for i, name in enumerate(reversed(names)):
            store.create_registered_model(name, change=ANN, tags=[Tag("even", str(i % 2 == 0))])
        mine = f"name LIKE '{prefix}-%'"

        def found(filter_string: str, **options: object) -> list[str]:
            page = store.search_registered_models(filter_string=filter_string, **options)  # type: ignore[arg-type]
            return [model.name for model in page.items]

        assert found(mine) == names
        assert found(mine, order_by=["name DESC"]) == names[::-1]
        assert found(f"name = '{names[1]}'") == [names[1]]
        assert found(f"name ILIKE '{prefix.upper()}-2'") == [names[2]]
        assert found(f"name IN ('{names[0]}', '{names[3]}')") == [names[0], names[3]]
        assert found(f"{mine} AND tags.even = 'True'") == [names[1], names[3]]
        assert found(f"{mine} AND tag.even != 'True'") == [names[0], names[2]]
        first = store.search_registered_models(filter_string=mine, max_results=3)
        assert first.next_token is not None
        last = store.search_registered_models(filter_string=mine, max_results=3, page_token=first.next_token)
        assert [m.name for m in (*first.items, *last.items)] == names
        assert last.next_token is None
        for sort in ("timestamp", "last_updated_timestamp DESC"):
            assert sorted(found(mine, order_by=[sort])) == names

    def test_found_models_are_whole(self, store: RegistryStore, three: str) -> None:
        store.set_alias(three, "champion", "2", change=ANN)
        store.transition_stage(three, "1", "Staging", change=ANN)
        (found,) = store.search_registered_models(filter_string=f"name = '{three}'").items
        assert found == store.get_registered_model(three)
        assert {v.version for v in found.latest_versions} == {"1", "3"}
        assert found.aliases == {"champion": "2"}

    def test_bad_searches(self, store: RegistryStore) -> None:
        for filter_string in ("colour = 'x'", "name > 'x'", "name = x", "params.a = 'x'"):
            with pytest.raises(InvalidInputError):
                store.search_registered_models(filter_string=filter_string)
            with pytest.raises(InvalidInputError):
                store.search_model_versions(filter_string=filter_string)
        for max_results in (0, 1001):
            with pytest.raises(InvalidInputError):
                store.search_registered_models(max_results=max_results)
        with pytest.raises(InvalidInputError):
            store.search_registered_models(order_by=["tags.a"])
        with pytest.raises(InvalidInputError):
            store.search_registered_models(page_token="§")

    def test_search_leaves_prompts_out(self, store: RegistryStore) -> None:
        """Also with the clause that MLflow's client adds to each search, which models without the tag must pass."""
        prefix = unique("prompts")
        store.create_registered_model(f"{prefix}-model", change=ANN)
        store.create_registered_model(f"{prefix}-prompt", change=ANN, tags=[Tag("mlflow.prompt.is_prompt", "true")])

        def found(clause: str) -> list[str]:
            page = store.search_registered_models(filter_string=f"name LIKE '{prefix}%'{clause}")
            return [model.name.removeprefix(prefix) for model in page.items]

        assert found("") == ["-model"]
        assert found(" AND tag.`mlflow.prompt.is_prompt` != 'true'") == ["-model"]
        assert found(" AND tag.`mlflow.prompt.is_prompt` = 'true'") == ["-prompt"]


class ModelVersionContract(_Fixtures):
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


class AliasContract(_Fixtures):
    """Aliases and rollback."""

    def test_aliases_set_and_get(self, store: RegistryStore, three: str) -> None:
        assert store.set_alias(three, "champion", "1", change=ANN) == AliasMove(three, "champion", None, "1")
        assert store.set_alias(three, "champion", "2", change=ANN) == AliasMove(three, "champion", "1", "2")
        store.set_alias(three, "challenger", "2", change=ANN)
        version = store.get_version_by_alias(three, "champion")
        assert version.version == "2"
        assert version.aliases == ("challenger", "champion")
        assert store.get_version_by_alias(three, "latest").version == "3"

    def test_unknown_aliases_name_near_ones(self, store: RegistryStore, three: str) -> None:
        store.set_alias(three, "champion", "1", change=ANN)
        with pytest.raises(NotFoundError) as caught:
            store.get_version_by_alias(three, "champoin")
        assert "champion" in str(caught.value)

    def test_latest_of_nothing(self, store: RegistryStore, name: str) -> None:
        with pytest.raises(NotFoundError):
            store.get_version_by_alias(name, "latest")

    @pytest.mark.parametrize("alias", ["", "latest", "Latest", "v1", "V22", "a b", "a/b", "a" * 256, "ä.b"])
    def test_bad_aliases(self, store: RegistryStore, three: str, alias: str) -> None:
        with pytest.raises(InvalidInputError):
            store.set_alias(three, alias, "1", change=ANN)

    def test_aliases_delete(self, store: RegistryStore, three: str) -> None:
        store.set_alias(three, "champion", "1", change=ANN)
        assert store.delete_alias(three, "champion", change=ANN) == AliasMove(three, "champion", "1", None)
        assert store.delete_alias(three, "champion", change=ANN) == AliasMove(three, "champion", None, None)
        with pytest.raises(NotFoundError):
            store.get_version_by_alias(three, "champion")

    def test_deleting_a_version_removes_its_aliases(self, store: RegistryStore, three: str) -> None:
        store.set_alias(three, "a", "2", change=ANN)
        store.set_alias(three, "b", "3", change=ANN)
        store.delete_model_version(three, "2", change=ANN)
        assert store.get_registered_model(three).aliases == {"b": "3"}

    def test_rollback_goes_back_one_move_each_time(self, store: RegistryStore, three: str) -> None:
        for version in "123":
            store.set_alias(three, "champion", version, change=ANN)
        assert store.rollback(three, "champion", change=BOB) == AliasMove(three, "champion", "3", "2")
        assert store.rollback(three, "champion", change=BOB) == AliasMove(three, "champion", "2", "1")
        assert store.get_version_by_alias(three, "champion").version == "1"
        with pytest.raises(ConflictError):
            store.rollback(three, "champion", change=BOB)
        assert store.get_version_by_alias(three, "champion").version == "1"

    def test_rollback_after_going_on(self, store: RegistryStore, three: str) -> None:
        for version in "12":
            store.set_alias(three, "champion", version, change=ANN)
        store.rollback(three, "champion", change=ANN)
        store.set_alias(three, "champion", "3", change=ANN)
        assert store.rollback(three, "champion", change=ANN).to_version == "1"
        with pytest.raises(ConflictError):
            store.rollback(three, "champion", change=ANN)

    def test_setting_an_alias_where_it_is_is_no_move(self, store: RegistryStore, three: str) -> None:
        for version in "1222":
            store.set_alias(three, "champion", version, change=ANN)
        assert store.rollback(three, "champion", change=ANN).to_version == "1"

    def test_rollback_of_a_deleted_alias_restores_it(self, store: RegistryStore, three: str) -> None:
        store.set_alias(three, "champion", "2", change=ANN)
        store.delete_alias(three, "champion", change=ANN)
        assert store.rollback(three, "champion", change=ANN) == AliasMove(three, "champion", None, "2")

    def test_rollback_to_a_deleted_version(self, store: RegistryStore, three: str) -> None:
        for version in "12":
            store.set_alias(three, "champion", version, change=ANN)
        store.delete_model_version(three, "1", change=ANN)
        with pytest.raises(ConflictError) as caught:
            store.rollback(three, "champion", change=ANN)
        assert "version 1" in str(caught.value)
        assert store.get_version_by_alias(three, "champion").version == "2"

    def test_rollback_without_a_history(self, store: RegistryStore, three: str) -> None:
        with pytest.raises(ConflictError):
            store.rollback(three, "champion", change=ANN)
        store.set_alias(three, "champion", "1", change=ANN)
        with pytest.raises(ConflictError):
            store.rollback(three, "champion", change=ANN)

    def test_aliases_roll_back_each_by_itself(self, store: RegistryStore, three: str) -> None:
        for version in "12":
            store.set_alias(three, "a", version, change=ANN)
            store.set_alias(three, "b", version, change=ANN)
        store.rollback(three, "a", change=ANN)
        assert store.get_registered_model(three).aliases == {"a": "1", "b": "2"}


class AuditContract(_Fixtures):
    """The log of changes."""

    def test_who_what_and_why(self, store: RegistryStore, three: str) -> None:
        store.set_alias(three, "champion", "1", change=ANN)
        store.set_alias(three, "champion", "2", change=Change("bob", "siglum cli", "better recall"))
        event, before = store.audit_log(name=three, max_results=2)
        assert (event.actor, event.reason) == ("bob", "better recall")
        assert (event.action, event.model, event.alias, event.version) == ("set_alias", three, "champion", "2")
        assert (event.before, event.after) == ({"version": "1"}, {"version": "2"})
        assert before.actor == "ann"
        assert before.seq < event.seq
        assert before.time <= event.time

    def test_each_change_writes_one_event_and_reading_none(self, store: RegistryStore, three: str) -> None:
        changes: list[tuple[str, Callable[[], object]]] = [
            ("update_registered_model", lambda: store.update_registered_model(three, description="x", change=ANN)),
            ("set_registered_model_tag", lambda: store.set_registered_model_tag(three, Tag("a", "1"), change=ANN)),
            ("delete_registered_model_tag", lambda: store.delete_registered_model_tag(three, "a", change=ANN)),
            ("create_model_version", lambda: store.create_model_version(three, ELSEWHERE, change=ANN)),
            ("update_model_version", lambda: store.update_model_version(three, "1", description="x", change=ANN)),
            ("set_model_version_tag", lambda: store.set_model_version_tag(three, "1", Tag("a", "1"), change=ANN)),
            ("delete_model_version_tag", lambda: store.delete_model_version_tag(three, "1", "a", change=ANN)),
            ("transition_stage", lambda: store.transition_stage(three, "1", "Staging", change=ANN)),
            ("set_alias", lambda: store.set_alias(three, "a", "1", change=ANN)),
            ("set_alias", lambda: store.set_alias(three, "a", "2", change=ANN)),
            ("rollback", lambda: store.rollback(three, "a", change=ANN)),
            ("delete_alias", lambda: store.delete_alias(three, "a", change=ANN)),
            ("delete_model_version", lambda: store.delete_model_version(three, "1", change=ANN)),
        ]
        for action, make in changes:
            count = len(store.audit_log(name=three))
            make()
            store.get_registered_model(three)
            events = store.audit_log(name=three)
            assert [events[0].action, len(events)] == [action, count + 1]

    def test_a_refused_change_writes_nothing(self, store: RegistryStore, three: str) -> None:
        before = store.audit_log(name=three)
        with pytest.raises(ConflictError):
            store.rollback(three, "champion", change=ANN)
        with pytest.raises(NotFoundError):
            store.set_alias(three, "champion", "9", change=ANN)
        with pytest.raises(AlreadyExistsError):
            store.create_registered_model(three, change=ANN)
        assert store.audit_log(name=three) == before

    def test_paging_backwards(self, store: RegistryStore, three: str) -> None:
        events = store.audit_log(name=three)
        assert [e.seq for e in events] == sorted((e.seq for e in events), reverse=True)
        assert store.audit_log(name=three, max_results=2) == events[:2]
        assert store.audit_log(name=three, before=events[1].seq) == events[2:]
        assert store.audit_log(max_results=1)[0].seq >= events[0].seq


class RegistryStoreContract(RegisteredModelContract, ModelVersionContract, AliasContract, AuditContract):
    """All of it. Subclass this one."""
