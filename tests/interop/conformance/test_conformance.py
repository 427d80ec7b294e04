"""Siglum and the real DVC, replayed side by side: the same files, modes, links, Git state, verdicts and values."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.interop.conformance.scenarios import NOT_COMPARED, SCENARIOS

pytestmark = [pytest.mark.interop, pytest.mark.slow, pytest.mark.timeout(900)]

REPLAY = Path(__file__).with_name("replay.py")
DVC_LOCK = Path(__file__).parents[2] / "peers" / "dvc.lock"
# What DVC left in each scenario, by a hash of the scenario, of the replay and of DVC's versions: see `recorded`.
RECORDED = Path(__file__).with_name("recorded.json")
Recording = dict[str, Any]
_NOT_COMPARED = r"/trash/|/siglum-trash/|/\.[\w-]{22}\.tmp$|^/\.siglum/"


@pytest.fixture(scope="module")
def recordings(
    tmp_path_factory: pytest.TempPathFactory, dvc_command: str, pytestconfig: pytest.Config
) -> tuple[Recording, Recording]:
    """What DVC left, and what Siglum left, by scenario. With `--peers`, DVC is asked again about all of them."""
    anew = pytestconfig.getoption("peers")
    known = json.loads(RECORDED.read_text()) if RECORDED.exists() and not anew else {}
    keys = {name: _key(scenario) for name, scenario in SCENARIOS.items()}
    asked = {name: scenario for name, scenario in SCENARIOS.items() if keys[name] not in known}
    if asked:
        python = str(Path(dvc_command).with_name("python"))
        found = replay(python, "dvc", asked, tmp_path_factory.mktemp("dvc"))
        known |= {keys[name]: recording for name, recording in found.items()}
    if anew:
        RECORDED.write_text(json.dumps(known, sort_keys=True, separators=(",", ":")).replace('},"', '},\n"') + "\n")
    dvc = {name: known[key] for name, key in keys.items()}
    return dvc, replay(sys.executable, "siglum", SCENARIOS, tmp_path_factory.mktemp("siglum"))


def replay(python: str, tool: str, scenarios: dict[str, Any], folder: Path) -> Recording:
    """Take scenarios through one tool; return what it left of each."""
    command = [python, str(REPLAY), tool, str(folder)]
    done = subprocess.run(command, input=json.dumps(scenarios), stdout=subprocess.PIPE, text=True, check=True)
    found: Recording = json.loads(done.stdout)
    return found


def _key(scenario: Any) -> str:
    written = json.dumps(scenario, sort_keys=True).encode()
    return hashlib.sha256(written + REPLAY.read_bytes() + DVC_LOCK.read_bytes()).hexdigest()[:32]


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
