"""The same script with MLflow 3.17.2 and with Siglum in its place: what calls return, and what they refuse."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from tests.interop.script_calls.record import RESULTS, make_calls

pytestmark = [pytest.mark.interop, pytest.mark.slow]

DIFFERENT = {
    "alias none": "what is not there is not there; MLflow says that the argument is wrong",
}
"""What differs on purpose, and why."""


def are_alike(theirs: object, ours: object) -> bool:
    """Whether two results are the same; of what MLflow refuses without a word of its own, any refusal is."""
    if isinstance(theirs, dict) and isinstance(ours, dict) and theirs.keys() == ours.keys() == {"refused"}:
        return theirs["refused"] in (None, "INTERNAL_ERROR", ours["refused"]) and ours["refused"] != "INTERNAL_ERROR"
    return theirs == ours


def test_the_same_script(tmp_path: Path) -> None:
    expected: dict[str, object] = json.loads(RESULTS.read_text())
    found = make_calls(sys.executable, "siglum", tmp_path)
    assert list(found) == list(expected)
    different = {name for name in expected if not are_alike(expected[name], found[name])}
    unexpected = {name: (expected[name], found[name]) for name in different - set(DIFFERENT)}
    assert not unexpected, json.dumps(unexpected, indent=1)[:4000]
    assert set(DIFFERENT) == different, "These are the same by now: take them out of the table."
