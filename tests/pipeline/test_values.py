"""Metrics and parameters as values to show and compare."""

from __future__ import annotations

import math

from siglum.pipeline.results.values import Flat, ValueChange, cell, compare, diff_rows, flat, metrics_in, show_rows


def test_metrics_are_numbers_texts_and_truth_values() -> None:
    values = {"a": 1, "b": {"c": 0.5, "d": [1], "e": {}}, "f": None, "g": "x", "h": True, 3: 4, "i": {"j": [1]}}
    assert metrics_in(values) == {"a": 1, "b": {"c": 0.5}, "g": "x", "h": True, "3": 4}


def test_flat_values_have_dotted_keys_and_lists_as_text() -> None:
    values = {"a": {"b": {"c": 1}}, "l": [1, {"x": 2}], "n": None, 1: "one", "e": {}, "k.d": 2}
    assert flat(values) == {"a.b.c": 1, "l": "[1, {'x': 2}]", "n": None, "1": "one", "k.d": 2}


def test_changes_by_file_and_key() -> None:
    old: dict[str, Flat] = {"f": {"same": 1, "up": 1, "gone": "x", "none": None}, "only": {"k": True}}
    new: dict[str, Flat] = {"f": {"same": 1.0, "up": 3.5, "new": "y"}}
    assert compare(old, new) == {
        "f": {"gone": ValueChange("x", None), "new": ValueChange(None, "y"), "up": ValueChange(1, 3.5)},
        "only": {"k": ValueChange(True, None)},
    }
    assert list(compare(old, new, everything=True)["f"]) == ["gone", "new", "none", "same", "up"]
    assert compare({}, {}) == {}


def test_nan_did_not_change() -> None:
    assert compare({"f": {"n": math.nan}}, {"f": {"n": math.nan}}) == {}
    assert set(compare({"f": {"n": math.nan}}, {"f": {"n": 1.0}})) == {"f"}


def test_a_change_of_numbers_has_a_difference() -> None:
    assert ValueChange(1, 3).as_value() == {"old": 1, "new": 3, "diff": 2}
    assert ValueChange(True, False).as_value() == {"old": True, "new": False, "diff": -1}
    assert ValueChange("1", 3).as_value() == {"old": "1", "new": 3}
    assert ValueChange(None, 3).as_value() == {"old": None, "new": 3}


def test_cells() -> None:
    assert [cell(value, 2) for value in (None, 0.123, 1e22, 5, "0.123", True)] == [
        "-", "0.12", "1e+22", "5", "0.123", "True",
    ]  # fmt: skip
    assert cell(0.123456789) == "0.123456789"


def test_rows_of_tables() -> None:
    header, rows = show_rows([("", {"a": {"x": 0.5}, "b": {}})], 5, str.upper)
    assert (header, rows) == (["Path", "x"], [["A", "0.5"], ["B", "-"]])
    header, rows = show_rows([("v1", {"a": {"x": 1}}), ("v2", {"a": {"y": 2}})], 5, str)
    assert (header, rows) == (["Revision", "Path", "x", "y"], [["v1", "a", "1", "-"], ["v2", "a", "-", "2"]])
    changes = {"f": {"k": ValueChange(1, 2)}}
    assert diff_rows(changes, 5, str, path=True, change=True) == [["f", "k", "1", "2", "1"]]
    assert diff_rows(changes, 5, str, path=False, change=False) == [["k", "1", "2"]]
