from __future__ import annotations

import json

import pytest

from siglum.core.errors import FileFormatError
from siglum.storage.manifest import make_manifest
from siglum.storage.manifest_diff import compare_manifests, oids_of, read_listing

A, B, C = "a" * 32, "b" * 32, "c" * 32
# Names that look like what stands between two entries, and some that need escapes.
ODD = ['x}, {"md5": "', "x}, {y", 'quote"', "back\\slash", "ünï\n", "\U0001f600", '}, {\\"md5\\": \\"', ""]


def encoded(files: dict[str, str]) -> bytes:
    return make_manifest(list(files.items())).encode()


def test_only_what_differs() -> None:
    old = {"same": A, "changed": A, "gone": B, "sub/moved": C}
    new = {"same": A, "changed": B, "moved": C, "come": A}
    found = compare_manifests(encoded(old), encoded(new), "here")
    assert found == (
        {"changed": A, "gone": B, "sub/moved": C},
        {"changed": B, "moved": C, "come": A},
    )


@pytest.mark.parametrize("name", ODD)
def test_odd_names_do_not_confuse_it(name: str) -> None:
    old, new = {name: A, "z": B}, {name: B, "z": B}
    assert compare_manifests(encoded(old), encoded(new), "here") == ({name: A}, {name: B})
    assert sorted(oids_of(encoded(old), "here")) == [A, B]


def test_another_form_of_json_says_the_same() -> None:
    files = {"a": A, "b": B, "c": C}
    other = json.dumps([{"relpath": name, "md5": oid} for name, oid in files.items()], indent=1).encode()
    assert compare_manifests(other, encoded(files), "here") == ({}, {})
    assert compare_manifests(encoded(files), other, "here") == ({}, {})
    assert oids_of(other, "here") == [A, B, C]
    mixed = encoded({"a": A})[:-1] + b', {"relpath": "b", "md5": "' + B.encode() + b'"}]'
    assert compare_manifests(mixed, encoded({"a": A}), "here") == ({"b": B}, {})
    assert oids_of(mixed, "here") == [A, B]


def test_an_empty_folder() -> None:
    empty = encoded({})
    assert compare_manifests(empty, empty, "here") == ({}, {})
    assert compare_manifests(empty, encoded({"a": A}), "here") == ({}, {"a": A})
    assert oids_of(empty, "here") == []
    assert read_listing(empty, "here") == {}


@pytest.mark.parametrize("data", [b"", b"{}", b"[1]", b'[{"md5": "a"}]', b'[{"md5": "a", "relpath": "x"', b"\xff"])
def test_what_is_not_a_manifest_is_refused(data: bytes) -> None:
    with pytest.raises(FileFormatError, match="here"):
        compare_manifests(data, encoded({}), "here")
    with pytest.raises(FileFormatError, match="here"):
        read_listing(data, "here")
