"""What a model is, as a hash: the SHA-256 of every file, and one over all of them.

`MLmodel` enters as canonical JSON without what is bound to one run, so that the same estimator has the same content
hash wherever and whenever it was logged.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator

from siglum.core.errors import IntegrityError, NotFoundError
from siglum.core.hashes import FileDigest, content_hash, sha256_hex
from siglum.models.layout import MLMODEL, read_bytes
from siglum.models.mlmodel import canonical_model

_CHUNK = 1 << 20


def file_digests(folder: str) -> list[FileDigest]:
    """Return a digest of every file below a model's folder, by path; `MLmodel` as its canonical JSON.

    Raises NotFoundError when the folder is no model, IntegrityError when it holds a link or a device.
    """
    if not os.path.lexists(os.path.join(folder, MLMODEL)):
        raise NotFoundError(f"{folder} is not a model: it has no file {MLMODEL}.")
    return sorted(_digest(folder, path) for path in _files(folder, ""))


def model_content_hash(folder: str) -> str:
    """Return the content hash of the model in a folder, `sha256:<hex>`."""
    return content_hash(file_digests(folder))


def verify_content_hash(folder: str, expected: str, files: Iterable[FileDigest] | None = None) -> None:
    """Raise IntegrityError unless the folder's content hash is `expected`.

    When the digests of the files are known (`files`), the error names the first that differs, is missing or is extra.
    """
    found = file_digests(folder)
    actual = content_hash(found)
    if actual == expected:
        return
    difference = _first_difference(found, files) if files is not None else "Which of its files differs is not known."
    raise IntegrityError(
        f"The model in {folder} has the content hash {actual}, not {expected} as recorded. {difference}",
        hint="Its bytes were changed or damaged since: download it again.",
    )


def _first_difference(found: Iterable[FileDigest], recorded: Iterable[FileDigest]) -> str:
    have = {f.path: f for f in found}
    want = {f.path: f for f in recorded}
    for path in sorted(have.keys() | want.keys()):
        if path not in have:
            return f"{path} is missing."
        if path not in want:
            return f"{path} does not belong to it."
        if have[path] != want[path]:
            return f"{path} differs."
    return "Every file is as recorded, so the recorded hash is of another model."


def _files(folder: str, below: str) -> Iterator[str]:
    with os.scandir(os.path.join(folder, below)) as entries:
        for entry in entries:
            path = f"{below}/{entry.name}" if below else entry.name
            if entry.is_symlink():
                raise IntegrityError(f"{os.path.join(folder, path)} is a link; a model's files must be files.")
            if entry.is_dir():
                yield from _files(folder, path)
            elif entry.is_file():
                yield path
            else:
                raise IntegrityError(f"{os.path.join(folder, path)} is neither a file nor a folder.")


def _digest(folder: str, path: str) -> FileDigest:
    full = os.path.join(folder, path)
    if path == MLMODEL:
        canonical = canonical_model(read_bytes(full), full)
        return FileDigest(path, len(canonical), sha256_hex(canonical))
    hasher = hashlib.sha256()
    size = 0
    with open(full, "rb") as file:
        while chunk := file.read(_CHUNK):
            hasher.update(chunk)
            size += len(chunk)
    return FileDigest(path, size, hasher.hexdigest())
