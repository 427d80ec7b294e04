from __future__ import annotations

from collections.abc import Iterator

import pytest

from siglum.storage.remotes import Remote, open_remote
from siglum.testing.http_files import HttpFiles
from siglum.testing.remotes import BulkRemoteContract


class TestHttpRemote(BulkRemoteContract):
    can_list = False

    @pytest.fixture
    def remote(self) -> Iterator[Remote]:
        with HttpFiles() as server:
            yield open_remote("r", f"{server.url}/some data/x", {"method": "PUT"})
