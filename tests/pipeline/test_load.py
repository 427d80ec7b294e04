"""The pipeline as a value: from the workspace and from Git revisions; what is recorded, and files of values."""

from __future__ import annotations

import pytest
from tests.pipeline.project import Project

from siglum.core.errors import FileFormatError, NotFoundError
from siglum.core.hashes import DataHash
from siglum.pipeline.graph.load import load_pipeline
from siglum.pipeline.inventory.outputs import recorded_outputs
from siglum.pipeline.results.metrics import read_metrics
from siglum.pipeline.results.params import read_params, stage_params
from siglum.pipeline.status.status import pipeline_status, shown_address, shown_path

PIPELINE = """
    metrics: [extra.json]
    params: [more.yaml]
    stages:
      prepare: {cmd: cp data.csv clean.csv, deps: [data.csv], outs: [clean.csv]}
      train:
        cmd: cp clean.csv model; echo '{"acc":${lr}}' > m.json; echo '{"big":1}' > big.json
        deps: [clean.csv]
        params: [lr]
        outs: [model]
        metrics: [{m.json: {cache: false}}, big.json]
"""


@pytest.fixture
def versions(project: Project) -> Project:
    """Two commits, tagged v1 and v2, and a workspace after v2."""
    project.write("dvc.yaml", PIPELINE)
    project.write("data.csv", "1\n")
    project.write("extra.json", '{"x": 1}')
    project.write("more.yaml", "k: 1\n")
    for number in (1, 2):
        project.write("params.yaml", f"lr: {number}\n")
        project.repro()
        project.git("add", "-A")
        project.git("commit", "-qm", f"v{number}")
        project.git("tag", f"v{number}")
    return project


def test_stages_graph_and_locks(versions: Project) -> None:
    versions.write("in.dvc", "outs:\n- md5: 5ca0e76bf8844d10946df38e424ab166\n  hash: md5\n  path: in\n  size: 3\n")
    versions.write("a/dvc.yaml", "stages: {s: {cmd: x, deps: [../in/part, ../model], outs: [o]}}")
    pipeline = load_pipeline(versions.open())
    assert set(pipeline.stages) == {"in.dvc", "prepare", "train", "a/dvc.yaml:s"}
    assert set(pipeline.graph.upstream["a/dvc.yaml:s"]) == {"in.dvc", "train"}
    assert set(pipeline.graph.closure(["a/dvc.yaml:s"])) == set(pipeline.stages)
    assert set(pipeline.locks) == {"prepare", "train"}
    data = pipeline.stage("in.dvc")
    assert data.is_data
    assert data.outs[0].recorded == DataHash("5ca0e76bf8844d10946df38e424ab166")
    with pytest.raises(NotFoundError, match=r"There is no stage 'trian'\. Did you mean 'train'"):
        pipeline.stage("trian")


def test_a_revision_is_read_as_the_workspace_is(versions: Project) -> None:
    repo = versions.open()
    at_v1 = load_pipeline(repo, "v1")
    assert stage_params(at_v1, "train") == {"params.yaml": {"lr": 1}}
    assert at_v1.stages["train"].command != load_pipeline(repo).stages["train"].command
    assert load_pipeline(repo, "v2") == load_pipeline(repo)
    with pytest.raises(NotFoundError, match="v9"):
        load_pipeline(repo, "v9")


def test_files_that_git_ignores_are_no_part_of_the_pipeline(versions: Project) -> None:
    versions.write("skip/dvc.yaml", "stages: {s: {cmd: x}}")
    versions.write("hidden/dvc.yaml", "stages: {s: {cmd: x}}")
    versions.write(".gitignore", versions.read(".gitignore") + "/skip\n")
    versions.write(".dvcignore", "hidden\n")
    assert set(load_pipeline(versions.open()).stages) == {"prepare", "train"}


def test_recorded_outputs(versions: Project) -> None:
    repo = versions.open()
    now = {out.path: out for out in recorded_outputs(repo)}
    assert set(now) == {"clean.csv", "model", "m.json", "big.json"}
    assert now["model"].hash == now["clean.csv"].hash
    assert (now["model"].stage, now["model"].cached, now["model"].size) == ("train", True, 2)
    assert not now["m.json"].cached
    before = {out.path: out.hash for out in recorded_outputs(repo, "v1")}
    assert before["model"] == now["model"].hash
    assert before["m.json"] != now["m.json"].hash


def test_metrics(versions: Project) -> None:
    repo = versions.open()
    assert read_metrics(repo) == {"m.json": {"acc": 2}, "big.json": {"big": 1}, "extra.json": {"x": 1}}
    assert read_metrics(repo, "v1") == {"m.json": {"acc": 1}, "big.json": {"big": 1}, "extra.json": {"x": 1}}
    (versions.root / "m.json").unlink()
    versions.write("extra.json", "not json")
    assert read_metrics(repo) == {"m.json": {"acc": 2}, "big.json": {"big": 1}}


def test_params(versions: Project) -> None:
    repo = versions.open()
    assert read_params(repo) == {"params.yaml": {"lr": 2}, "more.yaml": {"k": 1}}
    assert read_params(repo, "v1") == {"params.yaml": {"lr": 1}, "more.yaml": {"k": 1}}


def test_status(versions: Project) -> None:
    repo = versions.open()
    assert pipeline_status(repo) == {}
    versions.write("params.yaml", "lr: 3\n")
    versions.write("data.csv", "2\n")
    (versions.root / "m.json").unlink()
    assert pipeline_status(versions.open()) == {
        "prepare": [{"changed deps": {"data.csv": "modified"}}],
        "train": [
            {"changed deps": {"params.yaml": {"lr": "modified"}}},
            {"changed outs": {"m.json": "deleted"}},
            "changed command",
        ],
    }
    assert list(pipeline_status(versions.open(), ["prepare"])) == ["prepare"]


def test_status_as_seen_from_a_folder(versions: Project) -> None:
    versions.write("a/dvc.yaml", "stages: {s: {cmd: x, deps: [../data.csv], outs: [o]}}")
    assert pipeline_status(versions.open(), folder="a") == {
        "s": [{"changed deps": {"../data.csv": "modified"}}, {"changed outs": {"o": "deleted"}}]
    }


def test_names_as_seen_from_a_folder(versions: Project) -> None:
    pipeline = load_pipeline(versions.open())
    assert shown_address(pipeline.stages["train"], "a/b") == "../../dvc.yaml:train"
    assert shown_path("a/x", "/r", "a") == "x"
    assert shown_path("../x", "/r", "a") == "/x"
    assert shown_path("s3://b/k", "/r", "a") == "s3://b/k"


@pytest.mark.parametrize(
    ("path", "text", "said"),
    [
        ("dvc.yaml", "stages: {a: {}}", r"^dvc\.yaml:1:10: stages\.a: the stage has no 'cmd'"),
        ("dvc.lock", "schema: '3.0'\n", r"^dvc\.lock:1:1: schema: unknown schema"),
        ("params.yaml", "a: [", r"^params\.yaml:\d+:\d+: "),
        ("bad.dvc", "outs: 1\n", r"^bad\.dvc:1:1: outs: "),
    ],
)
def test_damaged_files_are_named_with_their_place(versions: Project, path: str, text: str, said: str) -> None:
    versions.write(path, text)
    with pytest.raises(FileFormatError, match=said):
        load_pipeline(versions.open())
