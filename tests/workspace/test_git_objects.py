"""Git's objects from one process."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from tests.workspace.data_project import DataProject

from siglum.core.errors import NotFoundError
from siglum.workspace.git import Git
from siglum.workspace.git_objects import ObjectReader


def test_trees_and_blobs_of_commits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = DataProject(tmp_path / "project")
    project.write({"a": "1", "d/sub/ünï\nline": b"\0\xff", "d/empty": ""})
    (project.root / "link").symlink_to("a")
    first = project.commit()
    project.write({"a": "2"})
    second = project.commit()
    git = Git(str(project.root))
    started: list[tuple[str, ...]] = []
    start = git.start

    def counted(*words: str) -> subprocess.Popen[bytes]:
        started.append(words)
        return start(*words)

    monkeypatch.setattr(git, "start", counted)
    with ObjectReader(git) as reader:
        old, new = reader.tree_of(first), reader.tree_of(second)
        item = reader.find(old, "d/sub/ünï\nline")
        assert item is not None
        assert item.is_file
        assert reader.blob(item.oid) == b"\0\xff"
        empty = reader.find(new, "d/empty")
        assert empty is not None
        assert reader.blob(empty.oid) == b""
        contents = [reader.find(tree, "a") for tree in (old, new)]
        assert [reader.blob(each.oid) for each in contents if each is not None] == [b"1", b"2"]
        assert reader.find(old, "d") == reader.find(new, "d")
        assert reader.find(old, "a/b") is None
        assert reader.find(old, "none") is None
        link = reader.find(old, "link")
        assert link is not None
        assert (link.is_file, link.is_folder) == (False, False)
        with pytest.raises(NotFoundError, match="no object"):
            reader.blob("0" * 40)
        assert reader.blob(empty.oid) == b"", "the process goes on after an object that is not there"
    assert started == [("cat-file", "--batch")]


def test_tips_are_commits(tmp_path: Path) -> None:
    project = DataProject(tmp_path / "project")
    project.write({"a": "1"})
    commit = project.commit()
    project.git("tag", "light")
    project.git("tag", "-m", "words", "heavy")
    project.git("tag", "blob", f"{commit}:a")
    project.git("branch", "light")
    project.git("branch", "team/x")
    git = Git(str(project.root))
    assert git.tips("refs/tags/") == [("heavy", commit), ("light", commit)]
    assert [name for name, _ in git.tips("refs/heads/")][0:1] == ["light"]
    assert ("team/x", commit) in git.tips("refs/heads/")
