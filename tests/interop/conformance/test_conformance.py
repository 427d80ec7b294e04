"""Siglum and the real DVC, replayed side by side: the same files, modes, links, Git state, verdicts and values."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.interop.conformance.scenarios import NOT_COMPARED, SCENARIOS

pytestmark = [pytest.mark.interop, pytest.mark.slow, pytest.mark.xdist_group("conformance"), pytest.mark.timeout(900)]

REPLAY = Path(__file__).with_name("replay.py")
Recording = dict[str, Any]
_NOT_COMPARED = r"/trash/|/siglum-trash/|/\.[\w-]{22}\.tmp$|^/\.siglum/"


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory, dvc_command: str) -> tuple[Recording, Recording]:
    """What DVC left, and what Siglum left, by scenario."""
    pythons = {"dvc": str(Path(dvc_command).with_name("python")), "siglum": sys.executable}
    running = []
    for tool, python in pythons.items():
        command = [python, str(REPLAY), tool, str(tmp_path_factory.mktemp(tool))]
        running.append(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
        stdin = running[-1].stdin
        assert stdin is not None
        stdin.write(json.dumps(SCENARIOS))
        stdin.close()
        running[-1].stdin = None
    dvc, siglum = (json.loads(process.communicate()[0]) for process in running)
    return dvc, siglum


@pytest.mark.parametrize("name", SCENARIOS)
def test_same_as_dvc(name: str, recordings: tuple[Recording, Recording]) -> None:
    theirs, ours = (recording[name] for recording in recordings)
    assert _outcomes(ours) == _outcomes(theirs)
    for part in ("files", "remote", "git"):
        assert _comparable(ours.get(part), name) == _comparable(theirs.get(part), name)


def _outcomes(recording: Recording) -> list[tuple[str, bool, Any]]:
    """Return of each step whether it failed, and the value that it printed where that is JSON."""
    found = []
    for step in recording["steps"]:
        is_value = "--json" in step["line"] and not step["failed"]
        found.append((step["line"], step["failed"], _sorted(json.loads(step["out"] or "null")) if is_value else None))
    return found


def _sorted(value: Any) -> Any:
    """Return a value with its lists in one order: DVC's is not stable."""
    if isinstance(value, dict):
        return {key: _sorted(each) for key, each in value.items()}
    if isinstance(value, list):
        return sorted((_sorted(each) for each in value), key=lambda each: json.dumps(each, sort_keys=True))
    return value


def _comparable(part: Any, scenario: str) -> Any:
    """Leave out Siglum's record of runs, its trash (DVC deletes at once), and the temporary files that DVC leaves."""
    if not isinstance(part, dict):
        return part
    left_out = re.compile(f"{_NOT_COMPARED}|{NOT_COMPARED.get(scenario, '/never/')}")
    return {path: entry for path, entry in part.items() if not left_out.search(f"/{path}")}
