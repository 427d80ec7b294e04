"""What a repository uses, by the revisions that are asked for; and that unchanged commits are not parsed again."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest
from tests.workspace.data_project import DataProject

from siglum.core.errors import FileFormatError, InvalidInputError, NotFoundError
from siglum.pipeline.data.used import Scope, parse_day, used_data
from siglum.pipeline.definition.files import Files
from siglum.pipeline.inventory import revisions
from siglum.pipeline.inventory.inventory import InventoryItem, items_of
from siglum.workspace.add import add
from siglum.workspace.repository import Repository


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DataProject:
    """Four contents of `f`: committed and tagged, committed on a branch's past, its tip, and in the workspace."""
    made = DataProject(tmp_path / "project")
    monkeypatch.chdir(made.root)
    for number, name in enumerate(["tagged", "past", "tip", "workspace"]):
        made.write({"f": name})
        add(made.open(), ["f"])
        if name != "workspace":
            monkeypatch.setenv("GIT_COMMITTER_DATE", f"2026-03-0{number + 1}T12:00:00")
            made.commit(name)
        if name == "tagged":
            made.git("tag", "v1")
    return made


def contents(project: DataProject, scope: Scope) -> set[str]:
    repo = project.open()
    found = used_data(repo, scope).data
    return {Path(repo.cache.path_of(data.oid)).read_text() for data in found}


SCOPES: list[tuple[Scope, set[str]]] = [
    (Scope(workspace=True), set()),
    (Scope(all_branches=True), {"tip"}),
    (Scope(all_branches=True, number=2), {"tip", "past"}),
    (Scope(all_tags=True), {"tagged"}),
    (Scope(all_commits=True), {"tip", "past", "tagged"}),
    (Scope(revision="HEAD"), {"tip"}),
    (Scope(revision="HEAD~1"), {"past"}),
    (Scope(revision="HEAD", number=2), {"tip", "past"}),
    (Scope(revision="HEAD", number=-1), {"tip", "past", "tagged"}),
    (Scope(revision="HEAD", number=0), {"tip"}),
    (Scope(since=datetime.date(2026, 3, 2)), {"tip", "past"}),
    (Scope(since=datetime.date(2026, 3, 4)), set()),
    (Scope(all_experiments=True), set()),
]


def test_each_scope(project: DataProject) -> None:
    for scope, more in SCOPES:
        assert contents(project, scope) == {"workspace"} | more, scope


def test_experiments(project: DataProject) -> None:
    project.git("update-ref", "refs/exps/ab/cd/fine-owl", "HEAD~1")
    assert contents(project, Scope(all_experiments=True)) == {"workspace", "past"}


def test_outputs_that_are_not_pushed_count_and_those_of_git_do_not(project: DataProject) -> None:
    pointer = project.root / "f.dvc"
    pointer.write_text(pointer.read_text() + "  push: false\n")
    assert contents(project, Scope(workspace=True)) == {"workspace"}
    pointer.write_text(pointer.read_text() + "  cache: false\n")
    assert contents(project, Scope(workspace=True)) == set()


def test_single_files_of_versioned_outputs_count(project: DataProject) -> None:
    oid = project.hash_of("f").oid
    (project.root / "f.dvc").write_text(
        f"outs:\n- hash: md5\n  path: f\n  files:\n  - relpath: x\n    md5: {oid}\n    size: 9\n"
    )
    assert oid in {data.oid for data in used_data(project.open(), Scope(workspace=True)).data}


def test_a_broken_revision_stops_it_unless_left_out(project: DataProject) -> None:
    (project.root / "f.dvc").write_text("outs: [\n")
    broken = project.commit("broken")
    project.git("checkout", "-q", "HEAD~1", "--", "f.dvc")
    with pytest.raises(FileFormatError, match=broken[:10]):
        used_data(project.open(), Scope(revision="HEAD"))
    found = used_data(project.open(), Scope(all_commits=True), skip_failed=True)
    assert list(found.failed) == [broken]
    assert len(found.data) == 3
    (project.root / "f.dvc").write_text("outs: [\n")
    with pytest.raises(FileFormatError):  # the workspace is never left out
        used_data(project.open(), Scope(revision="HEAD"), skip_failed=True)


def test_what_cannot_be(project: DataProject, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="nope"):
        used_data(project.open(), Scope(revision="nope"))
    Repository.init(str(tmp_path), scm=False)
    with pytest.raises(InvalidInputError, match="not in a Git repository"):
        used_data(Repository(str(tmp_path)), Scope(all_tags=True))
    for text in ("2026-13-01", "tomorrow", "20261101"):
        with pytest.raises(InvalidInputError, match=text):
            parse_day(text)


def test_commits_that_leave_records_alone_are_not_parsed(project: DataProject, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(5):
        project.write({"code.py": str(number)})
        project.git("add", "code.py")
        project.git("commit", "-q", "-m", "code")
    parsed: list[object] = []

    def counted(repo: Repository, files: Files, *, cached_only: bool) -> tuple[InventoryItem, ...]:
        parsed.append(files)
        return items_of(repo, files, cached_only=cached_only)

    monkeypatch.setattr(revisions, "items_of", counted)
    assert contents(project, Scope(all_commits=True)) == {"workspace", "tip", "past", "tagged"}
    assert len(parsed) == 3


def test_a_template_value_in_another_file_is_noticed(project: DataProject) -> None:
    """The same dvc.yaml and dvc.lock mean other outputs where a file of variables changed."""
    lock = "schema: '2.0'\nstages:\n  s:\n    cmd: make\n    outs:\n"
    for name, digit in (("one", "1"), ("two", "2")):
        lock += f"    - path: {name}\n      hash: md5\n      md5: {digit * 31}a\n"
    project.write(
        {
            "dvc.yaml": "vars: [names.yaml]\nstages:\n  s:\n    cmd: make\n    outs: ['${out}']\n",
            "dvc.lock": lock,
            "names.yaml": "out: one\n",
        }
    )
    project.commit("one")
    project.write({"names.yaml": "out: two\n"})
    project.commit("two")
    found = {data.oid for data in used_data(project.open(), Scope(all_commits=True)).data}
    assert {"1" * 31 + "a", "2" * 31 + "a"} <= found


def test_in_words() -> None:
    assert Scope(workspace=True).in_words() == "the workspace"
    assert Scope(all_branches=True, number=3, all_tags=True).in_words() == (
        "the workspace, the last 3 commits of all branches and all tags"
    )
    assert Scope(revision="main", number=-1).in_words() == "the workspace and all commits of main"
