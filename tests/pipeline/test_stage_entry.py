"""What a new stage looks like in dvc.yaml."""

from __future__ import annotations

import pytest

from siglum.core.errors import InvalidInputError
from siglum.pipeline.definition.schema import OutputKind
from siglum.pipeline.definition.stage_entry import (
    NewOutput,
    NewStage,
    check_new,
    command_text,
    keep_annotations,
    make_entry,
)


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["echo  a 'b c' > x"], "echo  a 'b c' > x"),
        (["echo", "a b", "c"], 'echo "a b" c'),
        (["echo", ""], 'echo ""'),
        (["echo", 'a "b', "*"], 'echo a "b *'),
    ],
)
def test_commands_are_quoted_as_dvc_quotes_them(words: list[str], text: str) -> None:
    assert command_text(words) == text


@pytest.mark.parametrize("name", ["", " ", "a.b", "a@b", "a/b", "a:b", "a\nb"])
def test_names_that_no_stage_can_have(name: str) -> None:
    with pytest.raises(InvalidInputError):
        check_new(NewStage(name, "x"))


def test_names_that_a_stage_can_have() -> None:
    for name in ("a", "a-b_c", "two words", "ünï"):
        check_new(NewStage(name, "x"))


def test_an_entry_is_sorted_and_holds_what_was_given_only() -> None:
    outs = (
        NewOutput("z"),
        NewOutput("/root/f/abs"),
        NewOutput("keep", persist=True, cache=False),
        NewOutput("m", OutputKind.METRICS, cache=False),
        NewOutput("p", OutputKind.PLOTS),
    )
    new = NewStage(
        "s", "c", ("./b", "/root/a", "/etc/x"), ("y,x", "t.toml:", "params.yaml:a", "k.yaml:b,a"), outs, "d/"
    )
    entry = make_entry(new, "/root/f")
    assert list(entry) == ["cmd", "wdir", "deps", "params", "outs", "metrics", "plots"]
    assert entry == {
        "cmd": "c",
        "wdir": "d",
        "deps": ["./b", "/etc/x", "/root/a"],
        "params": ["a", "x", "y", {"k.yaml": ["a", "b"]}, {"t.toml": None}],
        "outs": ["../abs", {"keep": {"cache": False, "persist": True}}, "z"],
        "metrics": [{"m": {"cache": False}}],
        "plots": ["p"],
    }
    assert make_entry(NewStage("s", "c", wdir="."), "/root") == {"cmd": "c"}


@pytest.mark.parametrize(
    "new",
    [
        NewStage("s", "c", deps=("a", "./a")),
        NewStage("s", "c", outs=(NewOutput("a"), NewOutput("b/../a", OutputKind.METRICS))),
        NewStage("s", "c", deps=("a",), outs=(NewOutput("a/"),)),
        NewStage("s", "c", params=("params.yaml:a", "./params.yaml:b")),
    ],
)
def test_a_path_is_named_once(new: NewStage) -> None:
    with pytest.raises(InvalidInputError, match="twice"):
        make_entry(new, "/root")


def test_annotations_of_a_replaced_stage_stay() -> None:
    before = {
        "cmd": "old",
        "desc": "words",
        "meta": {"a": 1},
        "frozen": True,
        "outs": [{"o": {"cache": False, "desc": "of o", "labels": ["l"]}}, "p"],
    }
    kept = keep_annotations({"cmd": "new", "outs": ["o", {"p": {"persist": True}}]}, before)
    assert kept == {
        "cmd": "new",
        "desc": "words",
        "meta": {"a": 1},
        "outs": [{"o": {"desc": "of o", "labels": ["l"]}}, {"p": {"persist": True}}],
    }
    assert keep_annotations({"cmd": "new", "desc": "given"}, before)["desc"] == "given"
