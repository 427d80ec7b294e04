"""What the parts of the tracking contract share: new experiments, runs and names."""

from __future__ import annotations

import uuid

import pytest

from siglum.tracking.store import TrackingStore

NO_ID = "0123456789abcdef0123456789abcdef"


def unique(prefix: str) -> str:
    """Return a name that nothing else has."""
    return f"{prefix}-{uuid.uuid4().hex[:12]}"


class TrackingFixtures:
    """Fixtures that need nothing but `store`."""

    @pytest.fixture
    def experiment_id(self, store: TrackingStore) -> str:
        """A new experiment."""
        return store.create_experiment(unique("experiment"))

    @pytest.fixture
    def run_id(self, store: TrackingStore, experiment_id: str) -> str:
        """A new run in a new experiment."""
        return store.create_run(experiment_id).info.run_id
