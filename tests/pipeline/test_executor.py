"""Executors: this machine's pool and one elsewhere keep the contract, and a pipeline runs the same on both."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.pipeline.elsewhere import Elsewhere
from tests.pipeline.project import Project

from siglum.core.errors import StageFailedError
from siglum.pipeline.execution.executor import Executor
from siglum.pipeline.execution.local_pool import LocalPool
from siglum.testing import ExecutorContract

PIPELINE = """
    stages:
      split: {cmd: 'mkdir parts && cp in parts/a && cp in parts/b && cat seed >> parts/b', deps: [in, seed], outs: [parts]}
      train: {cmd: 'cat ../parts/* ../params.yaml > model; echo trained', wdir: sub, deps: [../parts], params: [../params.yaml: [lr]], outs: [model]}
      count: {cmd: 'echo x >> count', deps: [sub/model], outs: [count: {persist: true}]}
"""  # noqa: E501


class TestLocalPool(ExecutorContract):
    @pytest.fixture
    def executor(self) -> Iterator[Executor]:
        pool = LocalPool(2)
        yield pool
        pool.shutdown(cancel=True)


class TestElsewhere(ExecutorContract):
    @pytest.fixture
    def executor(self, tmp_path: Path) -> Iterator[Executor]:
        pool = Elsewhere(tmp_path / "elsewhere")
        yield pool
        pool.shutdown(cancel=True)


@pytest.fixture
def inputs(project: Project) -> Project:
    project.write("dvc.yaml", PIPELINE)
    project.write("in", "1\n")
    project.write("seed", "7\n")
    project.write("params.yaml", "lr: 0.1\n")
    (project.root / "sub").mkdir()
    return project


def test_a_pipeline_runs_elsewhere_as_it_does_here(inputs: Project, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Nothing but the executor is another: same order, same outputs, same lock file, and nothing to do afterwards."""
    elsewhere = Elsewhere(tmp_path_factory.mktemp("elsewhere") / "base")
    assert inputs.repro(executor=elsewhere) == {"split": "ran", "train": "ran", "count": "ran"}
    lock, model = inputs.lock(), inputs.read("sub/model")
    assert model == "1\n1\n7\nlr: 0.1\n"
    assert inputs.read(".dvc/tmp/siglum/logs/train.log") == "trained\n"
    split, train, count = elsewhere.taken
    assert set(split.inputs) == {"in", "seed"}
    assert split.outputs == ("parts",)
    assert set(train.inputs) == {"parts", "params.yaml"}
    assert train.inputs["parts"] == lock["split"]["outs"][0]["md5"]
    assert set(count.inputs) == {"sub/model"}
    assert set(inputs.repro().values()) == {"unchanged"}
    inputs.write("count", "")
    assert inputs.repro(force=True) == {"split": "ran", "train": "ran", "count": "ran"}
    assert inputs.lock() == lock


def test_outputs_that_stay_in_place_go_elsewhere_and_come_back(
    inputs: Project, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = Elsewhere(tmp_path_factory.mktemp("elsewhere") / "base")
    inputs.repro(executor=elsewhere)
    inputs.repro("count", executor=elsewhere, force=True)
    assert inputs.read("count") == "x\nx\n"


def test_an_output_that_was_damaged_on_its_way_is_refused(
    inputs: Project, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = Elsewhere(tmp_path_factory.mktemp("elsewhere") / "base")
    elsewhere.spoils = {"sub/model"}
    with pytest.raises(StageFailedError, match="'sub/model' is not what came of it elsewhere"):
        inputs.repro(executor=elsewhere)
    assert list(inputs.lock()) == ["split"]
    assert inputs.repro() == {"split": "unchanged", "train": "ran", "count": "ran"}
