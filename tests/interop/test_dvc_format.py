"""Every part of the format of pipelines beside the real DVC: the same decisions, bytes, reasons and refusals."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.interop.pipeline_pair import Seen, assert_same, load_cases, take_cases

pytestmark = [pytest.mark.interop, pytest.mark.slow, pytest.mark.xdist_group("dvc-format")]

CASES = load_cases(Path(__file__).with_name("stages.yaml"))


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory, dvc_command: str) -> Seen:
    return take_cases(CASES, "siglum", dvc_command, tmp_path_factory.mktemp("format") / "ours")


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory, dvc_command: str) -> Seen:
    return take_cases(CASES, "dvc", dvc_command, tmp_path_factory.mktemp("format") / "theirs")


@pytest.mark.parametrize("name", CASES)
def test_the_same(name: str, ours: Seen, theirs: Seen) -> None:
    assert_same(CASES[name], ours[name], theirs[name])
