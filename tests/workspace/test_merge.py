"""Three states of a folder, merged file by file; and of the `.dvc` files that record them."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.workspace.data_project import DataProject

from siglum.core.errors import ConflictError, NotFoundError
from siglum.storage.manifest import decode_manifest
from siglum.workspace.merge import merge_entries, merge_pointers

BASE = {"a": "1", "b": "2", "c/d": "3"}


@pytest.mark.parametrize(
    ("ours", "theirs", "merged"),
    [
        (BASE | {"new": "4"}, {"a": "1", "c/d": "3"}, {"a": "1", "c/d": "3", "new": "4"}),
        (BASE | {"a": "9"}, BASE | {"b": "8"}, {"a": "9", "b": "8", "c/d": "3"}),
        (BASE | {"a": "9"}, BASE | {"a": "9"}, BASE | {"a": "9"}),
        ({"a": "1"}, {"a": "1", "b": "2"}, {"a": "1"}),
        ({}, {}, {}),
        ({"a": "1", "b": "2", "c": "5"}, BASE | {"e": "6"}, {"a": "1", "b": "2", "c": "5", "e": "6"}),
    ],
)
def test_what_only_one_side_changed_is_taken(
    ours: dict[str, str], theirs: dict[str, str], merged: dict[str, str]
) -> None:
    assert merge_entries(BASE, ours, theirs) == (merged, [])
    assert merge_entries(BASE, theirs, ours) == (merged, [])


@pytest.mark.parametrize(
    ("ours", "theirs", "conflicts"),
    [
        (BASE | {"a": "8"}, BASE | {"a": "9"}, ["a"]),
        ({"b": "2", "c/d": "3"}, BASE | {"a": "9"}, ["a"]),
        (BASE | {"n": "8"}, BASE | {"n": "9"}, ["n"]),
        (BASE | {"n": "8"}, BASE | {"n/m/o": "9"}, ["n"]),
    ],
)
def test_what_both_changed_is_named(ours: dict[str, str], theirs: dict[str, str], conflicts: list[str]) -> None:
    assert merge_entries(BASE, ours, theirs)[1] == conflicts
    assert merge_entries(BASE, theirs, ours)[1] == conflicts


@pytest.fixture
def three(tmp_path: Path) -> DataProject:
    """A project with `base`, `ours` and `theirs`, each the `.dvc` file of a state of the folder `d`."""
    made = DataProject(tmp_path / "project")
    states = {
        "base": {"d/a": "a", "d/b": "b"},
        "ours": {"d/a": "a", "d/b": "b", "d/c": "c"},
        "theirs": {"d/a": "A", "d/b": "b"},
    }
    for name, files in states.items():
        for path in (made.root / "d").rglob("*"):
            path.unlink()
        made.write({**files})
        made.done("add", "d")
        (made.root / name).write_bytes((made.root / "d.dvc").read_bytes())
    return made


def test_pointers(three: DataProject) -> None:
    repo = three.open()
    base, ours, theirs = (str(three.root / name) for name in ("base", "ours", "theirs"))
    theirs_before = three.read("theirs")
    merged = merge_pointers(repo, base, ours, theirs)
    (out,) = merged.outs
    assert out.md5 is not None
    assert (out.size, out.nfiles) == (3, 3)
    entries = decode_manifest(repo.cache.read_bytes(out.md5), "merged").entries
    assert [entry.relpath for entry in entries] == ["a", "b", "c"]
    assert f"md5: {out.md5}" in three.read("ours")
    # Again, and where one side has what both have, nothing is left to do.
    after = three.read("ours")
    assert merge_pointers(repo, base, ours, ours) == merged
    assert str(merge_pointers(repo, ours, ours, theirs).outs[0].md5) in theirs_before
    assert three.read("ours") == theirs_before != after


def test_pointers_added_on_both_sides(three: DataProject) -> None:
    (three.root / "empty").write_bytes(b"")
    with pytest.raises(ConflictError, match="both sides changed a in the folder"):
        merge_pointers(three.open(), *(str(three.root / name) for name in ("empty", "ours", "theirs")))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda text: text + "desc: other\n", "more than the content"),
        (lambda text: text.replace(".dir", ""), "only a folder"),
        (lambda text: text.replace("md5: ", "md5: ").replace(text.split("md5: ")[1][:8], "00000000"), "does not have"),
    ],
)
def test_what_cannot_be_merged_stays(three: DataProject, change: object, said: str) -> None:
    assert callable(change)
    three.write({"theirs": change(three.read("theirs"))})
    before = three.read("ours")
    with pytest.raises((ConflictError, NotFoundError), match=said):
        merge_pointers(three.open(), *(str(three.root / name) for name in ("base", "ours", "theirs")))
    assert three.read("ours") == before
