"""What `push`, `fetch`, `pull` and `status -c` are about: targets and around them, and which remote each belongs on."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from tests.cli.quick import QuickProject

PIPELINE = """\
stages:
  prepare:
    cmd: mkdir -p made && echo one > made/one && echo two > made/two
    deps: [raw]
    outs: [made]
  train:
    cmd: cat made/* > model.bin && echo '{"score":1}' > score.json
    deps: [made]
    outs: [model.bin]
    metrics: [score.json]
"""


@pytest.fixture
def project(tmp_path: Path) -> QuickProject:
    """A pipeline over a tracked folder, an output of a folder of its own, and two remotes."""
    made = QuickProject(tmp_path / "project")
    made.write({"raw/a": "a", "raw/b": "b", "sub/deep/x": "x", "sub/y": "yy", "other": "other", "dvc.yaml": PIPELINE})
    for targets in (["raw"], ["sub/deep/x", "sub/y"], ["other"]):
        made.done("add", *targets)
    made.done("repro")
    made.done("remote", "add", "-d", "store", "../store")
    made.done("remote", "add", "second", "../second")
    made.commit()
    return made


def on(project: QuickProject, remote: str = "store") -> int:
    """Return how many objects a remote has."""
    folder = project.root.parent / remote
    return sum(1 for path in folder.rglob("*") if path.is_file() and "runs" not in path.parts)


def moved(project: QuickProject, *arguments: str) -> int:
    value = json.loads(project.done(*arguments, "--json"))["moved"]
    assert isinstance(value, int)
    return value


def planned(project: QuickProject, *arguments: str) -> int:
    return len(json.loads(project.done(*arguments, "--dry-run", "--json"))["planned"])


def test_targets_and_what_is_around_them(project: QuickProject) -> None:
    with project.unchanged():
        assert planned(project, "push") == 3 + 3 + 2 + 3
        assert planned(project, "push", "other") == 1
        assert planned(project, "push", "raw/a") == 1
        assert planned(project, "push", "train") == 2
        assert planned(project, "push", "-d", "train") == 8
        assert planned(project, "push", "-d", "model.bin") == 7
        assert planned(project, "push", "-R", "sub") == 2
        assert planned(project, "push", "--glob", "sub/*.dvc") == 1
        assert planned(project, "push", "--glob", "sub/**") == 2
        assert planned(project, "push", "--glob", "s*/*/x", "o?her") == 2
        assert "Use -R" in project.fails("push", "sub")
        assert "fits none*" in project.fails("push", "--glob", "none*")
        assert "Did you mean 'other'" in project.fails("push", "othre")
        assert "not in raw as it is recorded" in project.fails("push", "raw/none")
    assert on(project) == 0
    assert moved(project, "push", "-d", "train") == 8
    assert moved(project, "push") == 3
    assert planned(project, "push") == 0
    shutil.rmtree(project.root / ".dvc/cache")
    assert planned(project, "fetch") > 0
    assert moved(project, "fetch", "--type", "metrics") == 1
    assert moved(project, "fetch", "--max-size", "1", "-R", "sub") == 1
    assert moved(project, "fetch", "raw/a") == 1
    shutil.rmtree(project.root / "raw")
    project.done("pull", "-d", "train")
    assert project.read("raw/b") == "b"


def test_the_remote_that_a_record_names(project: QuickProject) -> None:
    pointer = project.root / "other.dvc"
    pointer.write_text(f"{pointer.read_text()}  remote: second\n")
    secret = project.root / "sub/y.dvc"
    secret.write_text(f"{secret.read_text()}  push: false\n")
    assert json.loads(project.done("status", "-c", "--json", "other", "sub/y")) == {"other": "new"}
    ended = project.done("push")
    assert "to 'store'" in ended
    assert "Sent 1 object (5 B) to 'second'." in ended
    assert (on(project), on(project, "second")) == (9, 1)
    assert moved(project, "push") == moved(project, "push", "sub/y") == moved(project, "push", "-r", "store") == 0
    assert moved(project, "push", "-r", "second") == 9
    assert on(project, "second") == 10
    assert project.done("status", "-c").startswith(
        "Cache and remote 'store' and 'second' are in sync."
    ) or project.done("status", "-c").startswith("Cache and remote 'second' and 'store' are in sync.")
    shutil.rmtree(project.root / ".dvc/cache")
    assert moved(project, "fetch") == 10  # what is not pushed need not be there
    (project.root / "sub/y").unlink()
    assert "sub/y" in project.fails("pull")


def test_the_run_cache(project: QuickProject) -> None:
    runs = project.root.parent / "store/runs"
    assert planned(project, "push", "--run-cache") == 13
    assert moved(project, "push", "--run-cache") == 13
    assert sum(path.is_file() for path in runs.rglob("*")) == 2
    assert moved(project, "push", "--run-cache") == 0
    shutil.rmtree(project.root / ".dvc/cache")
    (project.root / "dvc.lock").unlink()
    project.commit()
    assert planned(project, "fetch", "--run-cache") > 2
    assert not (project.root / ".dvc/cache/runs").exists()
    assert moved(project, "pull", "--run-cache", "raw") == 3 + 5 + 2
    shutil.rmtree(project.root / "made")
    said = project.done("repro")
    assert said.count("Restored") == 2
    assert project.read("model.bin") == "one\ntwo\n"
    damaged = next(path for path in runs.rglob("*") if path.is_file())
    damaged.chmod(0o644)
    damaged.write_text(damaged.read_text().replace("cmd: ", "cmd: : && "))
    shutil.rmtree(project.root / ".dvc/cache/runs")
    assert "is damaged" in project.fails("fetch", "--run-cache")
    assert not any(path.is_file() for path in (project.root / ".dvc/cache/runs").rglob("*"))


def test_other_revisions_of_a_target(project: QuickProject) -> None:
    project.write({"other": "the second", "raw/a": "newer"})
    project.done("add", "other", "raw")
    project.commit()
    assert planned(project, "push", "-A", "other") == 2
    assert planned(project, "push", "-a", "other") == 1
    assert planned(project, "push", "-A", "raw/a") == 2
    project.git("tag", "v1", "HEAD~1")
    assert planned(project, "push", "-T", "raw") == 5
    assert set(json.loads(project.done("status", "-c", "-A", "other", "--json")).values()) == {"new"}


def test_status_of_the_cloud(project: QuickProject) -> None:
    assert json.loads(project.done("status", "-c", "--json", "raw", "-j", "3")) == {
        "raw": "new",
        "raw/a": "new",
        "raw/b": "new",
    }
    assert set(json.loads(project.done("status", "-c", "-d", "--json", "made"))) >= {"raw", "made", "made/one"}
    assert set(json.loads(project.done("status", "-c", "-R", "--json", "sub"))) == {"sub/deep/x", "sub/y"}
    project.done("push", "raw")
    shutil.rmtree(project.root / ".dvc/cache")
    assert json.loads(project.done("status", "-c", "--json", "raw", "other")) == {
        "raw/a": "deleted",
        "raw/b": "deleted",
        "other": "missing",
    }
    assert project.run("status", "-c", "-q").status == 1
    assert "mean something only with -c" in project.fails("status", "-a", status=2)


def test_several_failures_are_one_error(project: QuickProject) -> None:
    for name in ("other", "sub/y"):
        project.damage(project.hash_of(name).oid)
    said = project.fails("push")
    assert "is damaged" in said
    assert "(1 other object failed too)" in said
    assert on(project) == 9
    value = json.loads(project.run("push", "--json").out)
    assert {failure["oid"] for failure in value["failed"]} == {project.hash_of(n).oid for n in ("other", "sub/y")}


def test_status_speaks_of_each_version_of_a_path(project: QuickProject) -> None:
    project.done("push")
    project.git("checkout", "-q", "-b", "side")
    project.write({"raw/a": "aa", "other": "others"})
    project.done("add", "-q", "raw", "other")
    project.commit()
    project.git("checkout", "-q", "-")
    project.done("checkout", "-q")
    assert json.loads(project.done("status", "-c", "--json")) == {}
    new = {"raw": "new", "raw/a": "new", "other": "new"}
    assert json.loads(project.done("status", "-c", "-a", "--json")) == new
    shutil.rmtree(project.root / ".dvc/cache")
    found = json.loads(project.done("status", "-c", "-a", "--json"))
    assert found["other"] == "missing", "one version is on the remote, the other nowhere"
