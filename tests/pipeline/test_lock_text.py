"""The bytes of `dvc.lock`: what the short way writes is what loading, changing and dumping the whole file writes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from siglum.pipeline.records.lock_text import put_entry
from siglum.workspace.documents import dump_yaml, load_for_edit, load_yaml

LONG = 'echo "multi line is here and it is really long, longer than eighty characters for sure, yes" > a.out'
TRICKY = [
    "yes",
    "1e-5",
    "a: b",
    "a #b",
    "'q'",
    '"q"',
    "",
    "- x",
    "[x",
    "line\nline\n",
    "\ttab",
    "é 文",
    "null",
    "007",
    LONG,
    LONG * 3,
]

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**6), 10**6),
    # Few digits: ruamel loses the last one of a float with an exponent when it dumps it a second time (see below).
    st.sampled_from([0.1, 1e-5, 1e20, -2.5, 1.5e-7, float("inf"), 100.0, 3.14159]),
    st.sampled_from(TRICKY),
    st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Co", "Cn")), max_size=90),
)
names = st.one_of(
    st.from_regex(r"[a-z][a-z0-9_\-]{0,8}(@[a-z0-9.\-]{1,6})?", fullmatch=True),
    st.sampled_from(["yes", "1", "a b", "a: b", "'x'", "é", "null", "x@True", "x@1.5", "#h"]),
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3), max_leaves=6
)
entries = st.fixed_dictionaries(
    {"cmd": st.one_of(st.sampled_from(TRICKY[2:]), st.lists(st.sampled_from(TRICKY), min_size=1, max_size=3))},
    optional={
        "params": st.dictionaries(st.just("params.yaml"), st.dictionaries(names, values, max_size=3), min_size=1),
        "outs": st.lists(
            st.fixed_dictionaries(
                {"path": names, "hash": st.just("md5"), "md5": st.just("0" * 32), "size": st.just(1)}
            ),
            min_size=1,
            max_size=2,
        ),
    },
)


def whole(text: str, name: str, entry: dict[str, Any]) -> str:
    """What DVC does: load all, change, dump all."""
    if not text:
        return dump_yaml({"schema": "2.0", "stages": {name: entry}})
    document = load_for_edit(text, "dvc.lock")
    document["stages"][name] = entry
    return dump_yaml(document)


@settings(max_examples=80, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(st.lists(st.tuples(names, entries), min_size=1, max_size=4))
def test_the_short_way_gives_the_same_bytes(writes: list[tuple[str, dict[str, Any]]]) -> None:
    short = long = ""
    for name, entry in writes:
        short = put_entry(short, name, entry, "dvc.lock")
        long = whole(long, name, entry)
        assert short == long
    assert load_yaml(short, "dvc.lock")["stages"] == dict(writes)


ENTRY = {"cmd": "run", "outs": [{"path": "o", "hash": "md5", "md5": "0" * 32, "size": 1}]}


def test_untouched_entries_keep_their_bytes_and_order() -> None:
    text = ""
    for name in ("b", "a", "c"):
        text = put_entry(text, name, ENTRY, "dvc.lock")
    changed = put_entry(text, "a", {"cmd": "other"}, "dvc.lock")
    assert [line for line in changed.splitlines() if line.startswith("  ") and line[2] not in " -"] == [
        "  b:",
        "  a:",
        "  c:",
    ]
    assert changed.count("cmd: run") == 2
    assert put_entry(changed, "a", ENTRY, "dvc.lock") == text


@pytest.mark.parametrize(
    "text",
    [
        "# mine\nschema: '2.0'\nstages:\n  a:\n    cmd: x # why\n",
        "schema: '2.0'\nstages: {a: {cmd: x}}\n",
        "schema: '2.0'\nstages: {}\n",
        "schema: '2.0'\nstages:\n  'a':\n    cmd: |\n      x\n       y\n",
        "schema: '2.0'\nstages:\n  b: &id001\n    cmd: x\n  c: *id001\n",
        "schema: '2.0'\nstages:\n  a:\n    cmd: x",
        "stages:\n  a:\n    cmd: x\n  b:\n    cmd: y\nschema: '2.0'\n",
    ],
)
def test_a_file_edited_by_hand(text: str) -> None:
    changed = put_entry(text, "a", ENTRY, "dvc.lock")
    assert changed == whole(text, "a", ENTRY)
    assert load_yaml(changed, "dvc.lock")["stages"]["a"] == ENTRY
    assert changed.count("cmd: run") == 1


def test_a_float_of_an_untouched_entry_keeps_its_digits() -> None:
    """Where DVC rewrites the whole file, the last digit of such a number gets lost, and its stage goes stale."""
    entry = {"cmd": "x", "params": {"params.yaml": {"lr": 5.960464477539063e-08}}}
    text = put_entry(put_entry("", "a", entry, "dvc.lock"), "b", ENTRY, "dvc.lock")
    assert load_yaml(text, "dvc.lock")["stages"]["a"] == entry


def test_a_value_that_stands_twice_becomes_an_anchor_as_in_dvc() -> None:
    shared = {"n": 1}
    text = put_entry("", "a", {"cmd": "x", "params": {"params.yaml": {"t": {"o": shared}, "t.o": shared}}}, "dvc.lock")
    assert "&id001" in text
    other = {"m": 2}
    entry = {"cmd": "x", "params": {"params.yaml": {"t": {"o": other}, "t.o": other}}}
    again = put_entry(text, "b", entry, "dvc.lock")
    assert again == whole(text, "b", entry)
    assert load_yaml(again, "dvc.lock")["stages"]["b"] == entry
