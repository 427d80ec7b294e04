"""`siglum init`, `add`, `commit`, `checkout`, `status`: what they do and say (and test_data_safety: what is kept)."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest
from tests.workspace.data_project import SIGLUM, DataProject

ODD_NAMES = [
    "two  blanks",
    "new\nline",
    "ünï cödé 文件",
    "n" * 251,
    "#hash",
    "!bang",
    "a*b[1]?",
    "b\\s",
    "- dash",
    "007",
]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DataProject:
    made = DataProject(tmp_path / "project")
    monkeypatch.chdir(made.root)
    return made


def test_init(project: DataProject, tmp_path: Path) -> None:
    assert project.read(".dvc/.gitignore") == "/config.local\n/tmp\n/cache\n"
    assert project.git("diff", "--cached", "--name-only").split() == [".dvc/.gitignore", ".dvc/config", ".dvcignore"]
    assert "exists already" in project.fails("init")
    below = project.root / "below"
    below.mkdir()
    refused = project.run("init", cwd=below)
    assert refused.status == 1
    assert "--subdir" in refused.err
    assert project.run("init", "--subdir", cwd=below).status == 0
    alone = tmp_path / "alone"
    alone.mkdir()
    assert "git init" in project.run("init", cwd=alone).err
    assert project.run("init", "--no-scm", cwd=alone).status == 0
    assert (alone / ".dvc/config").read_text() == "[core]\n    no_scm = True\n"


def test_add_says_what_it_recorded(project: DataProject) -> None:
    project.write({"data/train.csv": "a,b\n", "data/folder/x": "1"})
    said = project.done("add", "data/train.csv", "data/folder")
    assert "data/train.csv  md5:f69f5b72bc79a92dc70c63c9aa142e36  (4 B)" in said
    assert said.splitlines()[-1] == "Tell Git with: git add data/.gitignore data/folder.dvc data/train.csv.dvc"
    assert project.read("data/.gitignore") == "/train.csv\n/folder\n"
    value = json.loads(project.done("add", "data/train.csv", "--json"))
    assert value["added"][0]["changed"] is False
    assert project.done("status") == "Data and pipelines are up to date.\n"


def test_a_slash_after_a_name_means_nothing(project: DataProject) -> None:
    project.write({"f": "1", "d/a": "1"})
    assert project.done("add", "f/", "d/").startswith("f  md5:")
    assert "path: f\n" in project.read("f.dvc")
    assert "path: d\n" in project.read("d.dvc")


def test_status_and_commit(project: DataProject) -> None:
    project.write({"f": "1", "d/a": "1", "d/b": "2", "gone": "3"})
    project.done("add", "f", "d", "gone")
    project.write({"f": "22", "d/c": "3"})
    (project.root / "gone").unlink()
    assert json.loads(project.done("status", "--json")) == {
        "f.dvc": [{"changed outs": {"f": "modified"}}],
        "d.dvc": [{"changed outs": {"d": "modified"}}],
        "gone.dvc": [{"changed outs": {"gone": "deleted"}}],
    }
    assert json.loads(project.done("status", "--json", "f")) == {"f.dvc": [{"changed outs": {"f": "modified"}}]}
    assert project.run("status", "-q").status == 1
    with project.unchanged():
        assert "Use --force" in project.fails("commit")
        assert "gone does not exist" in project.fails("commit", "--force")
    project.done("checkout", "gone")
    project.done("commit", "-f")
    assert project.done("status", "--json") == "{}\n"
    assert project.run("status", "-q").status == 0


def test_a_part_of_a_folder(project: DataProject) -> None:
    """What is beside the part stays as it is recorded, and as it is in the workspace."""
    project.write({"d/a": "1", "d/sub/b": "1"})
    project.done("add", "d")
    project.write({"d/a": "2", "d/sub/b": "2"})
    project.done("add", "d/sub")
    assert json.loads(project.done("status", "--json")) == {"d.dvc": [{"changed outs": {"d": "modified"}}]}
    project.done("checkout", "-f", "d/a")
    assert (project.read("d/a"), project.read("d/sub/b")) == ("1", "2")
    assert project.done("status", "--json") == "{}\n"


def test_glob_and_out_and_no_commit(project: DataProject) -> None:
    project.write({"a1.csv": "1", "a2.csv": "2", "b.txt": "3"})
    project.done("add", "--glob", "a*.csv")
    assert sorted(path.name for path in project.root.glob("*.dvc") if path.is_file()) == ["a1.csv.dvc", "a2.csv.dvc"]
    assert "No file or folder matches" in project.fails("add", "--glob", "nothing*")
    project.done("add", "b.txt", "--out", "copied.txt")
    assert project.read("copied.txt") == project.read("b.txt") == "3"
    assert "exists already" in project.fails("add", "a1.csv", "--out", "copied.txt")
    project.write({"later": "not in the cache"})
    project.done("add", "--no-commit", "later")
    assert not project.object_of(project.hash_of("later").oid).exists()
    project.done("commit", "later")
    assert project.object_of(project.hash_of("later").oid).read_text() == "not in the cache"


@pytest.mark.parametrize("name", ODD_NAMES)
def test_odd_names(project: DataProject, name: str) -> None:
    """A name may hold anything that a file system and UTF-8 allow; Git sees the pointer and not the data."""
    project.write({f"sub/{name}": "data"})
    project.done("add", "--", f"sub/{name}")
    assert project.done("status", "--json") == "{}\n"
    listed = project.git("status", "--porcelain", "-z", "-uall").split("\0")
    assert f"?? sub/{name}.dvc" in listed
    assert f"?? sub/{name}" not in listed
    (project.root / "sub" / name).unlink()
    project.done("checkout")
    assert project.read(f"sub/{name}") == "data"


def test_a_name_of_255_bytes_lies_in_a_folder(project: DataProject) -> None:
    """Its own pointer's name would be too long, which is said; in a folder it is like any other."""
    name = "n" * 255
    project.write({f"d/{name}": "data"})
    with project.unchanged():
        assert "too long" in project.fails("add", f"d/{name}")
    project.done("add", "d")
    (project.root / "d" / name).unlink()
    project.done("checkout")
    assert project.read(f"d/{name}") == "data"


def test_a_missing_pointer(project: DataProject) -> None:
    project.write({"train.csv": "1"})
    project.done("add", "train.csv")
    project.done("remote", "add", "-d", "store", "../store")
    (project.root / "train.csv.dvc").unlink()
    with project.unchanged():
        for command in ("status", "checkout", "commit", "push", "pull", "fetch"):
            (project.root.parent / "store").mkdir(exist_ok=True)
            assert project.fails(command, "train.csv").startswith("'train.csv' is not tracked.")


def test_add_heals_a_damaged_object(project: DataProject) -> None:
    project.write({"f": "good"})
    project.done("add", "f")
    oid = project.hash_of("f").oid
    project.damage(oid)
    assert project.object_of(oid).read_bytes() == b"food"
    project.done("add", "f")
    assert project.object_of(oid).read_bytes() == b"good"
    assert [path.read_bytes() for path in (project.root / ".dvc/cache/quarantine").iterdir()] == [b"food"]


def test_checkout_on_a_full_disk(project: DataProject) -> None:
    """No file may grow over 1 MB: what was there stays, and nothing is half there."""
    first, second = os.urandom(900_000), os.urandom(3_000_000)
    project.write({"f": second})
    project.done("add", "f")
    pointer = project.read("f.dvc")
    project.write({"f": first})
    project.done("add", "f")
    (project.root / "f.dvc").write_text(pointer)
    with project.unchanged():
        said = project.fails("checkout", "f", file_limit=1_000_000)
        assert "File too large" in said  # the fault happened
        assert "Free some space" in said
    project.done("checkout", "f")
    assert (project.root / "f").read_bytes() == second


INTERRUPTED = """
import os, signal, sys
import siglum.storage.durable_batch as durable_batch
from siglum.cli import app
before = durable_batch.DurableBatch.commit
def commit(self):
    os.kill(os.getpid(), signal.{signal})
    before(self)
durable_batch.DurableBatch.commit = commit
sys.exit(app.run(["add", "d"]))
"""


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGKILL])
def test_interrupted(project: DataProject, sent: signal.Signals) -> None:
    """Ended when all is copied and nothing is visible yet: the data is as it was, and the next add works."""
    project.write({f"d/{i}": str(i) for i in range(50)})
    before = project.state()
    ended = subprocess.run(
        [SIGLUM[0], "-c", INTERRUPTED.format(signal=sent.name)],
        cwd=project.root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == (130 if sent is signal.SIGINT else -signal.SIGKILL), ended
    left = project.state()
    if sent is signal.SIGINT:
        assert ended.stderr == "Interrupted.\n"
    else:
        left.pop(".gitignore")  # written before what it hides
    assert left == before
    assert not any(path.is_file() for path in (project.root / ".dvc/cache/files/md5").glob("??/*"))
    project.done("add", "d")
    assert project.done("status", "--json") == "{}\n"
    assert project.read(".gitignore") == "/d\n"
