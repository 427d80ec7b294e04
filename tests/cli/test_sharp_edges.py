"""Where DVC 3.67.1 loses data or says what is not so, and Siglum does better with the same files.

The numbers are those of the list of DVC's sharp edges; what a kill at any instant leaves (1, 11) and files that change
while they are read (3) are tried in tests/faults, two tools at once in tests/interop/test_dvc_locks.py.
"""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

import pytest
from tests.cli.test_data_safety import Shell, object_path, oid_in, shell

from siglum.storage.hashing import md5_bytes

__all__ = ["shell"]  # the fixture

PIPELINE = "vars: [{x: 1}]  # kept\nstages:\n  s:\n    cmd: cp in out\n    deps: [in]\n    outs: [out]\n"


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


def flip(path: Path) -> None:
    """Change one bit as a bad disk does: length, mode and time of change stay as they were."""
    status = path.stat()
    data = path.read_bytes()
    path.chmod(0o644)
    path.write_bytes(bytes([data[0] ^ 1]) + data[1:])
    path.chmod(stat.S_IMODE(status.st_mode))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def switched(shell: Shell, first: dict[str, str], second: dict[str, str]) -> str:
    """Add folder `d` in two versions, and leave the second in the workspace with the first's pointer; return that."""
    write(shell.root / "d", first)
    shell("add", "-q", "d")
    pointer = (shell.root / "d.dvc").read_text()
    shutil.rmtree(shell.root / "d")
    write(shell.root / "d", second)
    shell("add", "-q", "d")
    (shell.root / "d.dvc").write_text(pointer)
    return pointer


def test_2_a_missing_object_costs_nothing_in_the_workspace(shell: Shell) -> None:
    switched(shell, {"a": "1", "b": "1b"}, {"a": "2", "c": "2c"})
    object_path(shell.root, md5_bytes(b"1b")).unlink()
    for force in ([], ["--force"]):
        assert md5_bytes(b"1b") in shell("checkout", *force, status=1)
        assert {p.name: p.read_text() for p in (shell.root / "d").iterdir()} == {"a": "2", "c": "2c"}


@pytest.mark.parametrize("types", ["copy", "hardlink,copy", "symlink", "reflink,copy"])
def test_4_a_damaged_object_with_mode_0444_is_not_delivered(shell: Shell, tmp_path: Path, types: str) -> None:
    shell("config", "cache.type", types)
    (tmp_path / "remote").mkdir()
    shell("remote", "add", "-d", "store", str(tmp_path / "remote"))
    write(shell.root, {"d/a": "precious", "f": "single"})
    shell("add", "-q", "d", "f")
    shutil.rmtree(shell.root / "d")
    (shell.root / "f").unlink()
    for data in (b"precious", b"single"):
        flip(object_path(shell.root, md5_bytes(data)))
    assert "damaged" in shell("push", status=1)
    assert not list((tmp_path / "remote").rglob("*.dir"))
    assert "damaged" in shell("checkout", status=1)
    for name, text in (("d/a", "precious"), ("f", "single")):
        path = shell.root / name
        assert not path.exists() or path.read_text() == text


def test_4_the_only_good_copy_is_not_replaced(shell: Shell) -> None:
    switched(shell, {"a": "1"}, {"a": "2"})
    flip(object_path(shell.root, md5_bytes(b"2")))
    assert "damaged" in shell("checkout", status=1)
    assert (shell.root / "d/a").read_text() == "2"


def test_5_a_dependency_that_changes_while_its_stage_runs(shell: Shell) -> None:
    write(shell.root, {"in": "old", "dvc.yaml": PIPELINE.replace("cp in out", "cp in out && echo new > in")})
    assert "in" in shell("repro", status=1)
    assert not (shell.root / "dvc.lock").exists()
    assert "changed deps" in str(shell.json("status"))


def test_6_a_forced_commit_poisons_no_run_cache(shell: Shell) -> None:
    write(shell.root, {"in": "old", "dvc.yaml": PIPELINE})
    shell("repro", "-q")
    lock = (shell.root / "dvc.lock").read_text()
    (shell.root / "in").write_text("new")
    shell("commit", "-q", "-f")
    (shell.root / "dvc.lock").write_text(lock)
    shell("repro", "-q")
    assert (shell.root / "out").read_text() == "new"


def test_7_removing_the_last_stage_keeps_the_rest_of_the_file(shell: Shell) -> None:
    write(shell.root, {"in": "old", "dvc.yaml": PIPELINE})
    shell("repro", "-q")
    shell("remove", "s")
    assert "x: 1" in (shell.root / "dvc.yaml").read_text()
    assert "# kept" in (shell.root / "dvc.yaml").read_text()
    assert (shell.root / "out").read_text() == "old"


LINES = """\
stages:
  s:
    cmd: |
      for i in 1 2
      do
        echo $i >> out
      done
      python3 - <<EOF >> out
      print(
        'of $i'
      )
      EOF
      if test -e in
      then cat in \\
        >> out
      fi
    deps: [in]
    outs: [out]
"""


def test_lines_of_a_command_that_belong_together_run_together(shell: Shell) -> None:
    write(shell.root, {"in": "end\n", "dvc.yaml": LINES})
    shell("repro", "-q")
    assert (shell.root / "out").read_text() == "1\n2\nof \nend\n"
    assert shell.json("status") == {}


def test_a_date_in_the_parameters_stops_only_what_records_it(shell: Shell) -> None:
    stages = PIPELINE.replace("deps: [in]", "deps: [in]\n    params: [lr]") + "  d: {cmd: 'true', params: [day]}\n"
    write(shell.root, {"in": "old", "dvc.yaml": stages, "params.yaml": "lr: 1\nday: 2020-01-01\n"})
    for command in (
        ["status"],
        ["repro", "-q", "s"],
        ["dag"],
        ["params", "diff"],
        ["stage", "list"],
        ["add", "-q", "in"],
    ):
        shell(*command)
    assert (shell.root / "out").read_text() == "old"
    assert "dvc.yaml:8: The parameter 'day' in params.yaml is a date" in shell("repro", status=1)
    (shell.root / "params.yaml").write_text("lr: 1\nday: '2020-01-01'\n")
    shell("repro", "-q")
    assert shell.json("status") == {}


@pytest.mark.parametrize("types", ["copy", "hardlink,copy", "symlink", "reflink,copy"])
def test_10_executables_in_folders_stay_executable(shell: Shell, types: str) -> None:
    shell("config", "cache.type", types)
    write(shell.root / "d", {"tool": "1", "data": "x"})
    (shell.root / "d/tool").chmod(0o755)
    shell("add", "-q", "d")
    assert os.access(shell.root / "d/tool", os.X_OK)
    first = (shell.root / "d.dvc").read_text()
    shell("unprotect", "-q", "d")
    (shell.root / "d/tool").write_text("2")
    shell("add", "-q", "d")
    (shell.root / "d.dvc").write_text(first)
    shell("checkout", "-q")
    assert (shell.root / "d/tool").read_text() == "1"
    assert (shell.root / "d/tool").stat().st_mode & stat.S_IXUSR
    for oid in (md5_bytes(b"1"), md5_bytes(b"2"), oid_in(shell.root / "d.dvc")):
        assert stat.S_IMODE(object_path(shell.root, oid).stat().st_mode) == 0o444


HIDDEN = [
    ("log", "*.log\n", {"d/a.log": "seen by nobody"}),
    ("folder", "cache/\n", {"d/cache/deep/x": "seen by nobody"}),
    ("other repository", "", {"d/other/.git/config": "seen by nobody", "d/other/code.py": "theirs"}),
]


@pytest.mark.parametrize(("rules", "hidden"), [each[1:] for each in HIDDEN], ids=[each[0] for each in HIDDEN])
def test_a_file_in_place_of_a_folder_with_hidden_files(shell: Shell, rules: str, hidden: dict[str, str]) -> None:
    (shell.root / "d").write_text("a file")
    shell("add", "-q", "d")
    as_file = (shell.root / "d.dvc").read_text()
    (shell.root / "d").unlink()
    write(shell.root, {"d/b": "a folder", ".dvcignore": rules} | hidden)
    shell("add", "-q", "d")
    (shell.root / "d.dvc").write_text(as_file)
    assert "in no cache" in shell("checkout", status=1)
    for name, text in hidden.items():
        assert (shell.root / name).read_text() == text
    assert (shell.root / "d/b").read_text() == "a folder"


def test_a_hidden_file_where_a_recorded_one_belongs(shell: Shell) -> None:
    switched(shell, {"a": "1", "x.log": "recorded", "y.log/z": "recorded"}, {"a": "2"})
    write(shell.root, {".dvcignore": "*.log\n", "d/x.log": "mine", "d/y.log": "mine too"})
    assert "in no cache" in shell("checkout", status=1)
    assert (shell.root / "d/x.log").read_text() == "mine"
    assert (shell.root / "d/y.log").read_text() == "mine too"
    assert (shell.root / "d/a").read_text() == "2"


def test_a_link_to_a_folder_inside_a_folder_that_becomes_a_file(shell: Shell, tmp_path: Path) -> None:
    (shell.root / "d").write_text("a file")
    shell("add", "-q", "d")
    as_file = (shell.root / "d.dvc").read_text()
    (shell.root / "d").unlink()
    write(shell.root, {"d/b": "a folder"})
    (shell.root / "d/link").symlink_to(tmp_path)
    shell("add", "-q", "d")
    (shell.root / "d.dvc").write_text(as_file)
    assert "link" in shell("checkout", status=1)
    assert (shell.root / "d/link").is_symlink()


@pytest.mark.timeout(30)
def test_a_fifo_in_the_tree_is_refused_at_once(shell: Shell) -> None:
    write(shell.root, {"d/a": "1"})
    os.mkfifo(shell.root / "d/pipe")
    assert "FIFO" in shell("add", "d", status=1)
    assert not (shell.root / "d.dvc").exists()


def test_what_a_killed_copy_leaves_is_not_taken_for_data(shell: Shell) -> None:
    write(shell.root, {"d/a": "1"})
    shell("add", "-q", "d")
    staging = shell.root / ".dvc/tmp/siglum/staging"
    staging.mkdir(exist_ok=True)
    (staging / ".aaaaaaaaaaaaaaaaaaaaaa.tmp").write_text("half")
    shell("add", "-q", "d")
    assert list(staging.iterdir()) == []
    assert shell.json("status") == {}
