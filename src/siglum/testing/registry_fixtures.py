"""What the parts of the registry contract share."""

from __future__ import annotations

import uuid

import pytest

from siglum.registry.entities import Change
from siglum.registry.store import RegistryStore

ANN = Change(actor="ann", source="contract", reason="because")
BOB = Change(actor="bob", source="contract")
ELSEWHERE = "s3://bucket/models"
"""A source that every store takes as it is. A server takes few others without looking them up."""


def unique(prefix: str) -> str:
    """Return a name that nothing else has."""
    return f"{prefix}-{uuid.uuid4().hex[:12]}"


class RegistryFixtures:
    """Registered models that a test starts from."""

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
