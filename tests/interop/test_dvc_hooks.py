"""`check-ignore` and the merge driver beside those of the real DVC."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.workspace.data_project import DataProject

pytestmark = [pytest.mark.interop, pytest.mark.slow]
SIGLUM = [sys.executable, "-m", "siglum.cli"]

IGNORED = {
    ".dvcignore": "*.log\n!keep.log\n/rootonly\n# comment\n\nd/\nweird\\#x\n  spaced  \nfoo bar\n**/deep/*.tmp\n",
    "a/.dvcignore": "x*\n!x1\n",
    "a/b/x3": "",
    "d/e/f": "",
    "inner/.dvc/config": "",
    "inner/x": "",
}
PATHS = [
    "q.log", "keep.log", "rootonly", "a/rootonly", "a/x1", "a/x2", "a/b/x3", "d", "d/", "d/e", "d/e/f", "plain",
    "nowhere.log", ".git", ".dvc", ".dvc/config", "weird#x", "spaced", "foo bar", "inner", "inner/x", "../out.log",
    ".", "a", "some/deep/x.tmp", "deep/x.tmp", "",
]  # fmt: skip
CALLS = [
    ["check-ignore", *PATHS],
    ["check-ignore", "-d", *PATHS],
    ["check-ignore", "-d", "-n", *PATHS],
    ["check-ignore", "plain"],
    ["check-ignore", "keep.log"],
    ["check-ignore", "-d", "keep.log"],
    ["check-ignore", "-d", "-n", "plain"],
    ["check-ignore", "-q", "q.log"],
]


def test_the_same_is_ignored(tmp_path: Path, dvc_command: str) -> None:
    project = DataProject(tmp_path / "project")
    project.write({**IGNORED})
    for call in CALLS:
        ours, theirs = (
            subprocess.run([*command, *call], cwd=project.root, capture_output=True, text=True, check=False)
            for command in (SIGLUM, [dvc_command])
        )
        assert (ours.stdout, ours.returncode) == (theirs.stdout, theirs.returncode), call
    below = project.root / "a"
    call = ["check-ignore", "-d", "../q.log", "x2", "b/x3", "../plain", str(project.root / "z.log")]
    ours, theirs = (
        subprocess.run([*command, *call], cwd=below, capture_output=True, text=True, check=False)
        for command in (SIGLUM, [dvc_command])
    )
    assert (ours.stdout, ours.returncode) == (theirs.stdout, theirs.returncode)


STATES = {
    "base": {"d/a": "a", "d/b": "b", "d/c": "c"},
    "ours": {"d/a": "a", "d/b": "B", "d/c": "c", "d/sub/new": "n"},
    "theirs": {"d/a": "changed", "d/b": "b", "d/other": "o"},
    "clash": {"d/a": "a", "d/b": "other B", "d/c": "c"},
}


def test_the_same_merges(tmp_path: Path, dvc_command: str) -> None:
    project = DataProject(tmp_path / "project")
    for name, files in STATES.items():
        shutil.rmtree(project.root / "d", ignore_errors=True)
        project.write({**files})
        project.done("add", "d")
        (project.root / name).write_bytes((project.root / "d.dvc").read_bytes())
    merged = []
    for command in (SIGLUM, [dvc_command]):
        found = []
        for theirs in ("theirs", "clash"):
            shutil.copy(project.root / "ours", project.root / "merged")
            call = ["git-hook", "merge-driver", "--ancestor", "base", "--our", "merged", "--their", theirs]
            done = subprocess.run([*command, *call], cwd=project.root, capture_output=True, text=True, check=False)
            found.append((done.returncode == 0, project.read("merged")))
        merged.append(found)
    assert merged[0] == merged[1]
    assert [clean for clean, _ in merged[0]] == [True, False]
