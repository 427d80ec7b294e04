"""Copies of other people's repositories: kept up to date, safe for several at once, and silent about passwords."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.workspace.data_project import DataProject

from siglum.core.errors import UnavailableError
from siglum.workspace.clones import clone_of, clones_dir, is_git_url, resolve_in_clone
from siglum.workspace.snapshots import repository_at


@pytest.fixture
def source(tmp_path: Path) -> DataProject:
    made = DataProject(tmp_path / "source")
    made.write(
        {"f": "1", "below/.dvc/config": "[core]\n    remote = deep\n", ".dvc/config": "[core]\n    remote = top\n"}
    )
    made.commit()
    return made


def test_a_copy_follows_its_source(source: DataProject) -> None:
    url = source.root.as_uri()
    first = source.git("rev-parse", "HEAD").strip()
    git = clone_of(url)
    assert resolve_in_clone(git, None) == resolve_in_clone(git, "main") == first
    source.git("tag", "v1")
    source.git("checkout", "-q", "-b", "other")
    source.write({"f": "2"})
    second = source.commit()
    again = clone_of(url)
    assert again.root == git.root
    assert [resolve_in_clone(again, rev) for rev in (None, "main", "v1", "other", second[:8])] == [
        second, first, first, second, second,
    ]  # fmt: skip
    source.git("checkout", "-q", "main")
    source.git("branch", "-q", "-D", "other")
    clone_of(url)
    assert resolve_in_clone(again, "other") is None
    assert resolve_in_clone(again, second) == second


def test_a_commit_that_is_here_needs_no_source(source: DataProject, tmp_path: Path) -> None:
    url = source.root.as_uri()
    commit = source.git("rev-parse", "HEAD").strip()
    clone_of(url)
    source.root.rename(tmp_path / "moved")
    assert clone_of(url, commit).read_file(commit, "f") == b"1"
    with pytest.raises(UnavailableError, match="Cannot get the repository file://"):
        clone_of(url, "main")


def test_a_commit_that_no_branch_leads_to(source: DataProject) -> None:
    source.git("config", "uploadpack.allowAnySHA1InWant", "true")
    source.write({"f": "lost"})
    lost = source.commit()
    source.git("reset", "-q", "--hard", "HEAD~1")
    git = clone_of(source.root.as_uri(), lost)
    assert git.read_file(lost, "f") == b"lost"


def test_a_repository_without_a_commit(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path / "empty")], check=True)
    assert resolve_in_clone(clone_of((tmp_path / "empty").as_uri()), None) is None


def test_settings_are_those_of_the_commit(source: DataProject) -> None:
    git = clone_of(source.root.as_uri())
    first = resolve_in_clone(git, None)
    assert first is not None
    source.write({".dvc/config": "[core]\n    remote = later\n"})
    source.commit()
    later = resolve_in_clone(clone_of(source.root.as_uri()), None)
    assert later is not None
    assert repository_at(git, first).config.get("core.remote") == "top"
    assert repository_at(git, first, "below/").config.get("core.remote") == "deep"
    assert repository_at(git, later).config.get("core.remote") == "later"


def test_several_processes_at_once(source: DataProject) -> None:
    code = (
        "import sys; from siglum.workspace.clones import clone_of, resolve_in_clone;"
        "print(resolve_in_clone(clone_of(sys.argv[1]), None))"
    )
    url = source.root.as_uri()
    started = [
        subprocess.Popen([sys.executable, "-c", code, url], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    ended = [process.communicate() for process in started]
    commit = source.git("rev-parse", "HEAD")
    assert ended == [(commit, "")] * 4
    assert sorted(name.rpartition(".")[2] for name in os.listdir(clones_dir()) if "." in name) == ["lock"]


@pytest.mark.parametrize("url", ["http://me:s3cret@127.0.0.1:1/none.git", "https://s3cret@127.0.0.1:1/none.git"])
def test_no_message_shows_a_password(url: str) -> None:
    with pytest.raises(UnavailableError) as raised:
        clone_of(url)
    assert "s3cret" not in str(raised.value)
    assert "127.0.0.1" in str(raised.value)
    assert "\n" not in str(raised.value)
    for folder, _, names in os.walk(clones_dir()):
        for name in names:
            assert b"s3cret" not in (Path(folder) / name).read_bytes()


def test_what_is_a_url(tmp_path: Path) -> None:
    for address in ("https://h/r", "ssh://h/r", "git@host:me/r", "host:r", "file:///r"):
        assert is_git_url(address)
    for address in ("../r", "/r", "r", str(tmp_path)):
        assert not is_git_url(address)
