"""What a run captures: the state of real Git repositories, commands, and the inputs of pipeline stages."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from siglum.core.errors import NotFoundError
from siglum.lineage.capture import Capture, DataInput, capture, close_log, open_log, record_input
from siglum.lineage.code import CodeState
from siglum.lineage.command import entry_command
from siglum.lineage.data_inputs import input_of_path
from siglum.lineage.project import project_root
from siglum.workspace.add import add
from siglum.workspace.repository import Repository

ARGV = ["python", "train.py"]


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def take(folder: Path, environ: Mapping[str, str] | None = None, **options: Any) -> Capture:
    return capture(str(folder), environ or {}, ["train.py"], ["/usr/bin/python3", "train.py"], **options)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    git(folder, "init", "-q")
    (folder / "train.py").write_text("print(1)\n")
    (folder / ".gitignore").write_text("ignored\n")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "first")
    return folder


def test_a_clean_tree(project: Path) -> None:
    git(project, "remote", "add", "origin", "https://me:secret@example.com/team/churn.git")
    (project / "ignored").write_text("x")
    found = take(project)
    assert found.code == CodeState(
        commit=git(project, "rev-parse", "HEAD"), branch="main", remote="https://example.com/team/churn.git"
    )
    assert found.problems == ()
    tags = found.tags()
    assert tags["mlflow.source.git.commit"] == found.code.commit
    assert tags["mlflow.source.git.repoURL"] == "https://example.com/team/churn.git"
    assert (tags["siglum.git.dirty"], tags["mlflow.source.type"]) == ("false", "LOCAL")
    assert set(found.files()) == {"siglum/environment.json"}
    assert found.command == ("python", "train.py")
    assert tags["siglum.command"] == "python train.py"


def test_a_dirty_tree_keeps_the_exact_change(project: Path, tmp_path: Path) -> None:
    (project / "train.py").write_text("print(2)\n")
    (project / "new module.py").write_text("x = 'ü'\n")
    (project / "ignored").write_text("x")
    found = take(project)
    assert found.code.dirty
    assert found.code.diff is not None
    assert found.code.diff_sha256 == hashlib.sha256(found.code.diff).hexdigest()
    assert found.files()["siglum/uncommitted.diff"] == found.code.diff
    assert found.tags()["siglum.git.dirty"] == "true"
    assert found == take(project)
    # the change applied to the commit is the tree
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "-q", str(project), str(clone)], check=True)
    subprocess.run(["git", "apply", "-"], cwd=clone, input=found.code.diff, check=True)
    assert (clone / "train.py").read_text() == "print(2)\n"
    assert (clone / "new module.py").read_text() == "x = 'ü'\n"
    assert not (clone / "ignored").exists()


def test_a_diff_that_is_too_long_is_named_by_its_hash(project: Path) -> None:
    (project / "train.py").write_text("print(2)\n" * 500)
    whole = take(project)
    cut = take(project, max_diff=1000)
    assert cut.code.diff is None
    assert cut.code.diff_sha256 == whole.code.diff_sha256
    assert "siglum/uncommitted.diff" not in cut.files()
    assert any("too long to be kept" in problem for problem in cut.problems)
    assert "too long" in cut.tags()["siglum.capture.problems"]


def test_secrets_in_the_change_are_masked_and_counted(project: Path) -> None:
    (project / "train.py").write_text("db_password = 'hunter2'\nlr = 0.1\n")
    (project / ".env").write_text("WANDB_API_KEY=0123456789abcdef\n")
    found = take(project)
    assert found.code.diff is not None
    assert b"hunter2" not in found.code.diff
    assert b"0123456789abcdef" not in found.code.diff
    assert b"+lr = 0.1" in found.code.diff
    assert found.code.diff_sha256 != hashlib.sha256(found.code.diff).hexdigest()  # that of the change itself
    assert "2 secrets in the uncommitted diff masked" in found.tags()["siglum.capture.problems"]


def test_a_change_that_is_not_to_be_kept(project: Path) -> None:
    (project / "train.py").write_text("print(2)\n")
    found = take(project, keep_diff=False)
    assert set(found.files()) == {"siglum/environment.json"}
    assert found.code.diff_sha256 == take(project).code.diff_sha256
    assert found.problems == ()


def test_seeds_are_on_record_from_the_start(project: Path) -> None:
    assert "PYTHONHASHSEED=7" in take(project, {"PYTHONHASHSEED": "7"}).tags()["siglum.seeds"].split()


def test_a_notebook_is_named(project: Path) -> None:
    found = take(project, notebook=str(project / "sub" / "churn.ipynb"))
    tags = found.tags()
    assert (tags["mlflow.source.name"], tags["mlflow.source.type"]) == ("sub/churn.ipynb", "NOTEBOOK")


def test_a_long_untracked_file_is_left_out_and_named(project: Path) -> None:
    (project / "train.py").write_text("print(2)\n")
    (project / "huge.bin").write_bytes(b"\0" * 5000)
    found = take(project, max_diff=2000)
    assert found.code.diff is not None
    assert b"huge.bin" not in found.code.diff
    assert any("huge.bin" in problem for problem in found.problems)


def test_without_git_or_a_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bare = take(tmp_path)
    assert bare.code.commit is None
    assert "not under version control" in bare.tags()["siglum.capture.problems"]
    assert "siglum.git.dirty" not in bare.tags()
    git(tmp_path, "init", "-q")
    (tmp_path / "a.py").write_text("x")
    fresh = take(tmp_path)
    assert fresh.code.commit is None
    assert fresh.code.diff is not None
    assert b"a.py" in fresh.code.diff
    monkeypatch.setenv("PATH", str(tmp_path / "nothing-here"))
    without = take(tmp_path)
    assert any("'git' was not found" in problem for problem in without.problems)
    assert without.environment is not None


@pytest.mark.parametrize(
    ("orig_argv", "expected"),
    [
        (["/venv/bin/python3.11", "src/train.py", "--lr", "0.1"], ("python", "sub/src/train.py", "--lr", "0.1")),
        (["python", "-m", "pkg.train"], ("python", "-m", "pkg.train")),
        (["python", "/project/sub/src/train.py", "/data/x.csv"], ("python", "sub/src/train.py", "/data/x.csv")),
        (["python", "t.py", "--password", "hunter2"], ("python", "t.py", "--password", "<masked>")),
        (["/v/python", "-m", "ipykernel_launcher", "-f", "/tmp/k-123.json"], ("python", "-m", "ipykernel_launcher")),
        ([], ()),
    ],
)
def test_commands(tmp_path: Path, orig_argv: list[str], expected: tuple[str, ...]) -> None:
    root = tmp_path / "project"
    (root / "sub" / "src").mkdir(parents=True)
    (root / "sub" / "src" / "train.py").touch()
    moved = [argument.replace("/project", str(root)) for argument in orig_argv]
    assert entry_command(moved, str(root / "sub"), str(root)) == expected


def test_a_program_on_the_command_line_is_named_by_its_hash(tmp_path: Path) -> None:
    command = entry_command(["python", "-c", "x = 1\n" * 1000], str(tmp_path), str(tmp_path))
    assert command[:2] == ("python", "-c")
    assert command[2].startswith("sha256:")


def test_the_root_of_a_project(project: Path, tmp_path: Path) -> None:
    (project / "a" / "b").mkdir(parents=True)
    assert project_root(str(project / "a" / "b")) == str(project)
    (project / "a" / ".dvc").mkdir()
    assert project_root(str(project / "a" / "b")) == str(project / "a")
    assert project_root(str(tmp_path)) == str(tmp_path)


PIPELINE = """\
stages:
  prepare:
    cmd: python prepare.py
    deps: [prepare.py, data/raw.csv]
    outs: [prepared]
  train:
    cmd: python train.py
    deps: [train.py, prepared, extra.csv]
    outs: [model.bin]
    metrics:
      - metrics.json: {cache: false}
"""


@pytest.fixture
def pipeline(project: Path) -> Path:
    repo = Repository.init(str(project))
    (project / "data").mkdir()
    (project / "data" / "raw.csv").write_text("a\n1\n")
    (project / "extra.csv").write_text("b\n")
    (project / "prepare.py").write_text("")
    (project / "dvc.yaml").write_text(PIPELINE)
    add(repo, [str(project / "data" / "raw.csv"), str(project / "extra.csv")])
    (project / "prepared").mkdir()
    (project / "prepared" / "x.csv").write_text("1\n")
    (project / ".gitignore").write_text("ignored\n/extra.csv\n/prepared\n/model.bin\n")
    git(project, "add", ".")
    git(project, "commit", "-q", "-m", "pipeline")
    return project


def test_a_stage_knows_its_data_and_where_that_came_from(pipeline: Path) -> None:
    found = take(pipeline, {"DVC_ROOT": str(pipeline), "DVC_STAGE": "train"})
    assert found.problems == ()
    assert found.stage == found.tags()["siglum.stage"] == "train"
    commit = git(pipeline, "rev-parse", "HEAD")
    raw = hashlib.md5(b"a\n1\n").hexdigest()
    extra = hashlib.md5(b"b\n").hexdigest()
    manifest = json.dumps([{"md5": hashlib.md5(b"1\n").hexdigest(), "relpath": "x.csv"}])
    prepared = hashlib.md5(manifest.encode()).hexdigest()
    assert {item.path: item for item in found.inputs} == {
        "prepared": DataInput("prepared", f"md5:{prepared}.dir", "dvc.lock", commit, context="stage"),
        "extra.csv": DataInput("extra.csv", f"md5:{extra}", "extra.csv.dvc", commit, context="stage"),
        "data/raw.csv": DataInput(
            "data/raw.csv", f"md5:{raw}", "data/raw.csv.dvc", commit, context="source", via="prepared"
        ),
    }
    recipe = found.recipe({"p": "1"}, [])
    assert [path for path, _ in recipe.data] == ["data/raw.csv", "extra.csv", "prepared"]


def test_results_of_the_pipeline_are_no_change_of_the_code(pipeline: Path) -> None:
    (pipeline / "metrics.json").write_text("{}")
    (pipeline / "dvc.lock").write_text("schema: '2.0'\n")
    assert not take(pipeline).code.dirty
    (pipeline / "metrics.json.backup").write_text("{}")
    assert take(pipeline).code.dirty


def test_missing_data_and_unknown_stages_are_said(pipeline: Path) -> None:
    (pipeline / "data" / "raw.csv").unlink()
    found = take(pipeline, {"DVC_ROOT": str(pipeline), "DVC_STAGE": "train"})
    assert any("data/raw.csv is not there" in problem for problem in found.problems)
    found = take(pipeline, {"DVC_ROOT": str(pipeline), "DVC_STAGE": "trian"})
    assert any("no stage 'trian'" in problem for problem in found.problems)
    (pipeline / "dvc.yaml").write_text("stages: [")
    found = take(pipeline, {"DVC_ROOT": str(pipeline), "DVC_STAGE": "train"})
    assert any("dvc.yaml" in problem for problem in found.problems)
    assert found.code.commit is not None


def test_data_declared_by_path(pipeline: Path) -> None:
    item = input_of_path("data/raw.csv", str(pipeline), "training")
    commit = git(pipeline, "rev-parse", "HEAD")
    expected = "md5:" + hashlib.md5(b"a\n1\n").hexdigest()
    assert item == DataInput("data/raw.csv", expected, "data/raw.csv.dvc", commit, context="training")
    assert input_of_path("raw.csv", str(pipeline / "data"), "training") == item
    assert input_of_path("prepared", str(pipeline), "").hash.endswith(".dir")
    with pytest.raises(NotFoundError):
        input_of_path("nothing", str(pipeline), "")


def test_data_outside_of_any_repository(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("b\n")
    item = input_of_path("f", str(tmp_path), "")
    assert (item.path, item.hash, item.pointer) == ("f", "md5:" + hashlib.md5(b"b\n").hexdigest(), None)


def test_reads_belong_to_the_runs_that_are_active() -> None:
    def read(name: str) -> DataInput:
        item = DataInput(name, "md5:" + "0" * 32)
        record_input(item)
        return item

    before = read("before-any-run")
    one = open_log()
    first = read("in-one")
    child = open_log(one)
    both = read("in-both")
    close_log(child)
    close_log(one)
    other = open_log()
    assert one.all()[-2:] == (first, both)
    assert set(child.all()) >= {before, first, both}
    assert before in other.all()
    assert first not in other.all()
    close_log(other)
