"""The commands of pipelines beside the real DVC: bytes of dvc.yaml, graphs, tables and JSON."""

from __future__ import annotations

import contextlib
import io
import json
import math
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pytest
from tests.workspace.data_project import DataProject

from siglum.cli.app import run

pytestmark = [pytest.mark.interop, pytest.mark.slow]

PROGRAM = Path(__file__).with_name("dvc_program.py")

PIPELINE = """\
# About all of it.
stages:
  prep:
    cmd: cp in p   # copies
    deps: [in, raw]
    outs: [p]
    desc: "

      prepare the data

      in two paragraphs"
  fe:
    foreach: ${models}
    do: {cmd: 'cp p f_${item}', deps: [p], outs: ["f_${item}"]}
  mx:
    matrix: {m: [a, b], n: [1, 2]}
    cmd: echo
    deps: [f_us]
    outs: ["mx_${key}"]
  train:
    cmd: echo ${vars.x}
    vars: [vars.yaml]
    deps: [f_us, f_gb, "sp ace"]
    params: [lr, opt.beta, code.py: [K], whole.toml: ]
    outs: [model, m1, a_very_long_name_of_an_output_that_takes_a_lot_of_columns_and_then_some_more]
    metrics: [met.json: {cache: false}, cached.json, never.json]
    plots: [pl.csv]
  quiet: {cmd: echo nothing}
  dep_only: {cmd: echo nothing, deps: [model], params: [lr, code.py: [K]]}
  reports: {cmd: e, outs: [oo], metrics: [mm], plots: [pp]}
  only_reports: {cmd: e, plots: [pq]}
metrics: [top.yaml, folder, gone.json, alone.json, words.yaml]
params: [extra.yaml]
"""
SUB = """\
stages:
  s1: {cmd: e, deps: [../model], outs: [o], params: [p, ../extra.yaml: [b]]}
  s2: {cmd: e, deps: [o], outs: [o2], wdir: .}
"""
FILES: dict[str, str | bytes] = {
    "dvc.yaml": PIPELINE,
    "sub/dvc.yaml": SUB,
    "other/dvc.yaml": "stages: {z: {cmd: e, deps: [../sub/o2], outs: [z]}, alone: {cmd: e, outs: [y/1, y/2]}}\n",
    "params.yaml": "models: [us, gb]\nlr: 0.123456789\nopt: {beta: [0.9, 0.999], none: , empty: {}}\nsame: x\n"
    "'q': 'a|b'\n",
    "vars.yaml": "vars: {x: 1, y: 2}\n",
    "extra.yaml": "a: 1\nb: [1, {c: 2}]\n",
    "whole.toml": "[t]\nv = 1\n",
    "code.py": "K = 1\nJ = 2\n",
    "sub/params.yaml": "p: 1\nunused: 2\n",
    "in": "i",
    "raw/a": "r",
    "sp ace": "s",
    "p": "p",
    "model": "m",
    "pl.csv": "a,b\n1,2\n",
    "m1": "1",
    "f_us": "u",
    "f_gb": "g",
    "met.json": '{"acc": 0.1234567891, "big": 123456789.123456, "tiny": 1.2e-07, "n": 5, "s": "text", "t": true, '
    '"none": null, "l": [1, 2], "d": {"x": {"y": 1.5, "z.w": 2}, "e": {}}, "inf": 1e400, "two": "x\\ny"}',
    "cached.json": '{"loss": 1}',
    "top.yaml": "f1: 0.5\ncls:\n  a: 1\n  b: 2.0\n",
    "folder/one.json": '{"one": 1}',
    "alone.json": "0.1234567",
    "words.yaml": "good",
    "folder/sub/two.yaml": "two: 2\n",
    "a_very_long_name_of_an_output_that_takes_a_lot_of_columns_and_then_some_more": "long",
}
CHANGED: dict[str, str | bytes] = {
    "params.yaml": "models: [us, gb]\nlr: 0.2\nopt: {beta: [0.9, 0.99], new: 1}\nsame: x\n",
    "vars.yaml": "vars: {x: 3, y: 4}\n",
    "extra.yaml": "a: 1.0\nb: [1, {c: 3}]\n",
    "code.py": "K = 2\nJ = 3\n",
    "sub/params.yaml": "p: 2\nunused: 3\n",
    "met.json": '{"acc": 0.2, "big": 123456789.123456, "tiny": 2.4e-07, "n": "five", "s": "other", "t": false, '
    '"none": 1, "d": {"x": {"y": 1.75}}, "inf": "x"}',
    "cached.json": '{"loss": 2, "new": 1}',
    "top.yaml": "f1: 0.5\ncls: 1\n",
    "gone.json": '{"g": 1}',
    "alone.json": "0.25",
}


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two commits, `v1` and `main`; the workspace is ahead of both."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
        for name in ("AUTHOR", "COMMITTER"):
            patch.setenv(f"GIT_{name}_NAME", "Test")
            patch.setenv(f"GIT_{name}_EMAIL", "test@example.com")
        project = DataProject(tmp_path_factory.mktemp("commands") / "project")
        project.write(FILES)
        project.done("add", "raw", "sp ace")
        project.write({"never.json": "{}"})
        project.done("commit", "-f", "train")
        (project.root / "never.json").unlink()
        project.commit()
        project.git("tag", "v1")
        project.write(CHANGED)
        (project.root / "folder/sub/two.yaml").unlink()
        project.git(
            "add", "-A", "-f", "met.json", "top.yaml", "folder", "gone.json", "params.yaml", "code.py", "alone.json"
        )
        project.git("commit", "-q", "-m", "second")
        project.git("branch", "twin")
        project.write({"met.json": '{"acc": 0.3}', "params.yaml": "models: [us, gb]\nlr: 0.3\nopt: {beta: }\n"})
    return project.root


@pytest.fixture
def project(original: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(original, tmp_path / "project", symlinks=True))


def both(dvc_command: str, folder: Path, *lines: list[str]) -> list[tuple[Any, Any]]:
    """Return for each command line whether it failed and what it printed, DVC's and ours, as far as that is certain."""
    with tempfile.TemporaryDirectory() as memory:
        done = subprocess.run(
            [Path(dvc_command).with_name("python"), PROGRAM],
            cwd=folder,
            env=dict(os.environ, DVC_SITE_CACHE_DIR=memory),
            input=json.dumps(lines),
            capture_output=True,
            text=True,
            check=True,
        )
    theirs = json.loads(done.stdout.splitlines()[-1])
    found = []
    for line, dvc in zip(lines, theirs, strict=True):
        status, out = siglum(folder, *line)
        found.append(((dvc["status"] != 0, comparable(line, dvc["out"])), (status != 0, comparable(line, out))))
    return found


def siglum(folder: Path, *arguments: str) -> tuple[int, str]:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.chdir(folder), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = run(list(arguments))
    assert "Traceback" not in err.getvalue(), err.getvalue()
    return status, out.getvalue()


def comparable(line: list[str], out: str) -> Any:
    """Return output without the order in which DVC happens to walk folders and sets."""
    if "--json" in line and out:
        return plain(json.loads(out))
    return sorted(out.splitlines()) if "--mermaid" not in line and "--md" not in line[:2] else out.splitlines()


def plain(value: Any) -> Any:
    """Return JSON with our names of what is no number, and of an error its kind only: the words differ."""
    if isinstance(value, dict):
        return value["type"] if set(value) == {"type", "msg"} else {key: plain(each) for key, each in value.items()}
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value


def assert_agreed(pairs: list[tuple[Any, Any]], *lines: list[str]) -> None:
    for line, (dvc, ours) in zip(lines, pairs, strict=True):
        assert ours == dvc, line


GRAPHS_TEXT = """\
dag --dot
dag --mermaid
dag --mermaid --outs
dag --dot prep
dag --dot train
dag --mermaid --full train
dag --dot --full raw
dag --dot sub/o2
dag --mermaid --outs train
dag --mermaid fe
dag --dot sub/dvc.yaml
dag --mermaid --collapse-foreach-matrix
dag --dot --collapse-foreach-matrix fe
dag --dot nosuch
dag --dot sub
dag --dot --outs --collapse-foreach-matrix
"""
GRAPHS = [line.split() for line in GRAPHS_TEXT.splitlines()]
LISTS_TEXT = """\

--all
-R .
-R sub
--name-only
--all --names-only
sub/dvc.yaml
sub/dvc.yaml:s1 train
fe
mx
raw.dvc
sub
nosuch
--all --fail
"""
LISTS = [["stage", "list", *line.split()] for line in LISTS_TEXT.splitlines()]


def test_graphs_and_lists_of_stages(dvc_command: str, project: Path) -> None:
    assert_agreed(both(dvc_command, project, *GRAPHS, *LISTS), *GRAPHS, *LISTS)


def test_graphs_and_lists_from_a_folder_below(dvc_command: str, project: Path) -> None:
    lines = [
        ["dag", "--mermaid"],
        ["dag", "--dot", "--outs"],
        ["dag", "--dot", "s2"],
        ["dag", "--dot", "../dvc.yaml:train"],
        ["stage", "list"],
        ["stage", "list", "--all"],
        ["stage", "list", "../dvc.yaml"],
        ["metrics", "show", "--json"],
        ["metrics", "show", "../folder"],
        ["metrics", "diff", "v1", "--json"],
        ["params", "diff", "v1"],
    ]
    assert_agreed(both(dvc_command, project / "sub", *lines), *lines)


SHOWN_TEXT = """\

--json
--md
--precision 2
--precision 10
met.json
folder
-R folder --json
nosuch-but met.json --json
-a
-T
-A
-a -T --json
-A --json
-a --md
cached.json -T --json
params.yaml
"""
SHOWN = [["metrics", "show", *line.split()] for line in SHOWN_TEXT.splitlines()]
COMPARED_TEXT = """\
metrics diff
metrics diff --json
metrics diff --all --json
metrics diff v1 main --json
metrics diff v1
metrics diff v1 --no-path --md
metrics diff v1 --precision 2
metrics diff v1 --targets met.json top.yaml
metrics diff v1 --targets folder --json
metrics diff v1 -R --targets folder
metrics diff nosuch
params diff
params diff --json
params diff --all --json
params diff v1
params diff v1 --no-path
params diff v1 --deps
params diff v1 --deps --json
params diff v1 --targets extra.yaml code.py
params diff v1 --targets vars.yaml --json --all
params diff main twin --md
params diff v1 nosuch
"""
COMPARED = [line.split() for line in COMPARED_TEXT.splitlines()]


def test_metrics_shown(dvc_command: str, project: Path) -> None:
    assert_agreed(both(dvc_command, project, *SHOWN), *SHOWN)


def test_metrics_and_parameters_compared(dvc_command: str, project: Path) -> None:
    assert_agreed(both(dvc_command, project, *COMPARED), *COMPARED)


def test_metrics_of_recorded_data_that_is_not_in_the_workspace(dvc_command: str, project: Path) -> None:
    for name in ("cached.json", "raw", "top.yaml"):
        path = project / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    (project / "met.json").write_text('{"acc": ')
    lines = [
        ["metrics", "show", "cached.json", "--json"],
        ["metrics", "show", "raw/a", "cached.json", "--json"],
        ["metrics", "diff", "v1", "--targets", "cached.json", "--all", "--json"],
        ["metrics", "diff", "v1", "v1", "--all", "--json"],
    ]
    pairs = both(dvc_command, project, *lines)
    assert pairs[0][0] == pairs[0][1]
    assert pairs[1][0][1][""]["data"]["cached.json"] == pairs[1][1][1][""]["data"]["cached.json"]
    assert pairs[2:] == [(dvc, dvc) for dvc, _ in pairs[2:]]


def test_an_empty_repository(dvc_command: str, tmp_path: Path) -> None:
    project = DataProject(tmp_path / "project")
    lines = [
        ["dag", "--dot"],
        ["dag", "--md"],
        ["stage", "list"],
        ["stage", "list", "--all"],
        ["metrics", "show"],
        ["metrics", "show", "--json"],
        ["metrics", "show", "--md"],
        ["metrics", "diff"],
        ["metrics", "diff", "--json"],
        ["metrics", "diff", "--md"],
        ["params", "diff"],
        ["params", "diff", "--md"],
        ["params", "diff", "--json"],
    ]
    assert_agreed(both(dvc_command, project.root, *lines), *lines)


ADDED = [
    ["-n", "one", "-d", "in", "-o", "out.txt", "echo  hi > x"],
    ["-n", "again", "-d", "out.txt", "-o", "in", "echo", "a circle"],
    ["-n", "claimed", "-o", "out.txt", "echo"],
    ["-n", "inside", "-o", "out.txt/x", "echo"],
    ["-n", "outside", "-o", "/etc/x", "echo"],
    ["-n", "below", "-o", "../x", "echo"],
    ["-n", "hidden", "-o", ".dvc/x", "echo"],
    ["-n", "one", "echo"],
    ["-n", "bad.name", "echo"],
    ["-n", "", "echo"],
    ["-n", "none"],
    ["-n", "twice", "-o", "q", "-M", "q", "echo"],
    ["-n", "both", "-o", "q", "-d", "./q", "echo"],
    ["-n", "nowhere", "-w", "nosuch", "echo"],
    ["-n", "above", "-w", "..", "echo"],
    ["-n", "root", "-o", ".", "echo"],
    ["-n", "pointer", "-o", "x.dvc", "echo"],
    ["-n", "file", "-d", "dvc.yaml", "echo"],
    [
        *("-n", "all", "-p", "z,b,a", "-p", "y.yaml:q,c", "-p", "x.toml:", "-p", "a:b:c", "-p", ":lr", "-d", "z"),
        *("-d", "a dep", "-o", "zz", "-o", "aa", "-m", "me.json", "-M", "ma.json", "--plots", "pl.csv"),
        *("--plots-no-cache", "pn.csv", "--outs-persist", "per", "--outs-persist-no-cache", "pnc", "-O", "no"),
        *("--desc", "multi\nline: yes", "--always-changed"),
        *("python", "train.py", "--x=1", "-o", "two words", "", 'q"u o', "it's", "ünï", "tab\tbed", "*"),
    ],
    [
        "-n",
        "wide",
        "echo a command that is longer than eighty characters: so long that a line of YAML is folded # here",
    ],
    ["-n", "in_sub", "-w", "sub", "-d", "../in", "-o", "o", "-p", "lr", "-p", "../params.yaml:lr", "echo $X"],
    ["-n", "spaced name", "-w", "sub/", "-o", "d/", "-o", "./e/../e2", "true"],
    ["-n", "uncached", "-O", "../x", "-O", "/etc/x", "-w", ".", "true"],
    ["-n", "far", "-o", "not/there/x", "true"],
    ["-f", "-n", "old", "-d", "in", "-d", "z", "-o", "p", "-o", "o", "-p", "lr", "echo new"],
    ["-f", "-n", "made", "echo"],
    ["-n", "made@a", "echo"],
]
BEFORE = """\
# top comment
vars:
- m: 1

stages:
  # about old
  old:   # inline
    cmd: echo "hi"   # cmd comment
    frozen: true
    desc: kept  # too
    meta: {a: 1}
    deps: [in, "z"]  # flow
    outs:
      - o: {cache: false, desc: od}   # oc
      - p
  made:
    foreach: [1, 2]
    do:
      cmd: echo ${item} ${m}

# tail comment
metrics:
- "q.json"
"""


def test_added_stages(dvc_command: str, tmp_path: Path) -> None:
    """The same bytes in dvc.yaml and .gitignore; what one refuses the other refuses, and it changes nothing."""
    sides = []
    for name in ("dvc", "siglum"):
        side = DataProject(tmp_path / name)
        side.write({"dvc.yaml": BEFORE, "in": "", "params.yaml": "lr: 1\n", "sub/keep": ""})
        sides.append(side)
    theirs, ours = sides
    lines = [["stage", "add", *each] for each in ADDED]
    done = subprocess.run(
        [Path(dvc_command).with_name("python"), PROGRAM],
        cwd=theirs.root,
        input=json.dumps(lines),
        capture_output=True,
        text=True,
        check=True,
    )
    statuses = [each["status"] for each in json.loads(done.stdout.splitlines()[-1])]
    for line, status in zip(lines, statuses, strict=True):
        before = {path: path.read_bytes() for path in (ours.root / "dvc.yaml", *ours.root.rglob(".gitignore"))}
        found, _ = siglum(ours.root, *line)
        assert (found == 0) == (status == 0), line
        if found:
            after = {path: path.read_bytes() for path in (ours.root / "dvc.yaml", *ours.root.rglob(".gitignore"))}
            assert after == before, line
    assert 0 in statuses
    for name in ("dvc.yaml", ".gitignore", "sub/.gitignore"):
        assert ours.read(name) == theirs.read(name)
    assert not (ours.root / "not").exists()


def test_freezing_and_committing(dvc_command: str, original: Path, tmp_path: Path) -> None:
    """The same files after the same commands, and the same status."""
    lines = [
        ["freeze", "prep", "sub/dvc.yaml:s1", "raw.dvc"],
        ["status", "--json"],
        ["freeze", "fe@us"],
        ["freeze", "nosuch"],
        ["unfreeze", "prep"],
        ["status", "--json", "train", "sub/dvc.yaml"],
        ["commit", "train"],
        ["commit", "-f", "prep"],
        ["commit", "-f", "fe@us"],
        ["commit", "-f", "sub/dvc.yaml:s1"],
        ["status", "--json"],
    ]
    roots = [Path(shutil.copytree(original, tmp_path / name, symlinks=True)) for name in ("dvc", "siglum")]
    for root in roots:
        (root / "never.json").write_text("{}")
        (root / "sub/o").write_text("o")
        subprocess.run(["git", "rm", "-q", "--cached", "p"], cwd=root, check=True)
    with tempfile.TemporaryDirectory() as memory:
        done = subprocess.run(
            [Path(dvc_command).with_name("python"), PROGRAM],
            cwd=roots[0],
            env=dict(os.environ, DVC_SITE_CACHE_DIR=memory),
            input=json.dumps(lines),
            capture_output=True,
            text=True,
            check=True,
        )
    for line, dvc in zip(lines, json.loads(done.stdout.splitlines()[-1]), strict=True):
        status, out = siglum(roots[1], *line)
        assert (status == 0) == (dvc["status"] == 0), line
        if "--json" in line:
            assert plain(json.loads(out)) == plain(json.loads(dvc["out"])), line
    for name in ("dvc.yaml", "sub/dvc.yaml", "raw.dvc", "dvc.lock", "sub/dvc.lock", ".gitignore", "sub/.gitignore"):
        assert (roots[1] / name).read_text() == (roots[0] / name).read_text(), name
