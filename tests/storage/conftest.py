"""A host that serves SFTP."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.storage.sftp_server import SftpHost

from siglum.storage.remotes import ssh_connection


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SftpHost]:
    monkeypatch.setattr(ssh_connection, "PAUSES", (0.01, 0.01, 0.01))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    with SftpHost(tmp_path) as made:
        (made.root / "store").mkdir()
        monkeypatch.setenv("HOME", str(made.home))
        yield made
