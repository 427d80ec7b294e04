"""A server's application in process, on real stores."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from siglum.registry.sql.imports import SqlImports
from siglum.registry.sql.store import SqlRegistryStore
from siglum.registry.sql.webhooks import SqlWebhookStore
from siglum.registry.webhook_secrets import SecretBox
from siglum.server.app import ServerConfig, create_app
from siglum.server.dispatch import Dispatcher
from siglum.storage.artifacts.local import LocalArtifactStore
from siglum.tracking.sql.artifact_index import SqlArtifactIndex
from siglum.tracking.sql.database import open_database
from siglum.tracking.sql.store import SqlTrackingStore


@contextlib.contextmanager
def stores(folder: Path) -> Iterator[ServerConfig]:
    database = open_database(f"sqlite:///{folder}/siglum.db")
    yield ServerConfig(
        tracking=SqlTrackingStore(database),
        imports=SqlImports(database),
        registry=SqlRegistryStore(database),
        artifacts=LocalArtifactStore(str(folder / "artifacts"), SqlArtifactIndex(database)),
        webhooks=SqlWebhookStore(database, SecretBox(f"{folder}/siglum.db.webhook-key", {})),
        webhook_hosts=("localhost", "127.0.0.1"),
        max_json=1_000_000,
    )
    database.close()


@pytest.fixture
def config(tmp_path: Path) -> Iterator[ServerConfig]:
    with stores(tmp_path) as made:
        yield made


@pytest.fixture(scope="module")
def shared_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dispatcher]:
    """An application for many requests that change nothing, or nothing that others look at."""
    with stores(tmp_path_factory.mktemp("shared")) as config:
        made = create_app(config)
        yield made
        made.close()


@pytest.fixture
def app(config: ServerConfig) -> Iterator[Dispatcher]:
    made = create_app(config)
    yield made
    made.close()
