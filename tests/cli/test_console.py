"""What commands print: text for people, one line of JSON for programs."""

from __future__ import annotations

import io
import json
import math

import pytest

from siglum.cli.console import Console
from siglum.core.errors import NotFoundError


def test_under_json_only_the_result_is_printed() -> None:
    out = io.StringIO()
    console = Console(json=True, out=out)
    console.say("words")
    console.table(["a"], [["b"]])
    console.result({"a": [1, 2]})
    assert out.getvalue() == '{"a":[1,2]}\n'


def test_numbers_that_json_does_not_have_are_named() -> None:
    out = io.StringIO()
    Console(json=True, out=out).result({"loss": [math.nan, math.inf, -math.inf, 0.5]})
    assert json.loads(out.getvalue()) == {"loss": ["NaN", "Infinity", "-Infinity", 0.5]}


def test_quiet_prints_nothing() -> None:
    out = io.StringIO()
    console = Console(quiet=True, out=out)
    console.say("words")
    console.result({"a": 1})
    assert out.getvalue() == ""


def test_a_table_is_aligned() -> None:
    out = io.StringIO()
    Console(out=out).table(["name", "n"], [["a", "1"], ["longer", "22"]])
    assert out.getvalue().splitlines() == ["name    n", "a       1", "longer  22"]


def test_an_error_is_one_line_whatever_it_holds(capsys: pytest.CaptureFixture[str]) -> None:
    Console().error(NotFoundError("No file 'a\nb'.", hint="Look again."))
    assert capsys.readouterr().err == "error: No file 'a b'. Look again.\n"
