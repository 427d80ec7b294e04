"""The part of the registry contract that is about registered models, their tags and searches."""

# A page token is no secret.
# ruff: noqa: S106

from __future__ import annotations

import pytest

from siglum.core.errors import AlreadyExistsError, ConflictError, InvalidInputError, NotFoundError
from siglum.registry.store import RegistryStore
from siglum.testing.registry_fixtures import ANN, BOB, ELSEWHERE, RegistryFixtures, unique
from siglum.tracking.entities import Tag


class RegisteredModelContract(RegistryFixtures):
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
