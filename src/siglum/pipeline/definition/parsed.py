"""What large YAML files of a pipeline say, remembered by their bytes: parsing them is most of the work of looking.

Private and safe to delete. An entry is taken only when its checksum is right, and made only for what comes back equal;
dates, for one, would not.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from typing import Any

import msgspec

from siglum.storage.durability import discard, temporary_name
from siglum.workspace.documents import load_yaml
from siglum.workspace.repository import Repository

# Smaller files are parsed in less time than it takes to look for them.
_WORTH_BYTES = 16_384
_KEPT = 40
# What is written once and meant many times could become too large when it is written out.
_ANCHOR = re.compile(rb"(?:^|[\s\[{,])&[^\s&]", re.MULTILINE)
_DIGEST_BYTES = 32


class ParsedFiles:
    """Plain values of YAML files, from memory on disk where their bytes were parsed before."""

    def __init__(self, repo: Repository) -> None:
        self._folder = os.path.join(repo.tmp_dir, "siglum", "parsed")

    def load(self, data: bytes, where: str) -> Any:
        """Do as `load_yaml`."""
        if len(data) < _WORTH_BYTES or _ANCHOR.search(data):
            return load_yaml(data, where)
        path = os.path.join(self._folder, hashlib.sha256(data).hexdigest())
        with contextlib.suppress(OSError, msgspec.DecodeError, UnicodeDecodeError):
            with open(path, "rb") as file:
                known = file.read()
            if hashlib.sha256(known[_DIGEST_BYTES:]).digest() == known[:_DIGEST_BYTES]:
                return msgspec.msgpack.decode(known[_DIGEST_BYTES:], strict=False)
        value = load_yaml(data, where)
        self._keep(path, value)
        return value

    def _keep(self, path: str, value: Any) -> None:
        """Remember a value, if it can be; nothing but time is lost when it cannot."""
        with contextlib.suppress(OSError, TypeError, ValueError, RecursionError, OverflowError):
            encoded = msgspec.msgpack.encode(value)
            if not _is_same(msgspec.msgpack.decode(encoded, strict=False), value):
                return
            os.makedirs(self._folder, exist_ok=True)
            temporary = os.path.join(self._folder, temporary_name())
            try:
                with open(temporary, "xb") as file:
                    file.write(hashlib.sha256(encoded).digest() + encoded)
                os.replace(temporary, path)
            except BaseException:
                discard(temporary)
                raise
            self._drop_old()

    def _drop_old(self) -> None:
        with os.scandir(self._folder) as found:
            files = sorted((-each.stat().st_mtime_ns, each.path) for each in found)
        for _, path in files[_KEPT:]:
            discard(path)


def _is_same(one: Any, other: Any) -> bool:
    """Whether two plain values are equal, also in their types and in the order of keys."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        same_keys = len(one) == len(other) and all(map(_is_same, one, other))
        return same_keys and all(map(_is_same, one.values(), other.values()))
    if isinstance(one, list):
        return len(one) == len(other) and all(map(_is_same, one, other))
    return bool(one == other)
