"""Remotes on S3: the contract against two servers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from siglum.storage.remotes import Remote, open_remote
from siglum.testing.remotes import BulkRemoteContract
from siglum.testing.s3_server import S3Server


def open_at(server: S3Server, url: str = "s3://bucket/pre fix/ü%20", **options: str) -> Remote:
    keys = {"access_key_id": server.access_key, "secret_access_key": server.secret_key}
    return open_remote("r", url, {"endpointurl": server.url, **keys, **options})


class TestS3Remote(BulkRemoteContract):
    """Against our own server, whose listings have short pages."""

    @pytest.fixture
    def remote(self) -> Iterator[Remote]:
        with S3Server(["bucket"], page=7) as server:
            yield open_at(server)


class TestS3RemoteWithoutAFolder(BulkRemoteContract):
    """The bucket itself, on a server whose ETags say nothing of the bytes."""

    @pytest.fixture
    def remote(self) -> Iterator[Remote]:
        with S3Server(["bucket"], opaque_etags=True) as server:
            yield open_at(server, "s3://bucket")
