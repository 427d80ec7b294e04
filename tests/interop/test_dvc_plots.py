"""Plots beside the real DVC: the same ids, revisions, data points, labels, anchors and errors; the same dvc.yaml."""

from __future__ import annotations

import contextlib
import io
import json
import math
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.workspace.data_project import DataProject

from siglum.cli.app import run
from siglum.pipeline.results.plots.built_in import TEMPLATES
from siglum.workspace.documents import load_yaml

pytestmark = [pytest.mark.interop, pytest.mark.slow]

PROGRAM = Path(__file__).with_name("dvc_program.py")
ANCHORS = (
    "TITLE", "X", "Y", "X_LABEL", "Y_LABEL", "COLOR", "COLUMN", "GROUP_BY", "GROUP_BY_X", "GROUP_BY_Y", "PIVOT_FIELD",
    "PLOT_HEIGHT", "PLOT_WIDTH", "ROW", "SHAPE", "STROKE_DASH", "TOOLTIP", "ZOOM_AND_PAN", "DATA",
)  # fmt: skip
PIPELINE = """\
vars: [{where: top, column: loss}]
stages:
  train:
    cmd: e
    plots:
    - st.csv: {cache: false, x: epoch, y: loss, title: Stage, template: simple, x_label: E, y_label: L}
    - plain.json: {cache: false}
    - made.json
    - bare.csv: {cache: false, header: false, y: '1'}
    - ${where}_level.csv: {cache: false}
  other: {cmd: e, wdir: sub, plots: [out.tsv: {cache: false}, pics: {cache: false}]}
plots:
  - top.csv: {x: epoch}
  - both: {x: epoch, y: {top.csv: loss, st.csv: [loss, acc]}, title: Both}
  - files: {x: {top.csv: epoch}, y: {top.csv: loss, st.csv: loss}, y_label: what is lost}
  - each: {x: {top.csv: epoch, dir/x.csv: it}, y: {top.csv: loss, dir/x.csv: v}}
  - fields: {y: {top.csv: [loss, acc]}}
  - listed.csv: {y: [a, b]}
  - templated: {y: {top.csv: '${column}'}}
  - dir: {y: v}
  - dir/sub: {y: w}
  - cm.json: {template: confusion, x: actual, y: pred}
  - nested.yaml
  - numbers.toml
  - one.png
  - missing.csv
  - partly: {y: {top.csv: loss, gone.csv: loss}}
  - damaged.json
  - damaged.yaml
  - unknown.bin
  - wrong: {y: {top.csv: nothing}}
  - short: {x: {dir/x.csv: it}, y: {long.csv: l}}
"""
CSV = "epoch,loss,acc\n0,1,0.1\n1,0.5,0.2\n2,0.3,0.4\n"
FILES: dict[str, str | bytes] = {
    "dvc.yaml": PIPELINE,
    "sub/dvc.yaml": "plots: [s.tsv, ../top.csv: {y: acc}, s: {y: {s.tsv: q, ../top.csv: acc}, x: {s.tsv: p}}]\n",
    "st.csv": CSV,
    "top.csv": CSV,
    "plain.json": '{"train": [{"step": 0, "loss": NaN}, {"step": 1, "loss": Infinity}], '
    '"x": {"y": [{"m": 1}, {"m": 2}], "n": 1, "t": ["text"]}}',
    "made.json": '[{"a": 1, "b": 2}, {"a": 2, "b": 1}]',
    "bare.csv": "1,2\n3,4\n",
    "top_level.csv": "a,b\n1,\n2\n",
    "sub/out.tsv": 'a\tb\n1\t"x\ty"\n2\t\n',
    "sub/pics/1.png": b"\x89PNG1",
    "sub/pics/deep/2.svg": b"<svg/>",
    "sub/s.tsv": "p\tq\n1\t2\n2\t3\n3\t4\n",
    "listed.csv": "a,b,c\n1,2,3\n",
    "dir/x.csv": "it,v\n5,1\n6,2\n7,3\n",
    "dir/y.json": '[{"v": 1, "w": 2}]',
    "dir/sub/z.json": '[{"v": 1, "w": 2}]',
    "dir/p.jpeg": b"\xff\xd8",
    "cm.json": '[{"actual": "c", "pred": "d"}, {"actual": "c", "pred": "c"}]',
    "nested.yaml": "deep:\n  er:\n  - {x: 1, y: 0o10}\n  - {x: 2, y: 1e3}\n",
    "numbers.toml": "[[r]]\nv = 1.5\n[[r]]\nv = 2\n",
    "one.png": b"\x89PNG",
    "damaged.json": '{"a": [',
    "damaged.yaml": "a: [\n",
    "unknown.bin": "x",
    "long.csv": "l\n1\n",
    "loose.csv": "k\n1\n",
    ".dvc/plots/all.json": json.dumps({name: f"<DVC_METRIC_{name}>" for name in ANCHORS}),
    **{f".dvc/plots/our_{name}.json": json.dumps(make()) for name, make in TEMPLATES.items()},
    ".dvc/plots/few.json": json.dumps({"data": {"values": "<DVC_METRIC_DATA>"}, "t": "of <DVC_METRIC_TITLE>!"}),
}
CHANGED: dict[str, str | bytes] = {
    "top.csv": "epoch,loss,acc\n0,2,0.1\n1,1,0.2\n",
    "sub/pics/1.png": b"\x89PNG2",
    "made.json": '[{"a": 5, "b": 6}]',
    "dvc.yaml": PIPELINE.replace("title: Both", "y_label: later").replace("  - listed.csv: {y: [a, b]}\n", ""),
}
SHOWN = [
    ["show"],
    ["show", "both", "st.csv", "--split", "-t", "simple"],
    ["show", "both", "fields", "plain.json", "--split", "-t", "all"],
    ["show", "-t", "all"],
    ["show", "-t", "few.json"],
    ["show", "st.csv", "-x", "acc", "-y", "epoch", "--title", "T", "--x-label", "X", "--y-label", "Y", "-t", "all"],
    ["show", "bare.csv", "--no-header", "-y", "0"],
    ["show", "loose.csv"],
    ["show", "sub/pics", "loose.csv"],
    ["show", "fil"],
    ["show", "st.csv", "-y", "nothing"],
    *(["show", "made.json", "st.csv", "-t", name] for name in TEMPLATES),
    *(["diff", "v1", "--targets", "made.json", "both", "-t", f"our_{name}"] for name in TEMPLATES),
    ["diff"],
    ["diff", "HEAD"],
    ["diff", "v1", "HEAD", "-t", "all"],
    ["diff", "HEAD", "v1", "workspace", "--targets", "both", "made.json", "-t", "all"],
    # DVC shows a file that is declared beside stages twice when it is named, once without what is declared.
    ["diff", "v1", "--targets", "fields", "sub/pics"],
]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two commits, `v1` and `main`, and a workspace that differs from both."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
        for name in ("AUTHOR", "COMMITTER"):
            patch.setenv(f"GIT_{name}_NAME", "Test")
            patch.setenv(f"GIT_{name}_EMAIL", "test@example.com")
        project = DataProject(tmp_path_factory.mktemp("plots") / "project")
        project.write(FILES | {".gitignore": "/made.json\n"})
        project.done("commit", "-f", "train")
        project.commit()
        project.git("tag", "v1")
        project.write(CHANGED)
        project.done("commit", "-f", "train")
        project.commit("second")
        project.write({"top.csv": CSV, "dvc.yaml": PIPELINE.replace("y_label: what", "x_label: what")})
    return project.root


def both(dvc_command: str, folder: Path, lines: list[list[str]], home: Path) -> list[tuple[Any, Any]]:
    """Return for each command line whether it failed and what it printed: DVC, and we."""
    done = subprocess.run(
        [Path(dvc_command).with_name("python"), PROGRAM],
        cwd=folder,
        env=dict(os.environ, DVC_SITE_CACHE_DIR=str(home)),
        input=json.dumps([["plots", *line] for line in lines]),
        capture_output=True,
        text=True,
        check=True,
    )
    theirs = json.loads(done.stdout.splitlines()[-1])
    return [
        ((dvc["status"], dvc["out"]), siglum(folder, "plots", *line)) for dvc, line in zip(theirs, lines, strict=True)
    ]


def siglum(folder: Path, *arguments: str) -> tuple[int, str]:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.chdir(folder), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = run(list(arguments))
    assert "Traceback" not in err.getvalue(), err.getvalue()
    return status, out.getvalue()


def comparable(text: str, *, ours: bool = False) -> Any:
    """Return JSON of plots without what is each tool's own: the colours, the words of errors, and the templates.

    These are compared, too, where both tools fill `ours`.
    """
    found = json.loads(text)
    errors = {(each.get("name"), each["rev"], each.get("source"), each["type"]) for each in found.get("errors", [])}
    data = {name: [_plot(each | {"ours": ours}) for each in entries] for name, entries in found.get("data", {}).items()}
    return {"errors": errors, "data": data}


def _plot(entry: dict[str, Any]) -> Any:
    if entry["type"] == "image":
        return entry | {"bytes": Path(entry["url"]).read_bytes()}
    content = entry["content"]
    if entry["ours"]:
        return _plain([entry["revisions"], content])
    kept = {key: content[key] for key in ANCHORS if key in content} or {
        "data": content["data"], "title": content.get("title", content.get("t")), "schema": content.get("$schema"),
        "axes": _axes(content),
    }  # fmt: skip
    parts = entry.get("anchor_definitions", {})
    return _plain([entry["type"], entry["revisions"], kept, parts])


def _axes(value: Any) -> Any:
    """Return the axes that are encoded anywhere, as (axis, field, title)."""
    if isinstance(value, dict):
        own = {
            (axis, value[axis]["field"], value[axis]["title"])
            for axis in ("x", "y")
            if isinstance(value.get(axis), dict) and "title" in value[axis]
        }
        return own.union(*map(_axes, value.values()))
    return set().union(*map(_axes, value)) if isinstance(value, list) else set()


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        without = {"range"} if isinstance(value.get("range"), list) and "#" in str(value["range"]) else {"anchor"}
        return {key: _plain(each) for key, each in value.items() if key not in without}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value


def test_json(dvc_command: str, root: Path, tmp_path: Path) -> None:
    lines = [[*line, "--json"] for line in SHOWN]
    for line, (dvc, ours) in zip(lines, both(dvc_command, root, lines, tmp_path), strict=True):
        assert dvc[0] == 0
        filled = any(word.startswith("our_") for word in line)
        theirs, mine = comparable(dvc[1], ours=filled), comparable(ours[1], ours=filled)
        assert mine["errors"] == theirs["errors"], line
        assert mine["data"] == theirs["data"], line
        assert mine["data"], line
        damaged = any(kind != "FileNotFoundError" for _, _, _, kind in mine["errors"])
        assert ours[0] == damaged, line


def test_json_from_a_folder_below(dvc_command: str, root: Path, tmp_path: Path) -> None:
    lines = [["show", "--json"], ["diff", "v1", "--json"], ["show", "../st.csv", "out.tsv", "--json"]]
    for line, (dvc, ours) in zip(lines, both(dvc_command, root / "sub", lines, tmp_path), strict=True):
        mine, theirs = comparable(ours[1]), comparable(dvc[1])
        for data in (mine["data"], theirs["data"]):
            data.pop("../bare.csv", None)  # DVC forgets here that it has no header
        assert mine["data"] == theirs["data"], line
        assert mine["errors"] == theirs["errors"], line


def test_what_is_printed(dvc_command: str, root: Path, tmp_path: Path) -> None:
    lines = [
        ["show", "both", "one.png"],
        ["show", "-o", "other", "both"],
        ["show", "--show-vega", "both"],
        ["templates"],
    ]
    found = both(dvc_command, root, lines, tmp_path)
    for dvc, ours in found[:2]:
        assert (ours[0], ours[1].strip()) == (dvc[0], dvc[1].strip())
        assert ours[1].endswith("/index.html\n")
    (_, theirs), (_, mine) = found[2]
    assert json.loads(mine)["data"] == json.loads(theirs)["data"]
    (_, theirs), (_, mine) = found[3]
    assert set(mine.split()) == {*theirs.split(), "all", "few", *(f"our_{name}" for name in TEMPLATES)}


MODIFIED = """\
stages:
  a:
    cmd: e
    outs:
    - o1   # an output
    - o2: {cache: false, desc: hm}
    metrics: [m.json: {cache: false}]
    plots:
    # about it
    - p.csv:   # c
        x: a
        y: b
    - q.csv
    - r.csv: {title: T, cache: false}
"""
IN_PLACE = [
    ["p.csv", "-x", "zz", "--title", "New"],
    ["q.csv", "-x", "zz", "--no-header", "-t", "simple", "--y-label", "Y", "-y", "yy"],
    ["p.csv", "--unset", "x", "y"],
    ["r.csv", "--unset", "title"],
    ["r.csv", "--unset", "title", "-x", "new"],
    ["p.csv", "-x", "q", "--unset", "x"],
    ["q.csv"],
    ["p.csv", "--unset", "title"],
    ["o1", "--unset", "title"],
    ["nosuch", "-x", "q"],
    ["p.csv", "-t", "linaer"],
]
MOVED = [["o1", "-y", "zz"], ["o2", "-t", "simple"], ["m.json", "-x", "zz"], ["o1"]]


def test_modify(dvc_command: str, tmp_path: Path) -> None:
    lines = IN_PLACE + MOVED
    projects = [DataProject(tmp_path / str(i)) for i in range(len(lines))]
    program = (
        "import json, os, sys\nfrom dvc.cli import main\nfound = []\n"
        "for folder, line in json.load(sys.stdin):\n"
        "    os.chdir(folder)\n    found.append(main(['plots', 'modify', '-q', *line]))\nprint(json.dumps(found))\n"
    )
    theirs, mine = [], []
    for project in projects:
        project.write({"dvc.yaml": MODIFIED})
    done = subprocess.run(
        [Path(dvc_command).with_name("python"), "-c", program],
        input=json.dumps([[str(project.root), line] for project, line in zip(projects, lines, strict=True)]),
        env=dict(os.environ, DVC_SITE_CACHE_DIR=str(tmp_path / "site")),
        capture_output=True,
        text=True,
        check=True,
    )
    statuses = json.loads(done.stdout.splitlines()[-1])
    for project, line, status in zip(projects, lines, statuses, strict=True):
        theirs.append((status != 0, project.read("dvc.yaml")))
        project.write({"dvc.yaml": MODIFIED})
        mine.append((siglum(project.root, "plots", "modify", *line)[0] != 0, project.read("dvc.yaml")))
    for line, dvc, ours in zip(lines, theirs, mine, strict=True):
        if line in MOVED:  # DVC loses comments and flow style on the way; it says the same
            assert (ours[0], load_yaml(ours[1], "dvc.yaml")) == (dvc[0], load_yaml(dvc[1], "dvc.yaml")), line
            assert "# c" in ours[1]
        else:
            assert ours == dvc, line
