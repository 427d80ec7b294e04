"""`siglum plots`: what is shown where, what is changed in dvc.yaml, and what is told of what cannot be shown."""

from __future__ import annotations

import json
import shutil
import webbrowser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from tests.cli.quick import QuickProject

PIPELINE = """\
stages:
  train:
    cmd: python train.py   # by hand
    plots:
    - loss.csv: {cache: false, x: epoch, y: loss, title: Loss}
    - pics: {cache: false}
plots:
- acc: {x: epoch, y: {loss.csv: acc}}
"""
LOSS = "epoch,loss,acc\n0,1.5,0.1\n1,0.9,0.4\n2,0.5,0.7\n"
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def project(tmp_path: Path) -> QuickProject:
    project = QuickProject(tmp_path / "project")
    project.write({"dvc.yaml": PIPELINE, "loss.csv": LOSS, "pics/2.png": PNG, "pics/10.png": PNG})
    project.commit()
    return project


def page_of(project: QuickProject, *arguments: str) -> str:
    return file_of(project.done("plots", *arguments).strip()).read_text()


def file_of(uri: str) -> Path:
    return Path(unquote(urlsplit(uri).path))


def data_of(project: QuickProject, *arguments: str) -> dict[str, Any]:
    found = json.loads(project.done("plots", *arguments, "--json"))
    assert set(found) == {"data"}
    return dict(found["data"])


def test_a_page_of_all_plots(project: QuickProject) -> None:
    out = project.done("plots", "show")
    assert file_of(out.strip()) == project.root / "dvc_plots/index.html"
    made = (project.root / "dvc_plots/index.html").read_text()
    assert [part.split('"')[0] for part in made.split('data-plot="')[1:]] == [
        "acc", "loss.csv", "pics/2.png", "pics/10.png",
    ]  # fmt: skip
    assert sorted(path.name for path in (project.root / "dvc_plots").iterdir()) == [".gitignore", "index.html"]
    assert project.git("status", "--porcelain") == ""
    assert "HEAD" not in made
    assert "HEAD" in page_of(project, "diff", "HEAD")


def test_where_the_page_goes(project: QuickProject, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    project.done("config", "plots.out_dir", "set")
    project.write({".dvc/mine.html": "<p>mine {plot_divs}</p>", "other.html": "<p>other {plot_divs}</p>"})
    project.done("plots", "show")
    assert [path.name for path in (project.root / "set").iterdir()] == ["index.html"]
    project.done("config", "plots.html_template", "mine.html")
    assert page_of(project, "show", "-o", "given/deep").startswith("<p>mine <figure")
    assert page_of(project, "show", "--html-template", "other.html").startswith("<p>other <figure")
    assert opened == []
    assert "No browser could be opened" in project.run("plots", "show", "--open").err
    project.done("config", "plots.auto_open", "true")
    project.done("plots", "show", "-o", "given")
    assert [Path(urlsplit(uri).path).parent.name for uri in opened] == ["set", "given"]
    assert "has no place for plots" in project.fails("plots", "show", "--html-template", "loss.csv")
    assert "none.html" in project.fails("plots", "show", "--html-template", "none.html")


def test_json_is_as_dvc_has_it(project: QuickProject) -> None:
    found = data_of(project, "show")
    assert list(found) == ["acc", "loss.csv", "pics/10.png", "pics/2.png"]
    [loss] = found["loss.csv"]
    assert (loss["type"], loss["revisions"]) == ("vega", ["workspace"])
    assert loss["content"]["title"]["text"] == "Loss"
    assert loss["content"]["data"]["values"][2] == {"epoch": "2", "loss": "0.5", "acc": "0.7", "rev": "workspace"}
    [picture] = found["pics/2.png"]
    path = project.root / "dvc_plots/workspace_pics_2.png"
    assert picture == {"type": "image", "revisions": ["workspace"], "url": str(path)}
    assert path.read_bytes() == PNG
    [parts] = data_of(project, "show", "loss.csv", "--split")["loss.csv"]
    assert parts["content"]["data"]["values"] == "<DVC_METRIC_DATA>"
    assert len(parts["anchor_definitions"]["<DVC_METRIC_DATA>"]) == 3
    assert json.loads(project.done("plots", "show", "--show-vega", "acc"))["encoding"]["y"]["field"] == "acc"


def test_options_go_before_what_is_declared(project: QuickProject) -> None:
    options = ("-x", "acc", "-y", "epoch", "--title", "T", "--x-label", "X", "--y-label", "Y", "-t", "scatter")
    [plot] = data_of(project, "show", "loss.csv", *options)["loss.csv"]
    content = plot["content"]
    assert content["title"]["text"] == "T"
    assert content["mark"]["type"] == "point"
    assert [content["encoding"][axis]["field"] for axis in "xy"] == ["acc", "epoch"]
    assert [content["encoding"][axis]["title"] for axis in "xy"] == ["X", "Y"]
    project.write({"bare.csv": "1,2\n3,4\n"})
    [plot] = data_of(project, "show", "bare.csv", "--no-header")["bare.csv"]
    assert [(row["0"], row["1"]) for row in plot["content"]["data"]["values"]] == [("1", "2"), ("3", "4")]


def test_revisions(project: QuickProject) -> None:
    assert [each["revisions"] for each in data_of(project, "diff")["acc"]] == [["workspace"]], "nothing changed"
    project.git("tag", "v1")
    project.git("tag", "first")
    project.write({"loss.csv": LOSS.replace("0.7", "0.8")})
    project.commit("second")
    project.write({"loss.csv": LOSS.replace("0.7", "0.9")})
    for arguments, expected in (
        ((), ["workspace", "HEAD"]),
        (("v1",), ["workspace", "v1"]),
        (("v1", "HEAD"), ["v1", "HEAD"]),
        (("v1", "workspace"), ["workspace", "v1"]),
    ):
        [plot] = data_of(project, "diff", *arguments, "--targets", "acc", "pics")["acc"]
        assert plot["revisions"] == expected
    rows = data_of(project, "diff", "v1", "HEAD")["acc"][0]["content"]["data"]["values"]
    assert [(row["rev"], row["acc"]) for row in rows if row["epoch"] == "2"] == [("v1", "0.7"), ("HEAD", "0.8")]
    assert "no revision 'frist'. Did you mean 'first'" in project.fails("plots", "diff", "frist")


def test_a_revision_from_before_a_file_was_there(project: QuickProject) -> None:
    project.write({"dvc.yaml": PIPELINE + "- new.csv\n", "new.csv": "a\n1\n"})
    ended = project.run("plots", "diff", "HEAD", "--text", "--targets", "new.csv")
    assert (ended.status, ended.err) == (0, "")
    assert ended.out.startswith("new.csv\na\n")
    (project.root / "new.csv").unlink()
    ended = project.run("plots", "diff", "HEAD")
    assert (ended.status, ended.err) == (0, "warning: There is no file new.csv. Run 'siglum repro' to make it.\n")
    assert "There is no file new.csv" in project.fails("plots", "show", "new.csv")


def test_a_revision_whose_pipeline_cannot_be_read(project: QuickProject) -> None:
    project.write({"dvc.yaml": "stages: {a: {cmd: x, unknown: 1}}\n"})
    project.commit("broken")
    project.write({"dvc.yaml": PIPELINE})
    ended = project.run("plots", "diff", "HEAD", "--json")
    found = json.loads(ended.out)
    assert ended.status == 1
    assert [(each["rev"], each["type"]) for each in found["errors"]] == [("HEAD", "YAMLFileCorruptedError")]
    assert found["data"]["acc"][0]["revisions"] == ["workspace"]
    assert ended.err.startswith("warning: HEAD: dvc.yaml:1:")


def test_recorded_data_is_shown_from_the_cache(project: QuickProject) -> None:
    project.write({"dvc.yaml": "stages: {a: {cmd: cp loss.csv out.csv, deps: [loss.csv], plots: [out.csv]}}\n"})
    project.done("repro")
    project.commit("made")
    project.write({"out.csv": "epoch,loss,acc\n0,1,0.9\n"})
    rows = data_of(project, "diff", "HEAD", "--targets", "out.csv")["out.csv"][0]["content"]["data"]["values"]
    assert [(row["rev"], row["acc"]) for row in rows] == [
        ("workspace", "0.9"), ("HEAD", "0.1"), ("HEAD", "0.4"), ("HEAD", "0.7"),
    ]  # fmt: skip


def test_in_the_terminal(project: QuickProject, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "61")
    project.write({"loss.csv": LOSS.replace("0.7", "0.9")})
    out = project.done("plots", "diff", "--text")
    assert out.startswith("acc\n  ● workspace  ○ HEAD\nacc\n")
    assert max(len(line) for line in out.splitlines() if "picture" not in line) <= 60
    assert "pics/2.png at HEAD: a picture of 8 B, to be seen in the page" in out
    assert out.index("pics/2.png") < out.index("pics/10.png")
    assert not (project.root / "dvc_plots").exists()


def test_names_of_files_do_not_reach_the_terminal_as_they_are(project: QuickProject) -> None:
    name = "a\x1b[2J.png"
    project.write({name: PNG, "b\x1b[2J.csv": LOSS})
    out = project.done("plots", "show", name, "b\x1b[2J.csv", "--text")
    assert "\x1b" not in out
    assert "a\ufffd[2J.png: a picture of 8 B" in out


def test_seen_from_a_folder(project: QuickProject) -> None:
    folder = project.root / "sub"
    project.write({"sub/dvc.yaml": "plots: [x.tsv, ../loss.csv: {y: acc}]\n", "sub/x.tsv": "q\n1\n"})
    found = json.loads(project.run("plots", "show", "--json", cwd=folder).out)["data"]
    assert set(found) == {"acc", "../loss.csv", "../pics/2.png", "../pics/10.png", "x.tsv", "dvc.yaml::../loss.csv"}
    assert list(json.loads(project.run("plots", "show", "--json", "x.tsv", cwd=folder).out)["data"]) == ["x.tsv"]
    named = project.run("plots", "show", "--json", "dvc.yaml::../loss.csv", cwd=folder)
    assert list(json.loads(named.out)["data"]) == ["../loss.csv"]


def test_templates(project: QuickProject) -> None:
    names = project.done("plots", "templates").split()
    assert len(names) == 9
    mine = {"data": {"values": "<DVC_METRIC_DATA>"}, "mark": "bar", "title": "<DVC_METRIC_TITLE> mine"}
    project.write({".dvc/plots/mine.json": json.dumps(mine), "elsewhere.json": json.dumps(mine)})
    assert project.done("plots", "templates").split() == [*names, "mine"]
    assert json.loads(project.done("plots", "templates", "mine")) == mine
    assert (
        json.loads(project.done("plots", "templates", "linear", "--json"))["encoding"]["x"]["field"] == "<DVC_METRIC_X>"
    )
    for name in ("mine", "mine.json", "elsewhere.json"):
        [plot] = data_of(project, "show", "acc", "-t", name)["acc"]
        assert plot["content"]["title"] == "acc mine"
        assert plot["content"]["data"]["values"][0]["filename"] == "loss.csv"
    project.write({".dvc/plots/simple.json": json.dumps(mine)})
    assert data_of(project, "show", "acc", "-t", "simple")["acc"][0]["content"]["mark"] == "bar", "one's own goes first"
    project.write({".dvc/plots/bad.json": '{\n"a": ', ".dvc/plots/list.json": "[]", ".dvc/plots/empty.json": "{}"})
    assert ".dvc/plots/bad.json:2:6: not JSON" in project.fails("plots", "show", "-t", "bad")
    assert "expected a JSON object" in project.fails("plots", "show", "-t", "list")
    assert "no place for data" in project.fails("plots", "show", "acc", "-t", "empty")
    assert "no template 'linaer'. Did you mean 'linear'" in project.fails("plots", "show", "-t", "linaer")
    assert "no template 'nothing'" in project.fails("plots", "templates", "nothing")


def test_a_template_that_is_not_there_takes_one_plot_away(project: QuickProject) -> None:
    project.write({"dvc.yaml": PIPELINE.replace("title: Loss", "template: scater")})
    ended = project.run("plots", "show", "--json")
    found = json.loads(ended.out)
    assert ended.status == 1
    assert ended.err == "warning: There is no template 'scater'. Did you mean 'scatter' or 'scatter_jitter'?\n"
    assert found["errors"][0]["type"] == "TemplateNotFoundError"
    assert found["data"]["loss.csv"] == []
    assert found["data"]["acc"] != []


@pytest.mark.parametrize(
    ("name", "data", "options", "problem"),
    [
        ("f.csv", b"", (), "f.csv: nothing to plot: it has no line of data"),
        ("f.csv", b"a,b\n1,2,3\n", (), "f.csv:2: expected 2 values, found 3"),
        ("f.csv", b"a,b\n1,x\n2,y\n", (), "f.csv: the field 'b' has no number to draw"),
        ("f.csv", b"a,b\n1,nan\n2,inf\n", (), "f.csv: the field 'b' has no number to draw"),
        ("f.csv", b"loss,acc\n1,2\n", ("-y", "los"), "no field 'los'. Did you mean 'loss'? It has 'loss', 'acc'."),
        ("f.csv", b"loss,acc\n1,2\n", ("-x", "step"), "no field 'step'. It has 'loss', 'acc'."),
        ("f.json", b'[{"a": 1}', (), "f.json:1:10: not JSON"),
        ("f.json", b'{"a": 1}', (), "f.json: nothing to plot"),
        ("f.yaml", b"a: [", (), "f.yaml:2:1"),
        ("f.bin", b"\0", (), "f.bin: cannot be plotted"),
        ("f", b"a\n1\n", (), "f: cannot be plotted"),
    ],
)
def test_files_that_cannot_be_shown(
    project: QuickProject, name: str, data: bytes, options: tuple[str, ...], problem: str
) -> None:
    project.write({name: data})
    assert problem in project.fails("plots", "show", name, *options)
    project.write({"dvc.yaml": f"plots: [loss.csv, {name}]\n"})
    ended = project.run("plots", "show")
    assert ended.status == (1 if not options else 0)
    assert "index.html" in ended.out, "the other one is shown"
    assert ended.err.count("\n") == ended.status


def test_values_that_are_no_numbers_are_left_out_and_counted(project: QuickProject) -> None:
    project.write({"f.json": '[{"l": 1}, {"l": NaN}, {"l": -Infinity}, {"l": 2}]'})
    rows = data_of(project, "show", "f.json")["f.json"][0]["content"]["data"]["values"]
    assert [row["l"] for row in rows] == [1, "NaN", "-Infinity", 2]
    assert "Not shown, because not a finite number: 2 values." in project.done("plots", "show", "f.json", "--text")
    assert "2 values." in page_of(project, "show", "f.json")


def test_what_does_not_go_together(project: QuickProject) -> None:
    for arguments in (
        ("--show-vega",), ("--show-vega", "a", "b"), ("--show-vega", "acc", "--json"), ("--text", "--json"),
        ("--text", "-o", "x"), ("--split",), ("--open", "--json"), ("--html-template", "x", "--text"),
    ):  # fmt: skip
        assert project.run("plots", "show", *arguments).status == 2
    assert "Vega-Lite of a picture" in project.fails("plots", "show", "--show-vega", "pics/2.png")
    assert "no file 'los.csv'. Did you mean 'loss.csv'" in project.fails("plots", "show", "los.csv")


def test_nothing_to_show(tmp_path: Path) -> None:
    project = QuickProject(tmp_path / "fresh")
    assert project.done("plots", "show") == "There are no plots here.\n"
    assert project.done("plots", "show", "--json") == "{}\n"
    assert project.done("plots", "diff", "--json") == "{}\n", "nothing was committed yet"
    assert not (project.root / "dvc_plots").exists()
    project.write({".dvc/config": "[core]\n    no_scm = True\n"})
    assert "not in a Git repository" in project.fails("plots", "diff")


def test_files_outside_a_repository(project: QuickProject, tmp_path: Path) -> None:
    folder = tmp_path / "plain"
    folder.mkdir()
    (folder / "loss.csv").write_text(LOSS)
    (tmp_path / "up.csv").write_text(LOSS)
    ended = project.run("plots", "show", "loss.csv", "../up.csv", "--json", cwd=folder)
    assert list(json.loads(ended.out)["data"]) == ["loss.csv", "../up.csv"]
    assert project.run("plots", "show", "loss.csv", "--text", cwd=folder).out.startswith("loss.csv\nacc\n")
    assert project.run("plots", "show", "none.csv", cwd=folder).err.startswith("error: There is no plot and no file")
    assert "siglum init" in project.run("plots", "show", cwd=folder).err
    assert project.run("plots", "templates", cwd=folder).out.startswith("simple\n")
    assert [path.name for path in folder.iterdir()] == ["loss.csv"]


def test_modify_keeps_the_rest_of_the_file(project: QuickProject) -> None:
    project.done("plots", "modify", "loss.csv", "-t", "simple", "--title", "New", "--x-label", "E", "--no-header")
    assert project.read("dvc.yaml") == PIPELINE.replace(
        "title: Loss}", "title: New, template: simple, \n          x_label: E, header: false}"
    )
    project.done("plots", "modify", "loss.csv", "--unset", "template", "x-label", "header", "title")
    assert project.read("dvc.yaml") == PIPELINE.replace(", title: Loss", "")
    out = project.done("plots", "modify", "loss.csv", "-x", "epoch")
    assert out == "loss.csv (x: epoch, y: loss): it is so in dvc.yaml\n"
    found = json.loads(project.done("plots", "modify", "pics", "-y", "v", "--json"))
    assert found == {"path": "pics", "file": "dvc.yaml", "plot": {"y": "v"}}


def test_modify_makes_plots_of_other_outputs(project: QuickProject) -> None:
    project.write(
        {
            "dvc.yaml": "stages:\n  a:\n    cmd: x\n    outs:   # all of them\n    - o1\n    - o2: {desc: d}\n"
            "    metrics: [m.json: {cache: false}]\n    plots:\n    - n.csv   # kept\n    - p.csv\n"
        }
    )
    for name in ("o1", "o2", "m.json"):
        project.done("plots", "modify", name, "-y", "v")
    assert project.read("dvc.yaml") == (
        "stages:\n  a:\n    cmd: x\n    plots:\n    - m.json:\n        cache: false\n        y: v\n"
        "    - n.csv   # kept\n    - o1:\n        y: v\n    - o2:\n        desc: d\n        y: v\n    - p.csv\n"
    )


def test_modify_what_cannot_be(project: QuickProject) -> None:
    project.write(
        {
            "dvc.yaml": "vars: [{v: q}]\nstages:\n"
            "  a: {cmd: x, plots: [p.csv: [{x: a}, {y: b}], '${v}.csv', r.csv: {x: a}]}\n"
            "  b: {foreach: [1, 2], do: {cmd: x, plots: ['f${item}.csv']}}\nplots: [top.csv]\n",
            "d.csv": "a\n1\n",
        }
    )
    project.done("add", "d.csv")
    with project.unchanged():
        for arguments, problem in (
            (("none.csv", "-x", "a"), "No stage has the output none.csv"),
            (("top.csv", "-x", "a"), "No stage has the output top.csv"),
            (("d.csv", "-x", "a"), "d.csv is tracked by a .dvc file"),
            (("p.csv", "-x", "a"), "p.csv is plotted in several ways"),
            (("q.csv", "-x", "a"), "writes the path of q.csv with ${}"),
            (("f1.csv", "-x", "a"), "cannot be changed alone"),
            (("r.csv", "--unset", "y"), "The plot r.csv has no property 'y' to unset. It has x."),
            (("r.csv", "--unset", "titel"), "Did you mean 'title'"),
            (("r.csv", "-t", "linaer"), "Did you mean 'linear'"),
            (("../r.csv", "-x", "a"), "outside the repository"),
        ):
            assert problem in project.fails("plots", "modify", *arguments)


def test_recorded_folders_that_only_a_remote_has(project: QuickProject, tmp_path: Path) -> None:
    project.write(
        {
            "dvc.yaml": "stages: {a: {cmd: mkdir -p out/deep && cp loss.csv out/deep/l.csv && cp pics/2.png out/1.png, "
            "deps: [loss.csv], plots: [out]}}\n"
        }
    )
    project.done("repro")
    project.commit("made")
    project.done("remote", "add", "-d", "store", str(tmp_path / "store"))
    project.done("push")
    shutil.rmtree(project.root / "out")
    shutil.rmtree(project.root / ".dvc/cache")
    found = data_of(project, "diff", "HEAD")
    assert {name: [each["revisions"] for each in entries] for name, entries in found.items()} == {
        "out/deep/l.csv": [["workspace", "HEAD"]],
        "out/1.png": [["workspace"], ["HEAD"]],
    }
    assert (project.root / "dvc_plots/HEAD_out_1.png").read_bytes() == PNG
    shutil.rmtree(tmp_path / "store/files")
    ended = project.run("plots", "diff", "HEAD")
    assert ended.status == 1
    assert "warning: HEAD: out/deep/l.csv is not in the cache: Remote 'store' does not have" in ended.err


def test_a_damaged_object_is_not_shown(project: QuickProject) -> None:
    project.write({"dvc.yaml": "stages: {a: {cmd: cp loss.csv out.csv, deps: [loss.csv], plots: [out.csv]}}\n"})
    project.done("repro")
    listed = json.loads(project.done("list", ".", "--show-hash", "--json"))
    [md5] = [each["md5"] for each in listed if each["path"] == "out.csv"]
    (project.root / "out.csv").unlink()
    project.damage(md5)
    problem = project.fails("plots", "show", "out.csv")
    assert problem.startswith("out.csv: ")
    assert "is damaged" in problem


def test_a_repository_below_gits_root(tmp_path: Path) -> None:
    outer = QuickProject(tmp_path / "outer")
    shutil.rmtree(outer.root / ".dvc")
    outer.write(
        {"inner/.dvc/config": "", "inner/dvc.yaml": "plots: [l.csv, d]\n", "inner/l.csv": LOSS, "inner/d/m.csv": LOSS}
    )
    outer.commit()
    outer.write({"inner/l.csv": LOSS.replace("0.7", "0.8")})
    found = json.loads(outer.run("plots", "diff", "--json", cwd=outer.root / "inner").out)["data"]
    assert {name: each[0]["revisions"] for name, each in found.items()} == {
        "l.csv": ["workspace", "HEAD"],
        "d/m.csv": ["workspace", "HEAD"],
    }
