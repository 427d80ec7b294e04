"""`siglum metrics` and `siglum params`: what is said of files that are missing or damaged, and of odd states."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.cli.quick import QuickProject

from siglum.pipeline.sources.reading import Opened, Source

PIPELINE = "stages: {a: {cmd: x, params: [lr], metrics: [m.json: {cache: false}]}}\nmetrics: [top.yaml]\n"


@pytest.fixture
def project(tmp_path: Path) -> QuickProject:
    project = QuickProject(tmp_path / "project")
    project.write({"dvc.yaml": PIPELINE, "m.json": '{"a": 1}', "top.yaml": "t: 1\n", "params.yaml": "lr: 1\n"})
    project.commit()
    return project


def test_a_damaged_file_is_told_with_its_line_and_hides_no_other(project: QuickProject) -> None:
    project.write({"m.json": '{\n "a": ]', "top.yaml": "t: 2\n"})
    shown = project.run("metrics", "show")
    assert (shown.status, shown.out) == (1, "Path      t\nm.json    -\ntop.yaml  2\n")
    assert "m.json:2:7: not JSON" in shown.err
    found = project.run("metrics", "show", "--json")
    assert json.loads(found.out)[""]["data"]["m.json"]["error"]["type"] == "JSONFileCorruptedError"
    # Its values did not go away: it is no part of the comparison.
    compared = project.run("metrics", "diff", "--json")
    assert (compared.status, json.loads(compared.out)) == (1, {"top.yaml": {"t": {"old": 1, "new": 2, "diff": 1}}})
    assert "m.json:2:7: not JSON" in compared.err


@pytest.mark.parametrize(
    ("name", "data", "place", "kind"),
    [
        ("m.json", b"", "m.json:1:1", "JSONFileCorruptedError"),
        ("m.json", b'{"a": 1', "m.json:1:", "JSONFileCorruptedError"),
        ("m.json", b"[1, 2]", "m.json:1: expected keys and values", "JSONFileCorruptedError"),
        ("m.json", b"a\n\xff", "m.json:2:1: not UTF-8", "EncodingError"),
        ("m.yaml", b"a: 1\nb: [\n", "m.yaml:3:1", "YAMLFileCorruptedError"),
        ("m.yaml", b"a: 1\na: 2\n", "m.yaml:2:1", "YAMLFileCorruptedError"),
        ("m.toml", b"a = 1\nb = \n", "m.toml:2:5", "TOMLFileCorruptedError"),
        ("m.py", b"a = 1\nb = = 2\n", "m.py:2:5", "PythonFileCorruptedError"),
    ],
)
def test_damage_of_each_kind(project: QuickProject, name: str, data: bytes, place: str, kind: str) -> None:
    project.write({name: data})
    assert place in project.fails("metrics", "show", name)
    ended = project.run("metrics", "show", name, "--json")
    assert ended.status == 1
    assert json.loads(ended.out)[""]["data"][name]["error"]["type"] == kind


def test_files_that_are_not_there(project: QuickProject) -> None:
    (project.root / "m.json").unlink()
    ended = project.run("metrics", "show")
    assert (ended.status, ended.out) == (0, "Path      t\nm.json    -\ntop.yaml  1\n")
    assert ended.err == "warning: There is no file m.json. Its stage makes it.\n"
    assert "There is no file none.json" in project.fails("metrics", "show", "none.json")
    assert "There is no file none.json" in project.fails("metrics", "diff", "--targets", "none.json")
    assert "outside the repository" in project.fails("metrics", "show", "../x")
    compared = json.loads(project.done("metrics", "diff", "--json"))
    assert compared == {"m.json": {"a": {"old": 1, "new": None}}}


def test_a_file_that_is_one_number_has_it_under_no_name(project: QuickProject) -> None:
    project.write({"m.json": "0.5"})
    shown = project.run("metrics", "show", "m.json")
    assert (shown.status, shown.out) == (0, "Path\nm.json  0.5\n")
    assert json.loads(project.done("metrics", "show", "--json"))[""]["data"]["m.json"] == {"data": 0.5}
    project.commit()
    project.write({"m.json": "0.75"})
    compared = json.loads(project.done("metrics", "diff", "--json"))
    assert compared == {"m.json": {"": {"old": 0.5, "new": 0.75, "diff": 0.25}}}


def test_an_empty_name_among_others_hides_none_of_them(project: QuickProject) -> None:
    project.write({"m.json": '{"a": 1, "": 3}'})
    assert json.loads(project.done("metrics", "show", "--json"))[""]["data"]["m.json"] == {"data": {"a": 1, "": 3}}


def test_values_that_json_has_no_number_for(project: QuickProject) -> None:
    project.write({"m.json": '{"nan": NaN, "inf": -Infinity, "big": 123456789012345678901234567890}'})
    project.commit()
    assert json.loads(project.done("metrics", "show", "m.json", "--json"))[""]["data"]["m.json"]["data"] == {
        "nan": "NaN",
        "inf": "-Infinity",
        "big": 123456789012345678901234567890,
    }
    assert project.done("metrics", "diff") == "", "what is not a number did not change"


def test_a_state_whose_pipeline_cannot_be_read(project: QuickProject) -> None:
    project.write({"dvc.yaml": "stages:\n  a: {cmd: x, unknown: 1}\n"})
    project.commit("broken")
    project.git("tag", "broken")
    project.write({"dvc.yaml": PIPELINE})
    project.commit()
    ended = project.run("metrics", "show", "-T", "--json")
    assert ended.status == 1
    assert "dvc.yaml:2:" in ended.err
    found = json.loads(ended.out)
    assert set(found["broken"]) == {"error"}
    assert set(found["workspace"]) == {"data"}
    assert "broken: dvc.yaml:2:" in project.fails("metrics", "diff", "broken")
    assert "broken: dvc.yaml:2:" in project.fails("params", "diff", "broken")
    assert project.done("metrics", "diff", "broken", "--targets", "m.json", "--all").splitlines()[1].split() == [
        "m.json", "a", "1", "1", "0",
    ]  # fmt: skip
    assert "lr" in project.done("params", "diff", "broken", "--targets", "params.yaml", "--all")


def test_revisions_that_are_not_there(project: QuickProject) -> None:
    project.git("tag", "v1.0")
    for command in (("metrics", "diff"), ("params", "diff")):
        assert "'v1.1'. Did you mean 'v1.0'" in project.fails(*command, "v1.1")
        assert "no revision '--all'" in project.fails(*command, "--", "--all")


def test_before_the_first_commit_and_without_git(tmp_path: Path) -> None:
    project = QuickProject(tmp_path / "fresh")
    project.write({"dvc.yaml": PIPELINE, "m.json": '{"a": 1}', "params.yaml": "lr: 1\n"})
    assert json.loads(project.done("metrics", "diff", "--json")) == {"m.json": {"a": {"old": None, "new": 1}}}
    assert "lr" in project.done("params", "diff")
    project.write({".dvc/config": "[core]\n    no_scm = True\n"})
    assert project.done("metrics", "show", "m.json") == "Path    a\nm.json  1\n"
    assert "Git" in project.fails("metrics", "show", "-a")
    assert "Git" in project.fails("params", "diff", "HEAD")


def test_metrics_that_only_a_remote_has(project: QuickProject, monkeypatch: pytest.MonkeyPatch) -> None:
    project.write({"data/one.json": '{"one": 1}'})
    project.done("add", "data")
    project.done("remote", "add", "-d", "store", str(project.root.parent / "store"))
    project.done("push")
    project.commit()
    for path in sorted((project.root / ".dvc/cache").rglob("*"), reverse=True):
        path.chmod(0o755)
        path.rmdir() if path.is_dir() else path.unlink()
    (project.root / "data/one.json").unlink()
    (project.root / "data").rmdir()
    asked: list[str] = []
    opened = Source.open

    def noted(source: Source, path: str) -> Opened:
        asked.append(path)
        return opened(source, path)

    monkeypatch.setattr(Source, "open", noted)
    assert project.done("metrics", "show", "data") == "Path           one\ndata/one.json  1\n"
    assert project.done("metrics", "diff", "HEAD", "HEAD", "--targets", "data", "--all").endswith("0\n")
    assert set(asked) == {"data/one.json"}
    assert not (project.root / "data").exists()


def test_quiet_and_markdown(project: QuickProject) -> None:
    project.write({"params.yaml": "lr: 2\n"})
    assert project.done("params", "diff", "-q") == ""
    assert project.done("params", "diff", "--show-md") == project.done("params", "diff", "--md")
    assert project.done("params", "diff", "--md").startswith("| Path        | Param   | HEAD   | workspace   |\n")
