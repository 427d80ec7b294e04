"""Which Git revisions hold a data hash, looked up in real repositories."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from siglum.lineage.history import History, read_pointer_outputs
from siglum.lineage.record import Revision
from siglum.workspace.git import Git

A, B, C = (letter * 32 for letter in "abc")


class Repository:
    """A Git repository in which pointers are written by hand."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.git("init", "-q")

    def git(self, *arguments: str) -> str:
        done = subprocess.run(["git", *arguments], cwd=self.root, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def commit(self, **files: str) -> str:
        """Write files (`data__x` is data/x), commit all and return the commit."""
        for name, text in files.items():
            path = self.root / name.replace("__", "/").replace("_DOT_", ".")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", "change")
        return self.git("rev-parse", "HEAD")

    def history(self, commit: str | None, below: str = "") -> History:
        return History(Git(str(self.root)), below, commit)


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path)


def pointer(oid: str, path: str = "raw.csv") -> str:
    return f"outs:\n- md5: {oid}\n  size: 12\n  hash: md5\n  path: {path}\n"


def lock(prepared: str, raw: str) -> str:
    return (
        "schema: '2.0'\nstages:\n  prepare:\n    cmd: python prepare.py\n    deps:\n"
        f"    - path: data/raw.csv\n      hash: md5\n      md5: {raw}\n      size: 12\n"
        f"    - path: prepare.py\n      hash: md5\n      md5: {C}\n      size: 3\n"
        f"    outs:\n    - path: data/prepared\n      hash: md5\n      md5: {prepared}.dir\n      size: 99\n"
    )


def test_the_commit_itself_comes_first_and_tags_are_named(repository: Repository) -> None:
    first = repository.commit(data__raw_DOT_csv_DOT_dvc=pointer(A))
    repository.git("tag", "v1.0")
    run = repository.commit(notes="more")
    (found,) = repository.history(run).locate([("data/raw.csv", f"md5:{A}")])
    assert found.pointer == "data/raw.csv.dvc"
    assert found.size == 12
    assert found.revisions == (Revision(run), Revision(first, ("v1.0",)))


def test_annotated_tags_name_their_commit(repository: Repository) -> None:
    first = repository.commit(data__raw_DOT_csv_DOT_dvc=pointer(A))
    repository.git("tag", "-a", "v1.0", "-m", "first")
    (found,) = repository.history(first).locate([("data/raw.csv", f"md5:{A}")])
    assert found.revisions == (Revision(first, ("v1.0",)),)


def test_a_tag_on_a_later_commit_holds_what_was_not_changed_since(repository: Repository) -> None:
    repository.commit(data__raw_DOT_csv_DOT_dvc=pointer(A))
    later = repository.commit(notes="more")
    repository.git("tag", "v1.0")
    repository.commit(data__raw_DOT_csv_DOT_dvc=pointer(B))
    (found,) = repository.history(None).locate([("data/raw.csv", f"md5:{A}")])
    assert Revision(later, ("v1.0",)) in found.revisions
    assert all(revision.commit != repository.git("rev-parse", "HEAD") for revision in found.revisions)


def test_what_no_commit_holds(repository: Repository) -> None:
    run = repository.commit(data__raw_DOT_csv_DOT_dvc=pointer(A))
    (found,) = repository.history(run).locate([("data/raw.csv", f"md5:{B}")])
    assert (found.pointer, found.revisions) == (None, ())


def test_the_same_hash_under_another_path_does_not_count(repository: Repository) -> None:
    run = repository.commit(data__other_DOT_csv_DOT_dvc=pointer(A, "other.csv"))
    (found,) = repository.history(run).locate([("data/raw.csv", f"md5:{A}")])
    assert found.revisions == ()


def test_a_commit_on_another_branch_counts(repository: Repository) -> None:
    run = repository.commit(notes="start")
    repository.git("checkout", "-q", "-b", "side")
    side = repository.commit(data__raw_DOT_csv_DOT_dvc=pointer(A))
    repository.git("checkout", "-q", "main")
    (found,) = repository.history(run).locate([("data/raw.csv", f"md5:{A}")])
    assert found.revisions == (Revision(side),)


def test_what_a_stage_made_is_followed_to_its_source(repository: Repository) -> None:
    run = repository.commit(data__raw_DOT_csv_DOT_dvc=pointer(A), prepare_DOT_py="x")
    locked = repository.commit(dvc_DOT_lock=lock(B, A))
    prepared, raw = repository.history(run).locate([("data/prepared", f"md5:{B}.dir")])
    assert (prepared.pointer, prepared.revisions, prepared.via) == ("dvc.lock", (Revision(locked),), None)
    assert (raw.path, raw.hash, raw.via) == ("data/raw.csv", f"md5:{A}", "data/prepared")
    assert raw.revisions[0] == Revision(run)


def test_a_project_below_the_repository(repository: Repository) -> None:
    run = repository.commit(sub__data__raw_DOT_csv_DOT_dvc=pointer(A))
    (found,) = repository.history(run, "sub").locate([("data/raw.csv", f"md5:{A}")])
    assert found.revisions == (Revision(run),)


def test_a_file_in_a_folder_is_found_through_the_manifest(repository: Repository) -> None:
    run = repository.commit(data__folder_DOT_dvc=pointer(B + ".dir", "folder"))
    history = History(Git(str(repository.root)), "", run, lambda oid: {"x/a.csv": A} if oid == B + ".dir" else None)
    (found,) = history.locate([("data/folder/x/a.csv", f"md5:{A}")])
    assert (found.pointer, found.revisions) == ("data/folder.dvc", (Revision(run),))


def test_a_damaged_pointer_in_the_past_is_passed_over(repository: Repository) -> None:
    repository.commit(data__raw_DOT_csv_DOT_dvc=f"outs: [\n {A}")
    run = repository.commit(data__raw_DOT_csv_DOT_dvc=pointer(A))
    (found,) = repository.history(run).locate([("data/raw.csv", f"md5:{A}")])
    assert found.revisions == (Revision(run),)


def test_an_unknown_commit_is_no_obstacle(repository: Repository) -> None:
    here = repository.commit(data__raw_DOT_csv_DOT_dvc=pointer(A))
    (found,) = repository.history("0" * 40).locate([("data/raw.csv", f"md5:{A}")])
    assert found.revisions == (Revision(here),)


def test_addresses_are_not_looked_up(repository: Repository) -> None:
    run = repository.commit(notes="x")
    (found,) = repository.history(run).locate([("https://example.com/x.csv", "sha256:abc")])
    assert found.revisions == ()


def test_a_repository_without_commits(repository: Repository) -> None:
    (found,) = repository.history(None).locate([("data/raw.csv", f"md5:{A}")])
    assert found.revisions == ()


@pytest.mark.parametrize("text", ["", "- a\n- b\n", "outs: 5\n", "stages: 7\n", "outs:\n- path: 3\n- 4\n", "a: [\n"])
def test_odd_pointers_name_nothing(text: str) -> None:
    assert read_pointer_outputs(text.encode(), "x.dvc") == ()
    assert read_pointer_outputs(text.encode(), "dvc.lock") == ()


def test_a_working_folder_shifts_paths() -> None:
    (found,) = read_pointer_outputs(f"wdir: ..\nouts:\n- md5: {A}\n  path: x\n".encode(), "a/b/x.dvc")
    assert found.path == "a/x"
