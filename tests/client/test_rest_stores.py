"""The stores over HTTP pass the same contracts as those in process, against a real server process."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from siglum.client.rest.artifacts import RestArtifactStore
from siglum.client.rest.registry import RestRegistryStore
from siglum.client.rest.session import RestSession
from siglum.client.rest.tracking import RestTrackingStore
from siglum.registry.store import RegistryStore
from siglum.storage.artifacts.base import ArtifactStore
from siglum.testing.artifacts import ArtifactStoreContract
from siglum.testing.registry import RegistryStoreContract
from siglum.testing.server import ServerProcess
from siglum.testing.tracking import TrackingStoreContract
from siglum.tracking.store import TrackingStore


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture
def session(server: ServerProcess) -> Iterator[RestSession]:
    session = RestSession(server.url)
    yield session
    session.close()


class TestRestTrackingStore(TrackingStoreContract):
    @pytest.fixture
    def store(self, session: RestSession) -> TrackingStore:
        return RestTrackingStore(session)


class TestRestRegistryStore(RegistryStoreContract):
    @pytest.fixture
    def store(self, session: RestSession) -> RegistryStore:
        return RestRegistryStore(session)

    @pytest.fixture
    def logged_model(self, session: RestSession) -> tuple[str, str, str]:
        tracking = RestTrackingStore(session)
        run_id = tracking.create_run("0").info.run_id
        model = tracking.create_logged_model("0", source_run_id=run_id)
        return model.model_id, run_id, model.artifact_location


class TestRestArtifactStore(ArtifactStoreContract):
    @pytest.fixture
    def artifacts(self, session: RestSession) -> ArtifactStore:
        return RestArtifactStore(session, f"contract/{uuid.uuid4().hex}")
