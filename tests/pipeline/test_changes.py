"""What counts as a change: values only, no data."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from siglum.core.hashes import DataHash
from siglum.pipeline.data.changes import Change, Rename, Snapshot, compare, pair_renames
from siglum.storage.manifest import make_manifest

A, B, C, D = ("a" * 32, "b" * 32, "c" * 32, "d" * 32)
Content = str | None | Mapping[str, str]


def snapshot(unknown: tuple[str, ...] = (), **outputs: Content) -> Snapshot:
    """Return a state: a hash is a file's, a mapping a folder's files; lists of `unknown` folders are not to be had."""
    hashes: dict[str, DataHash | None] = {}
    manifests: dict[str, bytes | None] = {}
    for name, content in outputs.items():
        path = name.replace("__", "/")
        if isinstance(content, Mapping):
            manifest = make_manifest(list(content.items()))
            hashes[path] = DataHash(manifest.oid)
            manifests[path] = None if path in unknown else manifest.encode()
        else:
            hashes[path] = None if content is None else DataHash(content)
    return Snapshot(hashes, lambda path: manifests[path])


def paths(changes: tuple[Change, ...]) -> list[str]:
    return [change.path for change in changes]


def test_folders_are_looked_into_where_they_differ() -> None:
    old = snapshot(same={"x": A}, d={"kept": A, "edited": B, "gone": C}, f=A)
    new = snapshot(same={"x": A}, d={"kept": A, "edited": D, "come": D}, f=B, g=C)
    found = compare(old, new)
    assert paths(found.modified) == ["d", "d/edited", "f"]
    assert [(rename.old, rename.new) for rename in found.renamed] == [("d/gone", "g")]
    assert paths(found.added) == ["d/come"]
    assert found.deleted == ()
    assert found.unchanged == ()
    whole = compare(old, new, granular=False)
    assert (paths(whole.modified), paths(whole.added), whole.renamed) == (["d", "f"], ["g"], ())


def test_what_did_not_change_is_listed_when_asked_for() -> None:
    old = snapshot(same={"x/y": A}, d={"kept": A, "edited": B}, f=A)
    new = snapshot(same={"x/y": A}, d={"kept": A, "edited": C}, f=A)
    assert paths(compare(old, new, unchanged=True).unchanged) == ["d/kept", "f", "same", "same/x/y"]
    assert paths(compare(old, new, unchanged=True, granular=False).unchanged) == ["f", "same"]


def test_a_file_becomes_a_folder_and_back() -> None:
    file, folder = snapshot(p=A), snapshot(p={"in/it": B})
    forth, back = compare(file, folder), compare(folder, file)
    assert (paths(forth.modified), paths(forth.added), forth.deleted) == (["p"], ["p/in/it"], ())
    assert (paths(back.modified), paths(back.deleted), back.added) == (["p"], ["p/in/it"], ())


def test_an_output_is_split_into_several() -> None:
    old, new = snapshot(d={"a": A, "b": B}), snapshot(d__a=A, d__b=C)
    found = compare(old, new)
    assert (paths(found.modified), found.added, found.deleted) == (["d/b"], (), ())
    by_hash = compare(old, new, by_hash=True)
    assert (paths(by_hash.modified), paths(by_hash.deleted)) == (["d/b"], ["d"])


def test_what_was_never_hashed() -> None:
    old, new = snapshot(made=None, gone=None, never=None), snapshot(made=A, never=None)
    found = compare(old, new)
    assert (paths(found.modified), paths(found.deleted), found.added) == (["made"], ["gone"], ())
    by_hash = compare(old, new, by_hash=True)
    assert (paths(by_hash.added), by_hash.modified, by_hash.deleted) == (["made"], (), ())


@pytest.mark.parametrize("changed", [True, False])
def test_files_of_a_folder_whose_list_is_lost_are_unknown(changed: bool) -> None:
    files = {"x": A, "sub/y": B}
    old = snapshot(("d",), d=files)
    new = snapshot(d=files | {"z": C} if changed else files)
    found = compare(old, new)
    assert found.unknown == ("d/sub/", "d/sub/y", "d/x", *(["d/z"] if changed else []))
    assert paths(found.modified) == (["d"] if changed else [])
    assert (found.added, found.deleted) == ((), ())
    assert compare(old, new, granular=False).unknown == ()
    assert compare(new, snapshot(("d",), d=files)).unknown == ()


def test_the_answer_is_confined() -> None:
    old = snapshot(d={"a": A, "sub/b": B}, dd=A)
    new = snapshot(d={"a": B, "sub/b": C}, dd=B)
    assert paths(compare(old, new, within=["d/sub"]).modified) == ["d/sub/b"]
    assert paths(compare(old, new, within=["d"]).modified) == ["d", "d/a", "d/sub/b"]
    assert paths(compare(old, new, within=["dd", "d/a"]).modified) == ["d/a", "dd"]
    assert len(compare(old, new, within=[""]).modified) == 4


def test_renames_pair_in_the_order_of_paths() -> None:
    def gone(path: str, oid: str) -> Change:
        return Change(path, DataHash(oid), None)

    def come(path: str, oid: str) -> Change:
        return Change(path, None, DataHash(oid))

    renamed, added, deleted = pair_renames(
        [come("n/2", A), come("n/1", A), come("other", B), come("n/3", A)],
        [gone("z", A), gone("a-b/x", A), gone("a/x", A), gone("lone", C), gone("a/y", A)],
    )
    hashed = DataHash(A)
    # Folder by folder, as people read them: "a/x" is before "a-b/x" although "-" is before "/".
    assert renamed == [Rename("a/x", "n/1", hashed), Rename("a/y", "n/2", hashed), Rename("a-b/x", "n/3", hashed)]
    assert paths(tuple(added)) == ["other"]
    assert sorted(paths(tuple(deleted))) == ["lone", "z"]


def test_a_whole_folder_is_renamed() -> None:
    files = {"1": A, "2": B}
    found = compare(snapshot(old=files), snapshot(new=files), granular=False)
    assert [(each.old, each.new) for each in found.renamed] == [("old", "new")]
    granular = compare(snapshot(old=files), snapshot(new=files))
    assert [each.new for each in granular.renamed] == ["new", "new/1", "new/2"]


def test_data_of_two_kinds_of_hash_is_not_the_same() -> None:
    today, before = DataHash(A), DataHash(A, legacy=True)
    found = compare(Snapshot({"f": before}, lambda _: None), Snapshot({"f": today}, lambda _: None))
    assert found.modified == (Change("f", before, today),)
    folder = make_manifest([("x", A)])
    old, new = (Snapshot({"d": DataHash(folder.oid, legacy)}, lambda _: folder.encode()) for legacy in (True, False))
    assert paths(compare(old, new).modified) == ["d", "d/x"]
