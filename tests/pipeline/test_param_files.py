"""Parameters files of all four formats, and dotted keys into them."""

from __future__ import annotations

from typing import Any

import pytest

from siglum.core.errors import FileFormatError, InvalidInputError
from siglum.pipeline.definition.param_files import check_recordable, parse_params, select

PYTHON = b"""
import os
LR = 0.1
BETA: float = 0.9
NAMES = ["a", "b"]
OPT = {"name": "adam", "depth": {"n": 1}}
HOME = os.environ["HOME"]
a = b = 1

class Train:
    epochs = 3
    def __init__(self):
        self.seed = 7
        self.path = os.getcwd()
        local = 1

    def other(self):
        self.never = 1
"""


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("p.yaml", b"a: {b: [1, 2]}\nc: 1e-5\n"),
        ("p.conf", b"a: {b: [1, 2]}\nc: 1e-5\n"),
        ("p.json", b'{"a": {"b": [1, 2]}, "c": 1e-5}'),
        ("p.toml", b"c = 1e-5\n[a]\nb = [1, 2]\n"),
        ("p.py", b"a = {'b': [1, 2]}\nc = 1e-5\n"),
    ],
)
def test_formats(name: str, data: bytes) -> None:
    assert parse_params(data, name) == {"a": {"b": [1, 2]}, "c": 1e-5}


def test_python_is_read_not_run() -> None:
    assert parse_params(PYTHON, "p.py") == {
        "LR": 0.1,
        "BETA": 0.9,
        "NAMES": ["a", "b"],
        "OPT": {"name": "adam", "depth": {"n": 1}},
        "Train": {"epochs": 3, "seed": 7},
    }


@pytest.mark.parametrize("name", ["p.yaml", "p.py"])
def test_empty(name: str) -> None:
    assert parse_params(b"", name) == {}


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("p.yaml", b"a: [1\n", "p.yaml:2:1: "),
        ("p.yaml", b"- 1\n", "p.yaml:1: expected keys and values at the top, not a list"),
        ("p.json", b"{", "p.json:1:2: not JSON"),
        ("p.toml", b"\na = ", "p.toml:2: not TOML: Invalid value"),
        ("p.toml", b"\na = x", "p.toml:2:5: not TOML: Invalid value"),
        ("p.json", b'{"a": \xff}', "p.json:1:7: not UTF-8"),
        ("p.json", b'{"a": ' + b"1" * 5000, "p.json: not JSON: "),
        ("p.py", b"a = (\n", "p.py:1:"),
    ],
)
def test_damaged(name: str, data: bytes, said: str) -> None:
    with pytest.raises(FileFormatError) as caught:
        parse_params(data, name)
    assert str(caught.value).startswith(said)


def test_select() -> None:
    values: dict[Any, Any] = {"a": {"b": [10, {"c": 1}]}, "n": None, 5: {"x": 1}}
    assert select(values, ["a.b.1.c", "a.b.0", "n", "5.x", "zzz", "a.b.9", "n.x"]) == {
        "a.b.1.c": 1,
        "a.b.0": 10,
        "n": None,
        "5.x": 1,
    }
    assert select(values, []) == values


def test_a_selected_value_is_the_same_object() -> None:
    values = {"a": {"b": {"c": 1}}}
    found = select(values, ["a", "a.b"])
    assert found["a.b"] is found["a"]["b"]


def test_dates_cannot_be_recorded() -> None:
    values = parse_params(b"ok: 1\nwhen: [2020-01-01]\n", "params.yaml")
    check_recordable({"ok": values["ok"]}, "params.yaml")
    with pytest.raises(InvalidInputError, match=r"The parameter 'when' in params.yaml is a date"):
        check_recordable(values, "params.yaml")
