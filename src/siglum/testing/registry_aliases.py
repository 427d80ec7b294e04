"""The part of the registry contract that is about aliases and rolling them back."""

from __future__ import annotations

import pytest

from siglum.core.errors import ConflictError, InvalidInputError, NotFoundError
from siglum.registry.entities import AliasMove
from siglum.registry.store import RegistryStore
from siglum.testing.registry_fixtures import ANN, BOB, RegistryFixtures


class AliasContract(RegistryFixtures):
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
