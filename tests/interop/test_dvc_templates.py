"""Templates and parameters beside the real DVC: the same commands, lock files, reasons to run and refusals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.interop.pipeline_pair import Case, Seen, assert_same, case, dvc_answers, load_cases, take_cases

pytestmark = [pytest.mark.interop, pytest.mark.slow]

PARAMS = """\
lr: 0.1
n: 3
flag: true
off: false
nothing:
text: it's so
list: [1, b c, true]
opt: {name: adam, beta: [0.9, 0.999]}
"""


def one_command(written: dict[str, Any]) -> Case:
    """Return the case of a command that holds a template, run with some parameters and with others."""
    quoted = written["cmd"].replace("'", "''")
    pipeline = f"stages:\n  s:\n    cmd: '{quoted}'\n    deps: [in]\n    outs: [o]\n    {written.get('stage', '')}\n"
    params = written.get("params", PARAMS)
    changed = {"params.yaml": params.replace("n: 3\n", "n: 4\n")}
    config, better = written.get("config", ""), written.get("better", "")
    return case(pipeline, {"params.yaml": params, "in": "1\n"}, changed, config=config, better=better)


CASES = load_cases(Path(__file__).with_name("templates.yaml"), one_command)


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory, dvc_command: str) -> Seen:
    return take_cases(CASES, "siglum", dvc_command, tmp_path_factory.mktemp("templates") / "ours")


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory, dvc_command: str, pytestconfig: pytest.Config) -> Seen:
    folder = tmp_path_factory.mktemp("templates") / "theirs"
    recording = Path(__file__).with_name("recorded") / "templates.json"
    return dvc_answers(CASES, dvc_command, folder, recording, anew=pytestconfig.getoption("peers"))


@pytest.mark.parametrize("name", CASES)
def test_the_same(name: str, ours: Seen, theirs: Seen) -> None:
    assert_same(CASES[name], ours[name], theirs[name])
