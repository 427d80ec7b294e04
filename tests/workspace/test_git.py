"""Git through its command: odd names, every kind of working tree, and patches that are exact and deterministic."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Mapping
from pathlib import Path

import pytest

from siglum.core.errors import NotFoundError, SiglumError, UnavailableError
from siglum.workspace.git import Git

ODD = ["sp ace", "new\nline", "ünï", "-dash", ":(top)x", "*", '"', "\\", "tab\t", "a/b c"]


def git(root: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def write(root: Path, files: Mapping[str, str | bytes]) -> None:
    for name, data in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data.encode() if isinstance(data, str) else data)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    made = tmp_path / "work"
    made.mkdir()
    git(made, "init", "-q")
    return made


def commit(root: Path, message: str = "message") -> str:
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", message)
    return git(root, "rev-parse", "HEAD")


def test_before_the_first_commit(root: Path) -> None:
    found = Git.find(str(root / "not" / "yet"))
    assert found is not None
    assert found.root == str(root)
    assert found.head_commit() is None
    assert found.checked_out().branch == "main"
    assert found.remote_url() is None
    assert not found.checked_out().is_dirty()
    assert found.log_of("f") == found.commits() == found.branches() == found.tags() == []
    assert found.diff_with_untracked() == b""
    with pytest.raises(NotFoundError):
        found.tree("HEAD")
    write(root, {"f": "1\n"})
    assert found.checked_out().is_dirty()
    assert b"+1" in found.diff_with_untracked()


def test_each_kind_of_change_is_one_of_what_is_checked_out(root: Path) -> None:
    write(root, {"same": "1", "changed": "1", "gone": "1", "in conflict": "1", "d/staged": "1"})
    commit(root, "one")
    git(root, "checkout", "-q", "-b", "other")
    write(root, {"in conflict": "2"})
    commit(root, "two")
    git(root, "checkout", "-q", "main")
    write(root, {"in conflict": "3"})
    third = commit(root, "three")
    subprocess.run(["git", "-C", str(root), "merge", "-q", "other"], capture_output=True, check=False)
    write(root, {"changed": "2", "d/staged": "2", "new \n name": "1"})
    git(root, "add", "d/staged")
    (root / "gone").unlink()
    here = Git(str(root)).checked_out()
    assert (here.commit, here.branch) == (third, "main")
    assert sorted(here.changed) == ["changed", "d/staged", "gone", "in conflict", "new \n name"]
    assert here.is_dirty(["changed", "d", "gone"])
    assert not here.is_dirty(["changed", "d/", "gone", "in conflict", "new \n name"])


def test_no_repository(tmp_path: Path) -> None:
    assert Git.find(str(tmp_path)) is None
    with pytest.raises(SiglumError, match="git ls-files failed"):
        Git(str(tmp_path)).tracked(["f"])


def test_without_git_installed(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(root))
    with pytest.raises(UnavailableError, match="'git' was not found"):
        Git(str(root)).head_commit()


def test_names_of_every_kind(root: Path) -> None:
    write(root, dict.fromkeys(ODD, "x") | {"plain": "x", ".gitignore": "ignored\n/d/\n", "ignored": "i", "d/f": "d"})
    here = Git(str(root))
    assert set(here.untracked()) == {*ODD, "plain", ".gitignore"}
    here.add(ODD)
    assert here.tracked([*ODD, "plain", "a", "none"]) == {*ODD, "a"}
    assert here.tracked(["a/"]) == {"a/"}
    assert here.ignored([*ODD, "ignored", "d/", "sub/ignored"]) == {"ignored", "d/", "sub/ignored"}
    first = commit(root)
    assert {entry.path for entry in here.tree("HEAD")} == {*ODD, "plain", ".gitignore"}
    contents = here.blobs(entry.oid for entry in here.tree(first))
    assert {contents[entry.oid] for entry in here.tree(first) if entry.path in ODD} == {b"x"}
    for name in ODD:
        assert here.read_file("HEAD", name) == b"x"
        assert here.log_of(name) == [first]
    assert here.read_file("HEAD", "none") is None
    assert here.read_file("none", "plain") is None
    assert here.read_file("HEAD", "a") is None


def test_many_paths_at_once(root: Path) -> None:
    names = [f"{'n' * 100}-{i}" for i in range(5000)]
    write(root, dict.fromkeys(names, ""))
    here = Git(str(root))
    here.add(names)
    assert here.tracked([*names, "other"]) == set(names)


def test_revisions(root: Path) -> None:
    here = Git(str(root))
    write(root, {"f": "1"})
    first = commit(root, "first")
    git(root, "tag", "v1.0")
    git(root, "tag", "-a", "annotated", "-m", "with a message")
    write(root, {"f": "2", "g": "2"})
    second = commit(root, "second")
    git(root, "branch", "side", first)
    assert here.resolve("v1.0") == here.resolve("annotated") == here.resolve("HEAD~1") == here.resolve("side") == first
    for wrong in ("none", "--all", "-h", "HEAD:f", "", "HEAD^{tree}"):
        assert here.resolve(wrong) is None
    assert here.tags_at(first) == ["annotated", "v1.0"]
    assert here.tags_at(second) == []
    assert here.log_of("f") == [second, first]
    assert here.log_of("g") == [second]
    assert here.branches() == ["main", "side"]
    assert here.tags() == ["annotated", "v1.0"]
    assert here.commits() == [second, first]
    git(root, "checkout", "-q", "--detach", "v1.0")
    assert here.branch() is None
    assert here.head_commit() == first


def test_the_remote_without_its_password(root: Path) -> None:
    here = Git(str(root))
    git(root, "remote", "add", "zzz", "https://host/other.git")
    assert here.remote_url() == "https://host/other.git"
    for written, shown in (
        ("https://me:secret@host:8/r.git", "https://host:8/r.git"),
        ("https://token@host/r.git", "https://host/r.git"),
        ("ssh://git:secret@host/r.git", "ssh://host/r.git"),
        ("git@host:me/r.git", "git@host:me/r.git"),
        ("../else where", "../else where"),
    ):
        git(root, "config", "remote.origin.url", written)
        assert here.remote_url() == shown
        assert "secret" not in str(here.remote_url())


def test_worktrees_and_submodules(root: Path, tmp_path: Path) -> None:
    write(root, {"f": "1", ".gitignore": "ignored\n"})
    first = commit(root)
    here = Git(str(root))
    here.worktree_add(str(tmp_path / "scratch"), first)
    scratch = Git.find(str(tmp_path / "scratch"))
    assert scratch is not None
    assert (scratch.head_commit(), scratch.branch()) == (first, None)
    write(tmp_path / "scratch", {"f": "2", "new": "n", "ignored": "i"})
    assert scratch.diff_with_untracked().count(b"diff --git") == 2
    assert here.diff_with_untracked() == b""
    here.worktree_remove(str(tmp_path / "scratch"))
    assert not (tmp_path / "scratch").exists()

    outer = tmp_path / "outer"
    outer.mkdir()
    git(outer, "init", "-q")
    git(outer, "-c", "protocol.file.allow=always", "submodule", "add", "-q", str(root), "inner")
    commit(outer)
    inner = Git.find(str(outer / "inner"))
    assert inner is not None
    assert inner.root == str(outer / "inner")
    assert inner.head_commit() == first
    write(outer / "inner", {"f": "3"})
    assert b"+3" in inner.diff_with_untracked()


def changed(root: Path) -> None:
    write(
        root,
        {
            "kept": "same\n" * 99, "text": "one\ntwo\nthree\n", "gone": "gone\n", "binary": bytes(range(256)) * 20,
            "crlf.txt": "a\r\nb\r\n", "sub/moved": "moved\n" * 20, ".gitignore": "ignored\n", "run.sh": "#!/bin/sh\n",
            "as file": "f\n", "as folder/f": "f\n", "no newline": "end", "out/metrics.json": "{}\n", "dvc.lock": "1\n",
        },
    )  # fmt: skip
    (root / "link").symlink_to("text")
    commit(root)
    write(
        root,
        {
            "text": "one\n2\nthree\n", "binary": bytes(range(255)) * 20, "crlf.txt": "a\r\nc\r\n",
            "no newline": "end 2", "ignored": "i", "sub/ignored": "i", "out/metrics.json": '{"a":1}\n',
            "dvc.lock": "new\n", "out/new": "n",
        },
    )  # fmt: skip
    write(root, dict.fromkeys(ODD, "odd\n"))
    (root / "gone").unlink()
    (root / "sub/moved").rename(root / "sub/there")
    (root / "run.sh").chmod(0o755)
    (root / "link").unlink()
    (root / "link").symlink_to("kept")
    (root / "as file").unlink()
    write(root, {"as file/f": "now below\n", "staged": "staged\n", "empty": ""})
    (root / "as folder/f").unlink()
    (root / "as folder").rmdir()
    write(root, {"as folder": "now a file\n"})
    git(root, "add", "staged", "text")
    write(root, {"staged": "and changed again\n"})


def files_of(root: Path) -> dict[str, tuple[bytes, bool]]:
    found = {}
    for path in sorted(root.rglob("*")):
        name = str(path.relative_to(root))
        if name.split("/")[0] == ".git" or (path.is_dir() and not path.is_symlink()) or path.name == "ignored":
            continue
        data = os.readlink(path).encode() if path.is_symlink() else path.read_bytes()
        found[name] = (data, bool(path.lstat().st_mode & 0o100))
    return found


def test_the_patch_brings_a_clone_to_the_same_state(root: Path, tmp_path: Path) -> None:
    changed(root)
    here = Git(str(root))
    index, objects = (root / ".git/index").read_bytes(), sorted((root / ".git/objects").rglob("*"))
    patch = here.diff_with_untracked()
    assert (root / ".git/index").read_bytes() == index
    assert sorted((root / ".git/objects").rglob("*")) == objects

    other = tmp_path / "clone"
    git(tmp_path, "clone", "-q", str(root), str(other))
    (tmp_path / "patch").write_bytes(patch)
    git(other, "apply", "--whitespace=nowarn", str(tmp_path / "patch"))
    assert files_of(other) == files_of(root)
    assert Git(str(other)).diff_with_untracked() == patch


def test_the_patch_does_not_depend_on_settings_or_on_what_is_staged(
    root: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    changed(root)
    here = Git(str(root))
    patch = here.diff_with_untracked()
    for name, value in {
        "diff.noprefix": "true", "diff.mnemonicPrefix": "true", "diff.algorithm": "histogram", "diff.context": "7",
        "diff.renames": "copies", "diff.external": "false", "diff.interHunkContext": "9",
        "diff.wsErrorHighlight": "all", "core.quotePath": "false", "core.abbrev": "5", "color.ui": "always",
        "diff.indentHeuristic": "false", "diff.submodule": "log", "core.safecrlf": "true",
        "diff.suppressBlankEmpty": "1", "core.pager": "x", "core.compression": "1",
        "diff.ignoreSubmodules": "all", "status.showUntrackedFiles": "no", "status.relativePaths": "false",
    }.items():  # fmt: skip
        git(root, "config", name, value)
    monkeypatch.setenv("GIT_EXTERNAL_DIFF", "false")
    monkeypatch.setenv("GIT_DIFF_OPTS", "-u9")
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "none"))
    assert here.diff_with_untracked() == patch
    assert here.checked_out().is_dirty()
    monkeypatch.delenv("GIT_DIR")
    monkeypatch.delenv("GIT_INDEX_FILE")
    git(root, "add", "-A")
    assert here.diff_with_untracked() == patch
    git(root, "reset", "-q")
    assert here.diff_with_untracked() == patch
    os.utime(root / "kept", (1, 1))
    assert here.diff_with_untracked() == patch


def test_a_change_within_one_tick_of_the_clock(root: Path) -> None:
    """A file that was changed right after it was staged, to as many bytes, looks unchanged but for the index's time."""
    git(root, "config", "core.checkStat", "minimal")
    git(root, "config", "core.trustctime", "false")
    write(root, {"f": "1\n"})
    commit(root)
    seconds = (root / "f").stat().st_mtime_ns // 10**9 - 100
    for text in ("1\n", "2\n"):
        write(root, {"f": text})
        os.utime(root / "f", (seconds, seconds))
        if text == "1\n":
            git(root, "update-index", "--refresh")
            os.utime(root / ".git/index", (seconds, seconds))
    assert b"+2" in Git(str(root)).diff_with_untracked()


def test_what_is_left_out_of_the_patch(root: Path) -> None:
    changed(root)
    here = Git(str(root))
    everything = here.diff_with_untracked()
    some = here.diff_with_untracked(exclude=["dvc.lock", "out/", "none", *ODD])
    assert b"dvc.lock" in everything
    for name in (b"dvc.lock", b"out/", b"sp ace", b"+odd"):
        assert name not in some
    assert b"staged" in some
    only_results = Git(str(root))
    git(root, "add", "-A")
    git(root, "reset", "-q", "--hard")
    write(root, {"dvc.lock": "newer\n", "out/new": "n", "out/metrics.json": "[]"})
    git(root, "clean", "-fdq", "-e", "out", "-e", "dvc.lock")
    assert only_results.diff_with_untracked(exclude=["dvc.lock", "out"]) == b""
    assert not only_results.checked_out().is_dirty(exclude=["dvc.lock", "out"])
    assert only_results.checked_out().is_dirty(exclude=["dvc.lock"])


def test_a_repository_inside_is_not_ours(root: Path) -> None:
    write(root, {"f": "1", "inside/f": "theirs", "empty/f": "theirs"})
    git(root / "inside", "init", "-q")
    commit(root / "inside")
    git(root / "empty", "init", "-q")
    patch = Git(str(root)).diff_with_untracked()
    assert patch.count(b"diff --git") == 1
    assert b"theirs" not in patch


def test_an_unfinished_merge(root: Path) -> None:
    write(root, {"f": "base\n"})
    commit(root)
    git(root, "checkout", "-q", "-b", "side")
    write(root, {"f": "side\n"})
    commit(root)
    git(root, "checkout", "-q", "main")
    write(root, {"f": "main\n"})
    commit(root)
    with pytest.raises(subprocess.CalledProcessError):
        git(root, "merge", "side")
    here = Git(str(root))
    assert here.checked_out().is_dirty()
    assert b"+<<<<<<< HEAD" in here.diff_with_untracked()
    assert "UU f" in git(root, "status", "--porcelain")


def test_a_path_with_a_colon(tmp_path: Path) -> None:
    root = tmp_path / 'co:l"on'
    root.mkdir()
    git(root, "init", "-q")
    write(root, {"f": "1\n"})
    commit(root)
    write(root, {"f": "2\n", "g": "3\n"})
    assert Git(str(root)).diff_with_untracked().count(b"diff --git") == 2


def test_many_at_once(root: Path) -> None:
    """Several processes capture at once, and none waits for another's lock or fails."""
    changed(root)
    patches: list[bytes] = []
    threads = [threading.Thread(target=lambda: patches.append(Git(str(root)).diff_with_untracked())) for _ in range(6)]
    (root / ".git/index.lock").write_text("")  # somebody else is at work, too
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(patches)) == 1
    assert len(patches) == 6
