"""`${…}`, vars, foreach and matrix: what they become, and how errors name the place. Names are DVC's, byte for byte."""

from __future__ import annotations

from typing import Any

import pytest
from tests.pipeline.pipeline_texts import stages_of

from siglum.core.errors import FileFormatError

PARAMS: dict[Any, Any] = {
    "lr": 0.1,
    "train": {"epochs": 3, "opt": {"name": "adam", "beta": [0.9, 0.999]}},
    "models": ["us", "gb"],
    "bools": [True, None, 1.5],
    "units": [{"n": 1}, {"n": 2}],
    "by_name": {"x": {"v": 1}, "y": {"v": 2}},
    "flag": True,
    "folder": "sub",
    "none": None,
    5: "invisible",
}
FILES = {"params.yaml": PARAMS, "more.yaml": {"extra": {"a": 1}, "b": 2}, "sub/local.yaml": {"deep": "d"}}


def commands(text: str) -> dict[str, Any]:
    return {name: stage.command for name, stage in stages_of(text, FILES).items()}


def test_values_in_text_and_alone() -> None:
    stage = stages_of(
        """
        vars: [{names: {out: o.txt}, keep: {cache: false}}]
        stages:
          a:
            cmd: run ${ lr } ${train.opt.beta[1]} ${flag} \\${HOME} ${train.opt} ${unclosed
            wdir: ${folder}
            deps: ['${models[0]}.csv']
            params: ['${folder}.x']
            outs: [{'${names.out}': {cache: false, persist: true}}]
            meta: {rate: '${lr}', count: '${train.epochs}'}
        """,
        FILES,
    )["a"]
    assert stage.command == "run 0.1 0.999 true ${HOME} --name adam --beta 0.9 0.999 ${unclosed"
    assert (stage.wdir, stage.deps[0].key, stage.outs[0].key) == ("sub", "sub/us.csv", "sub/o.txt")
    assert stage.params[0].key == "sub/params.yaml"
    assert stage.meta == {"rate": 0.1, "count": 3}
    assert stage.used_params["params.yaml"] == {
        "lr": 0.1,
        "train.opt.beta.1": 0.999,
        "flag": True,
        "train.opt": PARAMS["train"]["opt"],
        "folder": "sub",
        "models.0": "us",
        "train.epochs": 3,
    }


def test_vars_of_files_keys_and_stages() -> None:
    found = commands(
        """
        vars: ['more.yaml:extra', {extra: {c: 3}}]
        stages:
          a: {cmd: '${extra.a} ${extra.c}'}
          b: {cmd: '${deep} ${own}', wdir: sub, vars: [local.yaml, {own: 9}]}
        """
    )
    assert found == {"a": "1 3", "b": "d 9"}


@pytest.mark.parametrize(
    ("foreach", "names"),
    [
        ("['x', 'y']", ["x", "y"]),
        ("[1, true, 1.5, null]", ["1", "true", "1.5", "None"]),
        ("${models}", ["us", "gb"]),
        ("${bools}", ["True", "None", "1.5"]),
        ("['${flag}']", ["True"]),
        ("${units}", ["0", "1"]),
        ("[a, {b: 1}]", ["0", "1"]),
        ("${by_name}", ["x", "y"]),
        ("{p: 1, 2: 2}", ["p", "2"]),
        ("[a, a]", ["a"]),
    ],
)
def test_names_of_foreach(foreach: str, names: list[str]) -> None:
    found = stages_of(f"stages: {{s: {{foreach: {_quoted(foreach)}, do: {{cmd: 'run'}}}}}}", FILES)
    assert list(found) == [f"s@{name}" for name in names]


def _quoted(text: str) -> str:
    return f"'{text}'" if text.startswith("$") else text


def test_items_and_keys_of_foreach() -> None:
    found = commands(
        """
        stages:
          one: {foreach: '${by_name}', do: {cmd: '${key} ${item.v} ${lr}'}}
          two: {foreach: '${units}', do: {cmd: '${item.n}'}}
          three: {foreach: [{n: '${lr}'}], do: {cmd: '${item.n}'}}
        """
    )
    assert found == {
        "one@x": "x 1 0.1",
        "one@y": "y 2 0.1",
        "two@0": "1",
        "two@1": "2",
        "three@0": "0.1",
    }


def test_a_generated_stage_remembers_which_values_it_used() -> None:
    found = stages_of("stages: {s: {foreach: '${units}', do: {cmd: 'x ${item.n}'}}}", FILES)
    assert found["s@1"].used_params == {"params.yaml": {"units.1.n": 2}}


def test_matrix() -> None:
    found = commands(
        """
        stages:
          g:
            matrix: {m: [cnn, true], d: [{v: 1}, {v: 2}], u: '${bools}'}
            cmd: ${item.m} ${item.d.v} ${item.u} ${key}
        """
    )
    assert len(found) == 12
    assert list(found)[:4] == ["g@cnn-d0-True", "g@cnn-d0-None", "g@cnn-d0-1.5", "g@cnn-d1-True"]
    assert found["g@true-d1-1.5"] == "true 2 1.5 true-d1-1.5"


MISTAKES = [
    ("stages:\n  a:\n    cmd: x ${nope}", "dvc.yaml:3:5: stages.a.cmd: '${nope}' is not defined: there is no 'nope'"),
    ("stages:\n  a: {cmd: '${train.epoch}'}", "there is no 'epoch' in 'train'. Did you mean 'epochs'?"),
    ("stages:\n  a: {cmd: '${models[7]}'}", "there is no '7' in 'models'"),
    ("stages:\n  a: {cmd: '${lr.x}'}", "there is no 'x' in 'lr'"),
    ("stages:\n  a: {cmd: '${5}'}", "'${5}' is not defined"),
    ("stages:\n  a: {cmd: '${a..b}'}", "stages.a.cmd: '${a..b}' is not an expression"),
    ("stages:\n  a: {cmd: x, deps: ['${models}']}", "stages.a.deps[0]: '${models}' is a list, where one value"),
    ("stages:\n  a: {cmd: 'x ${models}'}", "stages.a.cmd: '${models}' is a list, which cannot stand inside text"),
    ("stages:\n  a: {cmd: x, deps: ['a ${train}']}", "'${train}' is a mapping, which cannot stand inside text"),
    ("stages:\n  a: {cmd: x, deps: ['${lr}']}", "dvc.yaml:2:22: stages.a.deps[0]: expected text, not a number"),
    ("stages:\n  a: {cmd: x, wdir: '${nope}'}", "stages.a.wdir: '${nope}' is not defined"),
    ("vars: ['${lr}']", "dvc.yaml:1:8: vars[0]: templates are not allowed in 'vars'"),
    ("vars: [{lr: 2}]", "vars[0]: cannot redefine 'lr' from 'vars[0]': it is in 'params.yaml'"),
    ("vars: [{train: {epochs: 2}}]", "cannot redefine 'train.epochs'"),
    ("vars: [none.yaml]", "vars[0]: the file 'none.yaml' does not exist"),
    ("vars: ['more.yaml:zzz']", "there is no 'zzz' in 'more.yaml'"),
    ("vars: [more.yaml, 'more.yaml:b']", "vars[1]: cannot load 'more.yaml:b' in part"),
    ("vars: ['more.yaml:b', more.yaml]", "vars[1]: cannot load 'more.yaml': a part of it is loaded already"),
    ("vars: ['more.yaml:b', 'more.yaml:b']", "a part of it is loaded already"),
    ("stages:\n  a: {foreach: '${lr}', do: {cmd: x}}", "stages.a.foreach: expected a list or a mapping, not a number"),
    ("stages:\n  a: {matrix: {m: '${lr}'}, cmd: x}", "stages.a.matrix.m: expected a list, not a number"),
    ("stages:\n  a: {foreach: [1], do: {cmd: x, vars: [{item: 1}]}}", "may not redefine 'item'"),
    ("stages:\n  a: {cmd: x, wdir: ../..}", "stages.a.wdir: '../..' lies outside the repository"),
    ("stages:\n  a: {cmd: x, outs: [/tmp/x]}", "stages.a.outs: the output '/tmp/x' lies outside the repository"),
    ("stages:\n  a: {cmd: x, outs: [../x]}", "the output '../x' lies outside the repository"),
    ("stages:\n  a: {cmd: x, outs: [dvc.yaml]}", "'dvc.yaml' describes data and cannot be an output"),
    ("stages:\n  a: {cmd: x, deps: [d.dvc]}", "'d.dvc' describes data and cannot be a dependency"),
    ("stages:\n  a: {cmd: x, deps: [x], outs: [x]}", "'x' is both a dependency and an output"),
    ("stages:\n  a: {cmd: x, outs: [x], metrics: [./x]}", "stages.a.metrics: './x' is listed twice"),
    ("stages:\n  a: {cmd: x, outs: ['${none}']}", "stages.a.outs[0]: expected a path or {path: {flags}}, not nothing"),
]


@pytest.mark.parametrize(("text", "said"), MISTAKES, ids=[said for _, said in MISTAKES])
def test_mistakes_name_the_place(text: str, said: str) -> None:
    with pytest.raises(FileFormatError) as caught:
        stages_of(text, FILES)
    assert said in str(caught.value)
    assert caught.value.line is not None
    assert "\n" not in str(caught.value)


def test_loading_a_file_twice_is_no_mistake() -> None:
    assert commands("vars: [params.yaml, more.yaml, more.yaml]\nstages: {a: {cmd: '${b}'}}") == {"a": "2"}


def test_stages_below_the_root_are_called_by_their_file() -> None:
    found = stages_of("stages: {a: {cmd: x, deps: [../in], outs: [out], wdir: deep}}", {}, file="sub/dvc.yaml")
    stage = found["sub/dvc.yaml:a"]
    assert (stage.wdir, stage.deps[0].key, stage.outs[0].key) == ("sub/deep", "sub/in", "sub/deep/out")
    assert stage.lock_path == "sub/dvc.lock"
