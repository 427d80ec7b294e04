"""Two states of a lock file, merged stage by stage."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from siglum.core.errors import FileFormatError
from siglum.pipeline.records.lock import parse_lock
from siglum.pipeline.records.merge_lock import Side, merge_locks
from siglum.workspace.document import Document
from siglum.workspace.documents import dump_yaml, load_yaml

MD5S = {text: (text * 32)[:32] for text in "abcdef"}


def entry(command: str) -> dict[str, Any]:
    return {"cmd": f"make {command}", "outs": [{"path": "o", "hash": "md5", "md5": MD5S[command], "size": 1}]}


def text(**commands: str) -> str:
    return dump_yaml({"schema": "2.0", "stages": {name: entry(command) for name, command in commands.items()}})


def lock(**commands: str) -> bytes:
    return text(**commands).encode()


BASE = lock(x="a", y="b", z="c")


@pytest.mark.parametrize(
    ("ours", "theirs", "merged"),
    [
        (lock(x="d", y="b", z="c"), lock(x="a", y="e", z="c"), text(x="d", y="e", z="c")),
        (lock(x="d", y="b", z="c"), lock(x="d", y="b", z="c"), text(x="d", y="b", z="c")),
        (BASE, lock(x="a", y="b", z="d"), text(x="a", y="b", z="d")),
        (lock(x="d", y="b", z="c"), BASE, text(x="d", y="b", z="c")),
        (lock(x="a", y="b", z="c", n="d"), lock(x="a", y="b", z="c", m="e"), text(x="a", y="b", z="c", n="d", m="e")),
        (lock(x="a", y="b", z="c", n="d"), lock(x="a", y="b", z="c", n="d"), text(x="a", y="b", z="c", n="d")),
        (lock(x="d", y="b", z="c"), lock(x="a", z="c"), text(x="d", z="c")),
        (lock(x="d", z="c"), lock(x="a", y="b", z="e"), text(x="d", z="e")),
    ],
    ids=[
        "both",
        "the same",
        "theirs only",
        "ours only",
        "both added",
        "both added the same",
        "they removed",
        "we removed",
    ],
)
def test_what_one_side_changed_is_taken(ours: bytes, theirs: bytes, merged: str) -> None:
    found = merge_locks(BASE, ours, theirs, "dvc.lock")
    assert found.conflicts == ()
    assert found.text == merged


def test_without_a_common_state_what_only_one_has_is_taken() -> None:
    assert merge_locks(b"", lock(x="a"), lock(x="a", y="b"), "dvc.lock").text == text(x="a", y="b")
    assert merge_locks(b"", lock(x="a"), lock(x="b"), "dvc.lock").conflicts == ("x",)


def test_remarks_and_bytes_of_ours_stay() -> None:
    ours = BASE.replace(b"  y:\n", b"  y:  # by hand\n")
    found = merge_locks(BASE, ours, lock(x="d", y="b", z="c"), "dvc.lock")
    assert found.text == text(x="d", y="b", z="c").replace("  y:\n", "  y:  # by hand\n")


CLASH = """\
schema: '2.0'
stages:
  x:
<<<<<<< ours
    cmd: make d
=======
    cmd: make e
>>>>>>> theirs
    outs:
    - path: o
      hash: md5
<<<<<<< ours
      md5: dddddddddddddddddddddddddddddddd
=======
      md5: eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee
>>>>>>> theirs
      size: 1
  y:
    cmd: make f
    outs:
    - path: o
      hash: md5
      md5: ffffffffffffffffffffffffffffffff
      size: 1
"""


def test_a_stage_that_both_changed_stands_between_markers_and_only_that() -> None:
    ours, theirs = lock(x="d", y="b"), lock(x="e", y="f")
    found = merge_locks(lock(x="a", y="b"), ours, theirs, "dvc.lock")
    assert (found.conflicts, found.taken) == (("x",), ("y",))
    assert found.text == CLASH
    assert "<<<<<<<<< ours\n" in merge_locks(BASE, ours, theirs, "dvc.lock", marker_size=9).text
    with pytest.raises(FileFormatError, match=r"dvc\.lock:4:1: holds a merge conflict of Git. Run 'siglum resolve'"):
        load_yaml(found.text, "dvc.lock")
    chosen = {side: merge_locks(lock(x="a", y="b"), ours, theirs, "dvc.lock", side=side).text for side in Side}
    assert chosen == {Side.OURS: text(x="d", y="f"), Side.THEIRS: text(x="e", y="f")}


def test_a_stage_that_one_side_removed_and_the_other_changed() -> None:
    ours, theirs = lock(x="d", y="b", z="c"), lock(y="b", z="c")
    assert merge_locks(BASE, ours, theirs, "dvc.lock").conflicts == ("x",)
    assert merge_locks(BASE, ours, theirs, "dvc.lock", side=Side.THEIRS).text == text(y="b", z="c")
    assert merge_locks(BASE, theirs, ours, "dvc.lock", side=Side.OURS).text == text(y="b", z="c")
    assert merge_locks(BASE, theirs, ours, "dvc.lock", side=Side.THEIRS).text == text(y="b", z="c", x="d")


def test_datasets_are_taken_as_a_whole() -> None:
    def with_rev(rev: int, **commands: str) -> bytes:
        stages = {name: entry(command) for name, command in commands.items()}
        sets = [{"name": "d", "type": "dvc", "url": "u", "path": "p", "rev_lock": rev}]
        return dump_yaml({"schema": "2.0", "datasets": sets, "stages": stages}).encode()

    found = merge_locks(with_rev(1, x="a"), with_rev(1, x="d"), with_rev(2, x="a"), "dvc.lock")
    assert load_yaml(found.text, "") == load_yaml(with_rev(2, x="d"), "")
    assert merge_locks(with_rev(1), with_rev(2), with_rev(3), "dvc.lock").conflicts == ("datasets",)
    theirs = merge_locks(with_rev(1), with_rev(2), with_rev(3), "dvc.lock", side=Side.THEIRS)
    assert load_yaml(theirs.text, "") == load_yaml(with_rev(3), "")


def test_what_is_no_lock_file_is_named() -> None:
    for states, which in (
        ((b"5", BASE, BASE), "the common"),
        ((BASE, b"5", BASE), "our"),
        ((BASE, BASE, b"5"), "their"),
    ):
        with pytest.raises(FileFormatError, match=f"{which} version of dvc.lock:1:1: not a lock file"):
            merge_locks(*states, "dvc.lock")


STATES = st.dictionaries(st.sampled_from(["p", "q", "r s", "yes"]), st.sampled_from("abc"), max_size=4)


@settings(max_examples=40)
@given(STATES, STATES, STATES)
def test_each_stage_is_merged_as_it_would_be_alone(
    base: dict[str, str], ours: dict[str, str], theirs: dict[str, str]
) -> None:
    merged = merge_locks(lock(**base), lock(**ours), lock(**theirs), "dvc.lock", side=Side.OURS)
    expected = {}
    for name in {*ours, *theirs}:
        old, our, their = base.get(name), ours.get(name), theirs.get(name)
        kept = their if our == old else our
        assert (name in merged.conflicts) == (our != their and old not in (our, their))
        if kept is not None:
            expected[name] = entry(kept)
    stages = parse_lock(Document("dvc.lock", merged.text, load_yaml(merged.text, ""))).stages
    assert {name: stage.command for name, stage in stages.items()} == {
        name: made["cmd"] for name, made in expected.items()
    }
