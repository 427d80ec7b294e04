"""Which metrics and plots files a pipeline declares, and what of them is kept with a run."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from tests.pipeline.project import Project

from siglum.lineage import pipeline_files
from siglum.lineage.pipeline_files import beside_stages, of_stage
from siglum.lineage.stage_values import FileContent
from siglum.pipeline.graph.load import load_pipeline
from siglum.workspace.repository import Repository

PIPELINE = """
    stages:
      s:
        cmd: x
        outs: [o]
        metrics: [m.json]
        plots:
        - p.csv: {x: n, y: a}
        - pictures
    metrics: [top.yaml, ../outside.json]
    plots:
    - plain.csv
    - named.csv: {x: step, y: loss}
    - composed: {x: {c.csv: i}, y: {c.csv: [u, v], d.csv: w}}
    - empty.csv:
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    Repository.init(str(tmp_path))
    made = Project(tmp_path)
    made.write("sub/dvc.yaml", PIPELINE)
    return made


def test_what_is_declared(project: Project) -> None:
    pipeline = load_pipeline(project.open())
    own = of_stage(pipeline.stages["sub/dvc.yaml:s"])
    assert set(own.metrics) == {"sub/m.json"}
    assert own.plots == {"sub/p.csv": ("n", ("a",)), "sub/pictures": (None, ())}
    beside = beside_stages(pipeline)
    assert set(beside.metrics) == {"sub/top.yaml", "outside.json"}
    assert beside.plots == {
        "sub/plain.csv": (None, ()),
        "sub/named.csv": ("step", ("loss",)),
        "sub/c.csv": ("i", ("u", "v")),
        "sub/d.csv": (None, ("w",)),
        "sub/empty.csv": (None, ()),
    }


def test_what_is_kept(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    project.write("sub/m.json", "{}")
    project.write("sub/pictures/b/2.png", "2")
    project.write("sub/pictures/1.png", "1")
    own = of_stage(load_pipeline(project.open()).stages["sub/dvc.yaml:s"])
    root = str(project.root)
    paths = ["metrics/sub/m.json", "plots/sub/pictures/1.png", "plots/sub/pictures/b/2.png"]
    assert [file.path for file in own.files("r", root)] == paths
    metrics, plots = own.read(root)
    assert metrics == [FileContent("sub/m.json", b"{}")]
    assert [file.path for file in plots] == ["sub/pictures/1.png", "sub/pictures/b/2.png"]
    monkeypatch.setattr(pipeline_files, "MAX_FILES", 1)
    assert [file.path for file in own.files("r", root)] == paths[:2]
    monkeypatch.setattr(pipeline_files, "MAX_BYTES", 1)
    assert own.read(root)[0] == []


def test_a_number_with_the_name_of_a_curve_is_its_latest_value(project: Project) -> None:
    project.write("sub/m.json", '{"a": 0.9, "b": 1, "other": 2}')
    project.write("sub/p.csv", "n,a\n0,0.1\n1,0.2\n")
    own = of_stage(load_pipeline(project.open()).stages["sub/dvc.yaml:s"])
    found = own.values(str(project.root), 1000)
    assert [(each.step, each.value) for each in found if each.key == "a"] == [(1, 0.9), (0, 0.1), (1, 0.2)]
    assert max((each.step, each.timestamp, each.value) for each in found if each.key == "a") == (1, 1001, 0.9)
    assert {each.key for each in found} == {"a", "b", "other"}
    project.write("sub/m.json", '{"a": 0.2}')
    assert len(own.values(str(project.root), 1000)) == 2
