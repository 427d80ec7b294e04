from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

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
