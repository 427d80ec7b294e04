"""Hashes as values: what a data hash, a content hash and a canonical encoding are. No file is read here."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

import msgspec

DIR_SUFFIX = ".dir"
_MD5 = "md5"
_LEGACY_MD5 = "md5-dos2unix"


class DataHash(msgspec.Struct, frozen=True, order=True):
    """The address of data: the MD5 of a file, or of a folder's manifest (then `oid` ends in `.dir`).

    An address, not a proof, since MD5 can be forged; it is DVC's, so that both tools find the same object. `legacy`
    is one of DVC 2, which made line ends of text equal first, and kept objects in another place (`storage.legacy`).
    """

    oid: str
    legacy: bool = False

    @property
    def is_dir(self) -> bool:
        """Whether this is the address of a folder's manifest."""
        return self.oid.endswith(DIR_SUFFIX)

    def __str__(self) -> str:
        return f"{self.algorithm}:{self.oid}"

    @property
    def algorithm(self) -> str:
        """DVC's name of the way it was hashed."""
        return _LEGACY_MD5 if self.legacy else _MD5

    @classmethod
    def parse(cls, text: str) -> DataHash:
        """Read `md5:<hex>[.dir]` or `md5-dos2unix:<hex>[.dir]`. Raises ValueError for anything else."""
        algorithm, _, oid = text.partition(":")
        digits = oid.removesuffix(DIR_SUFFIX)
        known = algorithm in (_MD5, _LEGACY_MD5)
        if not known or len(digits) != 32 or set(digits) - set("0123456789abcdef"):
            raise ValueError(f"not a data hash: {text!r}")
        return cls(oid, algorithm == _LEGACY_MD5)


class FileDigest(msgspec.Struct, frozen=True, order=True):
    """One file of an artifact or model: its path below the folder (posix), its size in bytes, its SHA-256."""

    path: str
    size: int
    sha256: str


def canonical_json(value: Any) -> bytes:
    """Encode as the JSON that digests are taken of: sorted keys, UTF-8, no blanks.

    The value must consist of dicts with string keys, lists, strings, ints, floats, booleans and None.
    """
    return msgspec.json.encode(value, order="sorted")


def sha256_hex(data: bytes) -> str:
    """Return the SHA-256 of `data` as 64 lower-case hex digits."""
    return hashlib.sha256(data).hexdigest()


def content_hash(files: Iterable[FileDigest]) -> str:
    """Return the content hash of a folder: `sha256:<hex>` over its sorted (path, size, SHA-256).

    The hashed record begins with its type, so that no other kind of record can have the same digest.
    """
    record = ["siglum.folder.v1", [[f.path, f.size, f.sha256] for f in sorted(files)]]
    return "sha256:" + sha256_hex(canonical_json(record))
