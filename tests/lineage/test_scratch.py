"""The throw-away checkout: what it holds, and that nothing of it stays."""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path

import pytest

from siglum.core.errors import ConflictError, IntegrityError, NotFoundError, SiglumError
from siglum.lineage.scratch import apply_patch, scratch_checkout
from siglum.workspace.git import Git


def git(root: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=root, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    (root / "sub").mkdir(parents=True)
    git(root, "init", "-q")
    (root / "train.py").write_text("one\n")
    (root / "sub" / "file").write_text("x\n")
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "first")
    return root


def state(root: Path) -> tuple[str, str, str, bytes]:
    return (
        git(root, "status", "--porcelain"),
        git(root, "worktree", "list"),
        git(root, "for-each-ref"),
        (root / ".git" / "index").read_bytes(),
    )


def test_a_checkout_and_what_stays_of_it(repository: Path, tmp_path: Path) -> None:
    first = git(repository, "rev-parse", "HEAD")
    (repository / "train.py").write_text("two\n")
    git(repository, "commit", "-q", "-a", "-m", "second")
    (repository / "train.py").write_text("three\n")
    before = state(repository)
    with scratch_checkout(Git(str(repository)), "sub", first, str(tmp_path)) as scratch:
        assert Path(scratch.tree, "train.py").read_text() == "one\n"
        assert Path(scratch.root, "file").read_text() == "x\n"
        folder = Path(scratch.folder)
        assert folder.parent == tmp_path
    assert not folder.exists()
    assert state(repository) == before
    assert (repository / "train.py").read_text() == "three\n"


def leave_with(error: type[BaseException], repository: Path, parent: Path) -> None:
    with scratch_checkout(Git(str(repository)), "", "HEAD", str(parent)) as scratch:
        read_only = Path(scratch.root, "locked")
        read_only.mkdir()
        (read_only / "file").write_text("x")
        read_only.chmod(0o500)
        raise error


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_it_goes_away_after_errors_too(repository: Path, tmp_path: Path, error: type[BaseException]) -> None:
    before = state(repository)
    with pytest.raises(error):
        leave_with(error, repository, tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["project"]
    assert state(repository) == before


def test_keep(repository: Path, tmp_path: Path) -> None:
    with scratch_checkout(Git(str(repository)), "", "HEAD", str(tmp_path), keep=True) as scratch:
        pass
    assert Path(scratch.tree, "train.py").exists()
    assert scratch.tree in git(repository, "worktree", "list")


def test_hooks_of_the_project_do_not_run(repository: Path, tmp_path: Path) -> None:
    hook = repository / ".git" / "hooks" / "post-checkout"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    hook.chmod(0o755)
    with scratch_checkout(Git(str(repository)), "", "HEAD", str(tmp_path)):
        pass
    assert not (tmp_path / "ran").exists()
    git(repository, "checkout", "-q", "-b", "other")
    assert (tmp_path / "ran").exists()  # it would have run


def test_an_unknown_commit(repository: Path, tmp_path: Path) -> None:
    with (
        pytest.raises(SiglumError, match="cannot check out"),
        scratch_checkout(Git(str(repository)), "", "0" * 40, str(tmp_path)),
    ):
        pass
    assert sorted(p.name for p in tmp_path.iterdir()) == ["project"]


def test_the_recorded_change_is_applied(repository: Path, tmp_path: Path) -> None:
    (repository / "train.py").write_text("two\n")
    (repository / "new.bin").write_bytes(bytes(range(256)))
    own = Git(str(repository))
    patch = own.diff_with_untracked()
    digest = hashlib.sha256(patch).hexdigest()
    with scratch_checkout(own, "", "HEAD", str(tmp_path)) as scratch:
        apply_patch(scratch, patch, digest)
        assert Path(scratch.tree, "train.py").read_text() == "two\n"
        assert Path(scratch.tree, "new.bin").read_bytes() == bytes(range(256))
        assert hashlib.sha256(Git(scratch.tree).diff_with_untracked()).hexdigest() == digest


def test_a_change_that_was_tampered_with_is_refused(repository: Path, tmp_path: Path) -> None:
    (repository / "train.py").write_text("two\n")
    own = Git(str(repository))
    patch = own.diff_with_untracked()
    digest = hashlib.sha256(patch).hexdigest()
    with scratch_checkout(own, "", "HEAD", str(tmp_path)) as scratch:
        with pytest.raises(IntegrityError, match=digest):
            apply_patch(scratch, patch.replace(b"+two", b"+bad"), digest)
        with pytest.raises(NotFoundError, match="secrets in it, which were masked"):
            apply_patch(scratch, patch.replace(b"+two", b"+<masked>"), digest)
        assert Path(scratch.tree, "train.py").read_text() == "one\n"


def test_a_change_that_does_not_apply(repository: Path, tmp_path: Path) -> None:
    patch = b"diff --git a/gone b/gone\n--- a/gone\n+++ b/gone\n@@ -1 +1 @@\n-a\n+b\n"
    with scratch_checkout(Git(str(repository)), "", "HEAD", str(tmp_path)) as scratch, pytest.raises(ConflictError):
        apply_patch(scratch, patch, hashlib.sha256(patch).hexdigest())
    assert not os.path.exists(scratch.folder)
