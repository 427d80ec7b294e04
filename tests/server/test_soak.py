"""The soak of `benchmarks.soak` in small: a server killed three times while clients write, search and upload."""

from __future__ import annotations

from pathlib import Path

import pytest
from benchmarks.soak import Soak

pytestmark = pytest.mark.slow


def test_what_was_acknowledged_is_there_once(tmp_path: Path) -> None:
    soak = Soak(tmp_path / "server", writers=4, searchers=2, file_bytes=1_000_000)
    outcome = soak.run(kills=3, kill_every=1.5)
    assert outcome.kills == 4
    assert outcome.batches > 0
    assert outcome.searches > 0
    assert outcome.uploads > 0
    assert outcome.unanswered > 0, "no client noticed a kill"
