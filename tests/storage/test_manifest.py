import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from siglum.core.errors import FileFormatError
from siglum.storage import manifest
from siglum.storage.manifest import decode_manifest, make_manifest

A, B = "a" * 32, "b" * 32
_SEGMENT = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=8).filter(
    lambda text: text not in (".", "..")
)


def test_the_empty_folder() -> None:
    assert make_manifest([]).encode() == b"[]"
    assert make_manifest([]).oid == "d751713988987e9331980363e24189ce.dir"


@given(st.dictionaries(_SEGMENT, st.binary(max_size=4), max_size=20))
def test_bytes_are_those_of_json_dumps_and_come_back(files: dict[str, bytes]) -> None:
    entries = [(path, hashlib.md5(data).hexdigest()) for path, data in files.items()]
    made = make_manifest(entries)
    expected = json.dumps([{"md5": oid, "relpath": path} for path, oid in sorted(entries)], sort_keys=True)
    assert made.encode() == expected.encode()
    assert made.oid == hashlib.md5(expected.encode()).hexdigest() + ".dir"
    assert decode_manifest(made.encode(), "m") == made


@pytest.mark.parametrize("number", range(8))
def test_many_entries_are_written_some_at_a_time(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manifest, "_AT_ONCE", 3)
    entries = [(f"{i}", f"{i:032x}") for i in range(number)]
    expected = json.dumps([{"md5": oid, "relpath": path} for path, oid in entries])
    assert make_manifest(entries).encode() == expected.encode()


def test_order_is_that_of_code_points_of_whole_paths() -> None:
    manifest = make_manifest([("sub/crlf.txt", A), ("empty", A), ("sub-x", A), ("Z", A)])
    assert [entry.relpath for entry in manifest.entries] == ["Z", "empty", "sub-x", "sub/crlf.txt"]


@pytest.mark.parametrize(
    "paths",
    [["/abs"], [".."], ["../a"], ["a/../b"], ["."], ["./a"], [""], ["a//b"], ["a/"], ["a\0b"],
     ["a", "a"], ["a", "a/b"], ["a", "a-b", "a/b/c"]],
)  # fmt: skip
def test_paths_that_lead_astray_are_refused(paths: list[str]) -> None:
    data = json.dumps([{"md5": A, "relpath": path} for path in paths]).encode()
    with pytest.raises(FileFormatError, match="where"):
        decode_manifest(data, "where")


@pytest.mark.parametrize(
    "data",
    [b"", b"[", b"{}", b"null", b'[{"md5": "x", "relpath": "a"}]', b'[{"md5": "%s"}]' % (b"a" * 32), b"[1]", b"\xff",
     b'[{"md5": "../../../../../../etc/passwd......", "relpath": "a"}]',
     b'[{"md5": "%s\\n", "relpath": "a"}]' % (b"a" * 32)],
)  # fmt: skip
def test_damaged_manifests_are_refused(data: bytes) -> None:
    with pytest.raises(FileFormatError, match="where"):
        decode_manifest(data, "where")
