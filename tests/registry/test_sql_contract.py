from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.postgres import PostgresServer

from siglum.registry.sql.store import SqlRegistryStore
from siglum.registry.store import RegistryStore
from siglum.testing.registry import RegistryStoreContract
from siglum.tracking.sql.database import open_database


class TestSqliteRegistryStore(RegistryStoreContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[RegistryStore]:
        store = SqlRegistryStore(open_database(f"sqlite:///{tmp_path}/siglum.db"))
        yield store
        store.close()


@pytest.fixture(scope="module")
def shared(postgres: PostgresServer) -> Iterator[RegistryStore]:
    store = SqlRegistryStore(open_database(postgres.new_schema()))
    yield store
    store.close()


class TestPostgresRegistryStore(RegistryStoreContract):
    @pytest.fixture
    def store(self, shared: RegistryStore) -> RegistryStore:
        return shared
