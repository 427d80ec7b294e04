"""An entry written directly is what ruamel writes, byte for byte, wherever it is written directly at all."""

from __future__ import annotations

import io
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from siglum.pipeline.records.plain_entry import plain_entry, plain_key
from siglum.workspace.documents import dump_yaml

OID = "d3b07384d113edec49eaa6238ad5ff00"
# What a command line and a path are made of, and what YAML gives a meaning somewhere.
words = st.text(st.sampled_from("aeEnNyY01.-_/ :#'\"\\!&*%@`|><=?[]{},~+\té"), min_size=1, max_size=14)
texts = st.one_of(
    words, st.lists(words, max_size=9).map(" ".join), st.sampled_from(["yes", "1e5", "0x1", "~", "./a", "/"])
)
oids = st.one_of(st.just(OID), st.just(f"{OID}.dir"), st.sampled_from(["0" * 32, "1" * 30 + "e1", "12e" + "3" * 29]))
values = st.one_of(
    texts, st.booleans(), st.integers(), st.floats(allow_nan=False), st.none(), st.lists(texts, max_size=2)
)
paths = st.lists(
    st.fixed_dictionaries({"path": texts, "hash": st.just("md5"), "md5": oids, "size": st.integers(0)}),
    min_size=1,
    max_size=2,
)
entries = st.fixed_dictionaries(
    {"cmd": texts | st.lists(texts, min_size=1, max_size=3)},
    optional={"deps": paths, "params": st.dictionaries(texts, st.dictionaries(texts, values, max_size=2), max_size=2)},
)


@settings(max_examples=400, deadline=None)
@given(entry=entries)
def test_it_is_what_ruamel_writes(entry: dict[str, Any]) -> None:
    entry = {key: entry[key] for key in ("cmd", "deps", "params") if key in entry}
    text = plain_entry(entry)
    if text is not None:
        assert text == dump_yaml(entry)


@pytest.mark.parametrize(
    "command", ["cat in.txt > o1.txt", "python train.py --lr 0.1 --out 'model dir'", './run.sh "$A" && echo $((1+2))']
)
def test_usual_entries_are_written_directly(command: str) -> None:
    out = {"path": "data/o1.txt", "hash": "md5", "md5": OID, "size": 2, "isexec": True}
    entry = {
        "cmd": command,
        "deps": [dict(out)],
        "params": {"params.yaml": {"lr": 0.1, "num": 3, "on.x": True}},
        "outs": [out],
    }
    assert plain_entry(entry) == dump_yaml(entry)
    indented = plain_entry(entry, "    ")
    assert indented is not None
    assert f"stages:\n  s1:\n{indented}" == dump_yaml({"stages": {"s1": entry}})


@settings(max_examples=200, deadline=None)
@given(name=texts)
def test_keys(name: str) -> None:
    key = plain_key(name)
    if key is not None:
        stream = io.StringIO(dump_yaml({name: 1}))
        assert stream.getvalue() == f"{key}: 1\n"


def test_long_lines_are_left_to_the_one_who_folds_them() -> None:
    assert plain_entry({"cmd": "echo " + "word " * 30 + "end"}) is None
