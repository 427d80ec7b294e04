"""The states that are compared, read by one git."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.pipeline.project import Project

from siglum.core.errors import FileFormatError, NotFoundError
from siglum.pipeline.definition.expressions import FlagStyle
from siglum.pipeline.definition.files import Files
from siglum.pipeline.graph.load import Pipeline, load_pipeline, read_pipeline
from siglum.pipeline.results.history import WORKSPACE, History, StateName, state_named, states


@pytest.fixture(autouse=True)
def author(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AUTHOR", "COMMITTER"):
        monkeypatch.setitem(os.environ, f"GIT_{name}_NAME", "Test")
        monkeypatch.setitem(os.environ, f"GIT_{name}_EMAIL", "test@example.com")


def commit(project: Project) -> str:
    project.git("add", "-A")
    project.git("commit", "-q", "--allow-empty", "-m", "x")
    found = project.open().git
    assert found is not None
    head = found.head_commit()
    assert head is not None
    return head


def test_a_revision_has_the_files_that_it_had(project: Project) -> None:
    project.write("dvc.yaml", "stages: {a: {cmd: x}}\n")
    project.write("sub/dvc.yaml", "stages: {b: {cmd: x}}\n")
    project.write("hidden/dvc.yaml", "stages: {c: {cmd: x}}\n")
    project.write("other/.dvc/config", "")
    project.write("other/dvc.yaml", "stages: {d: {cmd: x}}\n")
    project.write(".dvcignore", "hidden\n*.log\n")
    project.write("sub/deep/m.json", '{"a": 1}')
    project.write("sub/x.log", "x")
    first = commit(project)
    project.write("sub/deep/m.json", '{"a": 2}')
    repo = project.open()
    with History(repo) as history:
        here, there = history.files(StateName("")), history.files(StateName("x", first))
        for files in (here, there):
            assert files.metafiles() == ["dvc.yaml", "sub/dvc.yaml"]
            assert files.below("sub") == ["sub/deep/m.json", "sub/dvc.yaml"]
            assert files.below("dvc.yaml") is None
            assert files.below("none") is None
            assert files.read("none/x") is None
            assert files.values("none.json") is None
            assert set(history.pipeline(files).stages) == {"a", "sub/dvc.yaml:b"}
        assert (here.values("sub/deep/m.json"), there.values("sub/deep/m.json")) == ({"a": 2}, {"a": 1})
        assert there.read("sub/deep/m.json") == b'{"a": 1}'


def test_a_pipeline_is_parsed_once_for_commits_that_agree(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    project.write("dvc.yaml", "stages: {a: {cmd: 'echo ${x}'}}\n")
    project.write("params.yaml", "x: 1\n")
    commits = [commit(project)]
    for i in range(3):
        project.write("other", str(i))
        commits.append(commit(project))
    project.write("params.yaml", "x: 2\n")
    commits.append(commit(project))
    repo = project.open()
    expected = [load_pipeline(repo, each).stages["a"].command for each in commits]
    parsed: list[Files] = []

    def counted(files: Files, style: FlagStyle) -> Pipeline:
        parsed.append(files)
        return read_pipeline(files, style)

    monkeypatch.setattr("siglum.pipeline.results.history.read_pipeline", counted)
    with History(repo) as history:
        found = [history.pipeline(history.files(StateName(each, each))).stages["a"].command for each in commits]
    assert found == expected == ["echo 1"] * 4 + ["echo 2"]
    assert len(parsed) == 2


def test_damage_in_a_revision_has_file_and_line(project: Project) -> None:
    project.write("m.json", '{\n "a": ]')
    first = commit(project)
    with History(project.open()) as history, pytest.raises(FileFormatError, match=r"m\.json:2:7: not JSON"):
        history.files(StateName("x", first)).values("m.json")


def test_names_of_states(project: Project, tmp_path: Path) -> None:
    first = commit(project)
    project.git("tag", "t1")
    second = commit(project)
    project.git("tag", "t2")
    project.git("branch", "a")
    repo = project.open()
    workspace = StateName(WORKSPACE)
    assert states(repo) == [StateName("")]
    assert states(repo, branches=True) == [workspace, StateName("a,main", second)]
    assert states(repo, tags=True) == [workspace, StateName("t1", first), StateName("t2", second)]
    assert states(repo, branches=True, tags=True) == [workspace, StateName("a,main,t2", second), StateName("t1", first)]
    assert states(repo, commits=True) == [workspace, StateName(second, second), StateName(first, first)]
    assert state_named(repo, "t1") == StateName("t1", first)
    assert state_named(repo, None) == workspace
    with pytest.raises(NotFoundError, match=r"'mian'.* Did you mean 'main'"):
        state_named(repo, "mian")
