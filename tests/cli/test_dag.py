"""`siglum dag`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.cli.quick import QuickProject

PIPELINE = """\
stages:
  prep: {cmd: x, deps: [in], outs: [p]}
  fit:
    foreach: [a, b]
    do: {cmd: x, deps: [p], outs: ['m_${item}']}
  best: {cmd: x, deps: [m_a, m_b], outs: [best]}
  lone: {cmd: x, outs: [l]}
"""


@pytest.fixture
def project(tmp_path: Path) -> QuickProject:
    project = QuickProject(tmp_path / "project")
    project.write({"dvc.yaml": PIPELINE})
    return project


def test_the_drawing(project: QuickProject) -> None:
    assert project.done("dag") == ("prep\n|-- fit@b\n|\nfit@a\n|\nbest  <- fit@b\n\nlone\n")
    assert project.done("dag", "--outs", "m_b") == "p\n|\nm_b\n"
    assert project.done("dag", "--collapse-foreach-matrix", "best") == "prep\n|\nfit\n|\nbest\n"
    assert project.done("dag", "--full", "fit@a") == "prep\n|-- fit@b\n|\nfit@a\n|\nbest  <- fit@b\n"
    assert project.done("dag", "-q") == ""


def test_json(project: QuickProject) -> None:
    assert json.loads(project.done("dag", "--json", "fit@a")) == {
        "nodes": ["prep", "fit@a"],
        "edges": [{"from": "prep", "to": "fit@a"}],
    }
    assert json.loads(project.done("dag", "--json", "--dot"))["nodes"][-1] == "lone"


def test_nothing_to_draw(tmp_path: Path) -> None:
    project = QuickProject(tmp_path / "empty")
    assert project.done("dag") == "There are no stages here.\n"
    assert json.loads(project.done("dag", "--json")) == {"nodes": [], "edges": []}


def test_what_cannot_be_drawn(project: QuickProject) -> None:
    assert "Did you mean 'best'" in project.fails("dag", "bset")
    assert "exclude each other" in project.fails("dag", "--outs", "--collapse-foreach-matrix", status=2)
    circle = "stages: {a: {cmd: x, deps: [b], outs: [a]}, b: {cmd: x, deps: [a], outs: [b]}}\n"
    project.write({"dvc.yaml": circle})
    for options in ((), ("--dot",), ("--outs",)):
        assert "'b' -> 'a' -> 'b'" in project.fails("dag", *options)
    project.write({"dvc.yaml": "stages:\n  a: {cmd: x, unknown: 1}\n"})
    assert "dvc.yaml:2:" in project.fails("dag")
