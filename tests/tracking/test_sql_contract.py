from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.postgres import PostgresServer

from siglum.testing.tracking import TrackingStoreContract
from siglum.tracking.sql.database import open_database
from siglum.tracking.sql.store import SqlTrackingStore
from siglum.tracking.store import TrackingStore


class TestSqliteTrackingStore(TrackingStoreContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[TrackingStore]:
        store = SqlTrackingStore(open_database(f"sqlite:///{tmp_path}/siglum.db"))
        yield store
        store.close()


@pytest.fixture(scope="module")
def shared(postgres: PostgresServer) -> Iterator[TrackingStore]:
    store = SqlTrackingStore(open_database(postgres.new_schema()))
    yield store
    store.close()


class TestPostgresTrackingStore(TrackingStoreContract):
    @pytest.fixture
    def store(self, shared: TrackingStore) -> TrackingStore:
        return shared
