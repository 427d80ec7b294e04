"""Fixtures of the fault tests."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from tests.faults.campaign import Report
from tests.faults.figures import put_down

ROOT = Path(__file__).parents[2]
# Each command is killed so often, and befallen by so many errors, damages and so on, in a short run.
SHORT = 200
SHARES = {"kills": 1.0, "errors": 0.2, "damage": 0.15, "rights": 0.06, "meddling": 0.1, "order": 1.0, "racy": 1.0}

RunCampaign = Callable[..., Report]


@pytest.fixture
def run_campaign(request: pytest.FixtureRequest) -> RunCampaign:
    """Run a campaign in a process of its own; its figures go into the summary."""
    kills = request.config.getoption("--faults")

    def run(
        kind: str, command: str, *, quota: int | None = None, mutant: str | None = None, only: tuple[str, ...] = ()
    ) -> Report:
        wanted = quota or max(1, round(kills * SHARES[kind]))
        arguments = [kind, command, "--quota", str(wanted), *(["--mutant", mutant] if mutant else [])]
        for scenario in only:
            arguments += ["--only", scenario]
        done = subprocess.run(
            [sys.executable, "-m", "tests.faults.campaign", *arguments],
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        report = msgspec.json.decode(done.stdout, type=Report)
        if mutant is None:
            put_down(request, command, report.tried, len(report.broken))
        return report

    return run
