"""The flags of `repro`, `status`, `freeze` and `commit` beside the real DVC: the same runs, states, files, refusals."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.interop.pipeline_pair import Seen, assert_same, dvc_answers, load_cases, take_cases

pytestmark = [pytest.mark.interop, pytest.mark.slow]

CASES = load_cases(Path(__file__).with_name("flags.yaml"))


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory, dvc_command: str) -> Seen:
    return take_cases(CASES, "siglum", dvc_command, tmp_path_factory.mktemp("flags") / "ours")


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory, dvc_command: str, pytestconfig: pytest.Config) -> Seen:
    folder = tmp_path_factory.mktemp("flags") / "theirs"
    recording = Path(__file__).with_name("recorded") / "flags.json"
    return dvc_answers(CASES, dvc_command, folder, recording, anew=pytestconfig.getoption("peers"))


@pytest.mark.parametrize("name", CASES)
def test_the_same(name: str, ours: Seen, theirs: Seen) -> None:
    sides = [ours[name], theirs[name]]
    if any(line[0] == "commit" for step in CASES[name].steps for line in step.run):
        sides = [[step | {"files": _without_run_cache(step["files"])} for step in steps] for steps in sides]
    assert_same(CASES[name], *sides)


def _without_run_cache(files: dict[str, str]) -> dict[str, str]:
    """Leave out what DVC's `commit` claims to be the result of a run; Siglum's keeps there what was one."""
    return {path: text for path, text in files.items() if not path.startswith(".dvc/cache/runs/")}
