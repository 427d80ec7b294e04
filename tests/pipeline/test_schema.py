"""The shape of `dvc.yaml`: what is accepted and kept, and how each mistake is said with its place."""

from __future__ import annotations

import pytest
from tests.pipeline.pipeline_texts import document, parsed

from siglum.core.errors import FileFormatError
from siglum.pipeline.definition.schema import (
    ForeachTemplate,
    MatrixTemplate,
    OutputDeclaration,
    OutputKind,
    ParamsDeclaration,
    PlainTemplate,
    StageDeclaration,
    decode_stage,
)

EVERYTHING = """
    vars: [more.yaml, 'other.yaml:a,b', {model: {name: cnn}}]
    params: [p.yaml]
    metrics: [m.json]
    plots:
      - a.csv
      - curve: {x: step, y: {a.csv: [loss]}, title: t}
      - plain:
    artifacts: {model: {path: m.pkl, type: model, labels: [x]}}
    datasets: [{name: d, type: url, url: s3://b/d}]
    stages:
      train:
        cmd: [a, b]
        wdir: sub
        deps: [x, y]
        params: [lr, {p.toml: [a.b]}, {whole.yaml: }, opt]
        outs: [o, {big: {persist: true, remote: r, push: false, desc: d}}]
        metrics: [{m.json: {cache: false}}]
        plots: [{p.csv: {x: a, y: b}}, {q.csv: [{y: c}, {y: d}]}]
        frozen: true
        always_changed: true
        desc: text
        meta: {any: [1]}
      each:
        foreach: [1, 2]
        do: {cmd: echo}
      grid:
        matrix: {m: [a], d: '${x}'}
        cmd: echo
"""


def test_everything_is_kept() -> None:
    file = parsed(EVERYTHING)
    assert file.vars == ("more.yaml", "other.yaml:a,b", {"model": {"name": "cnn"}})
    assert (file.params, file.metrics) == (("p.yaml",), ("m.json",))
    assert len(file.plots) == 3
    assert file.artifacts["model"]["path"] == "m.pkl"
    assert file.datasets[0]["name"] == "d"
    assert isinstance(file.stages["train"], PlainTemplate)
    assert file.stages["each"] == ForeachTemplate([1, 2], {"cmd": "echo"})
    assert file.stages["grid"] == MatrixTemplate({"m": ["a"], "d": "${x}"}, {"cmd": "echo"})


def test_a_stage_as_a_value() -> None:
    file = parsed(EVERYTHING)
    template = file.stages["train"]
    assert isinstance(template, PlainTemplate)
    assert decode_stage(file.document, (), template.stage) == StageDeclaration(
        command=("a", "b"),
        wdir="sub",
        deps=("x", "y"),
        params=(
            ParamsDeclaration("params.yaml", ("lr", "opt")),
            ParamsDeclaration("p.toml", ("a.b",)),
            ParamsDeclaration("whole.yaml", ()),
        ),
        outs=(
            OutputDeclaration("o", OutputKind.OUTS),
            OutputDeclaration("big", OutputKind.OUTS, persist=True, remote="r", push=False, annotations={"desc": "d"}),
            OutputDeclaration("m.json", OutputKind.METRICS, cache=False),
            OutputDeclaration("p.csv", OutputKind.PLOTS, plot=({"x": "a", "y": "b"},)),
            OutputDeclaration("q.csv", OutputKind.PLOTS, plot=({"y": "c"}, {"y": "d"})),
        ),
        frozen=True,
        always_changed=True,
        desc="text",
        meta={"any": [1]},
    )


@pytest.mark.parametrize("text", ["", "stages:", "stages: {}", "vars:"])
def test_an_empty_pipeline(text: str) -> None:
    assert parsed(text).stages == {}


MISTAKES = [
    ("stages: [a]", "dvc.yaml:1:1: stages: expected a mapping, not a list"),
    ("stage: {}", "dvc.yaml:1:1: stage: there is no such key here. Did you mean 'stages'?"),
    ("stages:\n  a:\n    cdm: x", "dvc.yaml:3:5: stages.a.cdm: there is no such key here. Did you mean 'cmd'?"),
    ("stages:\n  a:\n    deps: [x]", "dvc.yaml:2:3: stages.a: the stage has no 'cmd'"),
    ("stages:\n  a:\n    cmd: true", "stages.a.cmd: expected a command or a list of commands, not true or false"),
    ("stages:\n  a:\n    cmd: [x, 1]", "dvc.yaml:3:14: stages.a.cmd[1]: expected a command as text, not a number"),
    ("stages:\n  a:\n    cmd: ''", "stages.a.cmd: the command is empty"),
    ("stages:\n  a:\n    cmd: []", "stages.a.cmd: the command is empty"),
    ("stages:\n  a: {cmd: x, deps: [1]}", "dvc.yaml:2:22: stages.a.deps[0]: expected text, not a number"),
    ("stages:\n  a: {cmd: x, deps: x}", "stages.a.deps: expected a list, not text"),
    ("stages:\n  a: {cmd: x, frozen: yes}", "stages.a.frozen: expected true or false, not text"),
    ("stages:\n  a: {cmd: x, wdir: 1}", "stages.a.wdir: expected text, not a number"),
    ("stages:\n  a: {cmd: x, outs: [{o: {cash: true}}]}", "stages.a.outs[0].o.cash: there is no such key here"),
    ("stages:\n  a: {cmd: x, outs: [{o: {cache: 1}}]}", "stages.a.outs[0].o.cache: expected true or false"),
    ("stages:\n  a: {cmd: x, outs: [{o: }]}", "stages.a.outs[0].o: expected a mapping, not nothing"),
    ("stages:\n  a: {cmd: x, outs: [{o: {x: a}}]}", "stages.a.outs[0].o.x: there is no such key here"),
    ("stages:\n  a: {cmd: x, params: [1]}", "stages.a.params[0]: expected a key or {file: [keys]}, not a number"),
    ("stages:\n  a: {cmd: x, params: [{f: k}]}", "stages.a.params[0].f: expected a list, not text"),
    ("stages:\n  a: {foreach: [1]}", "stages.a: 'foreach' and 'do' belong together, and 'do' is missing"),
    ("stages:\n  a: {foreach: [1], do: {cmd: x}, deps: []}", "stages.a.deps: there is no such key here"),
    ("stages:\n  a: {foreach: 3, do: {cmd: x}}", "stages.a.foreach: expected a list, a mapping or ${…}"),
    ("stages:\n  a: {matrix: {m: 1}, cmd: x}", "stages.a.matrix.m: expected a list or ${…}, not a number"),
    ("stages:\n  a: {matrix: [1], cmd: x}", "stages.a.matrix: expected a mapping, not a list"),
    ("stages:\n  1: {cmd: x}", "the stage name 1 is not text"),
    ("vars: [1]", "dvc.yaml:1:8: vars[0]: expected a file or a mapping, not a number"),
    ("artifacts: {m: {type: x}}", "artifacts.m: the artifact has no 'path'"),
    ("metrics: [1]", "metrics[0]: expected text, not a number"),
    ("plots: [{a: {z: 1}}]", "plots[0].a.z: there is no such key here"),
    ("datasets: [{name: a}]", "datasets[0]: the dataset has no 'type'"),
    ("- a", "dvc.yaml:1:1: expected a mapping, not a list"),
]


@pytest.mark.parametrize(("text", "said"), MISTAKES, ids=[said for _, said in MISTAKES])
def test_mistakes_are_said_with_their_place(text: str, said: str) -> None:
    with pytest.raises(FileFormatError) as caught:
        parsed(text)
    assert said in str(caught.value)
    assert caught.value.line is not None
    assert "\n" not in str(caught.value)


def test_yaml_errors_name_line_and_column() -> None:
    with pytest.raises(FileFormatError, match=r"^dvc\.yaml:4:1: "):
        document("stages:\n  a:\n    cmd: [x\n")


def test_merge_conflicts_are_named() -> None:
    with pytest.raises(FileFormatError, match=r"^dvc\.yaml:2:1: .*conflict"):
        document("stages:\n<<<<<<< HEAD\n  a: {cmd: x}\n=======\n  a: {cmd: y}\n>>>>>>> b\n")
