"""The run cache on a remote, below `runs/` as in DVC: what stages produced, for others to take over."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator

from siglum.core.errors import FileFormatError, IntegrityError, NotSupportedError
from siglum.core.hashes import DataHash
from siglum.pipeline.records.lock import parse_entry
from siglum.pipeline.records.run_cache import value_of
from siglum.storage.durable_batch import DurableBatch
from siglum.storage.remotes.base import Remote
from siglum.storage.remotes.threads import run_in_threads
from siglum.workspace.document import Document
from siglum.workspace.documents import load_yaml, read_bytes
from siglum.workspace.transfer import Wanted

_PREFIX = "runs"
# The names are hashes; whatever else is below the remote's folder could lead anywhere when it is taken for a path.
_ENTRY = re.compile(r"(?P<first>[0-9a-f]{2})/(?P=first)[0-9a-f]{62}/[0-9a-f]{64}\Z")
_AT_ONCE = 16


def missing_there(root: str, remote: Remote) -> list[str]:
    """Return the entries of the run cache at `root` that a remote lacks, as paths below it."""
    keys = {f"{_PREFIX}/{entry}": entry for entry in _here(root)}
    return sorted(keys[key] for key in keys.keys() - remote.exists(keys))


def missing_here(root: str, remote: Remote) -> list[str]:
    """Return the entries that a remote has and the run cache at `root` lacks."""
    return sorted(set(_there(remote)) - set(_here(root)))


def send(root: str, entries: Iterable[str], remote: Remote) -> None:
    """Send entries. Raises IntegrityError for one that is not what its name says."""

    def send_one(entry: str) -> None:
        path = f"{root}/{entry}"
        _check(path, entry, path)
        remote.put(path, f"{_PREFIX}/{entry}", None)

    run_in_threads(send_one, list(entries), _AT_ONCE)


def fetch(root: str, entries: Iterable[str], remote: Remote) -> None:
    """Fetch entries; all become visible together. Raises IntegrityError for one that is not what its name says."""
    with DurableBatch(root) as batch:

        def fetch_one(entry: str) -> None:
            temporary = batch.temporary_for(root)
            remote.get(f"{_PREFIX}/{entry}", temporary, None)
            _check(temporary, entry, f"Remote {remote.name!r}: {_PREFIX}/{entry}")
            os.makedirs(os.path.dirname(f"{root}/{entry}"), exist_ok=True)
            batch.stage(temporary, f"{root}/{entry}")

        run_in_threads(fetch_one, list(entries), _AT_ONCE)
        batch.commit()


def results(root: str) -> list[Wanted]:
    """Return what the entries of the run cache at `root` say was produced. None of it need be anywhere."""
    found: dict[DataHash, Wanted] = {}
    for entry in _here(root):
        path = f"{root}/{entry}"
        try:
            text = read_bytes(path)
            data = load_yaml(text, path)
            lock = parse_entry(Document(path, text.decode(), data), (), data)
        except (FileFormatError, UnicodeDecodeError):
            continue  # a stage that would take it over passes over it, too
        for out in lock.outs:
            if out.data_hash is not None:
                found.setdefault(out.data_hash, Wanted(out.path, out.data_hash, push=True, partial=True))
    return list(found.values())


def _check(path: str, entry: str, where: str) -> None:
    try:
        data = load_yaml(read_bytes(path), where)
    except FileFormatError:
        data = None
    if not isinstance(data, dict) or value_of(data) != entry.rpartition("/")[2]:
        raise IntegrityError(f"{where} is damaged: it is not what its name says.")


def _here(root: str) -> Iterator[str]:
    for folder, _, names in os.walk(root):
        below = os.path.relpath(folder, root).replace(os.sep, "/")
        for name in names:
            if _ENTRY.match(f"{below}/{name}"):
                yield f"{below}/{name}"


def _there(remote: Remote) -> Iterator[str]:
    try:
        for key in remote.list(_PREFIX):
            entry = key.removeprefix(f"{_PREFIX}/")
            if _ENTRY.match(entry):
                yield entry
    except NotSupportedError:
        raise NotSupportedError(
            f"Remote {remote.name!r} cannot hold the run cache: it cannot be asked what it has.",
            hint="Leave --run-cache out, or use a remote of another kind for it.",
        ) from None
