"""The trash of a remote: the same as `storage.trash`, below `siglum-trash/` beside the objects.

    siglum-trash/<batch>/batch.json
    siglum-trash/<batch>/<algorithm>/<oid>

DVC looks at none of these keys. On an object store a move is a copy there and a removal (`remotes.moving`), which costs
requests but no traffic; two machines that collect one remote at once may both try to move an object: one finds it gone.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

import msgspec

from siglum.core.errors import NotFoundError
from siglum.core.hashes import DIR_SUFFIX
from siglum.storage.remote_objects import LEGACY_MD5, MD5, is_sound, object_key
from siglum.storage.remotes.base import Remote
from siglum.storage.remotes.moving import move
from siglum.storage.transfer import DEFAULT_JOBS
from siglum.storage.trash import RECORD, SECONDS_A_DAY, Batch, Contents, Restored

FOLDER = "siglum-trash"
QUARANTINE = "siglum-quarantine"


class RemoteTrash:
    """The trash of one remote; `jobs` moves are under way at once."""

    def __init__(self, remote: Remote, jobs: int = DEFAULT_JOBS) -> None:
        self._remote = remote
        self._jobs = max(1, jobs)

    def batches(self) -> list[Batch]:
        """Return all batches, the oldest first. One whose record cannot be read counts as just made."""
        names = {key.split("/")[1] for key in self._remote.list(f"{FOLDER}/") if key.count("/") >= 2}
        return sorted(map(self._read, names), key=lambda batch: (batch.created, batch.id))

    def objects(self, batch: Batch) -> list[tuple[str, str]]:
        """Return a batch's objects as (algorithm, oid)."""
        keys = self._remote.list(f"{FOLDER}/{batch.id}/")
        parts = [key.split("/") for key in keys]
        return [(each[2], each[3]) for each in parts if len(each) == 4 and each[2] in (MD5, LEGACY_MD5)]

    def contents(self, batch: Batch) -> Contents:
        """Return how many objects are in a batch. Their bytes are not asked for."""
        return Contents(len(self.objects(batch)))

    def begin(self, batch: Batch) -> None:
        """Write a batch's record before anything is moved into it."""
        with tempfile.TemporaryDirectory(prefix="siglum-trash-") as folder:
            path = os.path.join(folder, RECORD)
            with open(path, "wb") as file:
                file.write(msgspec.json.format(msgspec.json.encode(batch), indent=2) + b"\n")
            self._remote.put(path, f"{FOLDER}/{batch.id}/{RECORD}", None)

    def take(self, batch: Batch, algorithm: str, oids: Sequence[str]) -> Contents:
        """Move objects into the trash, manifests before files; return how many. One that is gone is passed over."""

        def take(oid: str) -> bool:
            try:
                move(self._remote, object_key(algorithm, oid), self._key(batch, algorithm, oid))
            except NotFoundError:
                return False
            return True

        manifests, files = _split(oids)
        return Contents(sum(self._each(take, manifests)) + sum(self._each(take, files)))

    def restore(self, batch: Batch, only: frozenset[tuple[str, str]] | None = None) -> Restored:
        """Bring a batch back, or what `only` names of it as (algorithm, oid). Killed half way, it can be repeated.

        An object that was sent again meanwhile stays; where that one is damaged, it goes to quarantine.
        """
        found = [each for each in self.objects(batch) if only is None or each in only]
        present: list[str] = []
        quarantined: list[str] = []

        def restore(each: tuple[str, str]) -> bool:
            algorithm, oid = each
            key, source = object_key(algorithm, oid), self._key(batch, algorithm, oid)
            if self._remote.exists([key]):
                if is_sound(self._remote, algorithm, oid):
                    self._remote.delete(source)
                    present.append(oid)
                    return False
                aside = f"{QUARANTINE}/{batch.id}/{algorithm}/{oid}"
                move(self._remote, key, aside)
                quarantined.append(aside)
            move(self._remote, source, key)
            return True

        files = [each for each in found if not each[1].endswith(DIR_SUFFIX)]
        manifests = [each for each in found if each[1].endswith(DIR_SUFFIX)]
        moved = sum(self._each(restore, files)) + sum(self._each(restore, manifests))
        if only is None:
            self._remote.delete(f"{FOLDER}/{batch.id}/{RECORD}")
        return Restored(batch, Contents(moved), len(present), tuple(quarantined))

    def purge(self, batch: Batch) -> Contents:
        """Delete a batch for good; return how many objects. Killed half way, it can be repeated."""

        def purge(each: tuple[str, str]) -> bool:
            self._remote.delete(self._key(batch, *each))
            return True

        found = self.objects(batch)
        manifests = [each for each in found if each[1].endswith(DIR_SUFFIX)]
        files = [each for each in found if not each[1].endswith(DIR_SUFFIX)]
        purged = sum(self._each(purge, manifests)) + sum(self._each(purge, files))
        self._remote.delete(f"{FOLDER}/{batch.id}/{RECORD}")
        return Contents(purged)

    def _key(self, batch: Batch, algorithm: str, oid: str) -> str:
        return f"{FOLDER}/{batch.id}/{algorithm}/{oid}"

    def _read(self, name: str) -> Batch:
        with tempfile.TemporaryDirectory(prefix="siglum-trash-") as folder:
            path = os.path.join(folder, RECORD)
            try:
                self._remote.get(f"{FOLDER}/{name}/{RECORD}", path, None)
                with open(path, "rb") as file:
                    return msgspec.json.decode(file.read(), type=Batch)
            except (NotFoundError, msgspec.MsgspecError):
                # As old as the file that stands for it here: it is never purged before somebody asks for all.
                made = int(os.stat(folder).st_mtime)
                return Batch(name, made, made + 14 * SECONDS_A_DAY)

    def _each(self, act: Callable[..., bool], items: Iterable[object]) -> list[bool]:
        listed = list(items)
        if len(listed) < 2 or self._jobs == 1:
            return [act(item) for item in listed]
        with ThreadPoolExecutor(max_workers=min(self._jobs, len(listed))) as pool:
            return list(pool.map(act, listed))


def _split(oids: Sequence[str]) -> tuple[list[str], list[str]]:
    manifests = [oid for oid in oids if oid.endswith(DIR_SUFFIX)]
    return manifests, [oid for oid in oids if not oid.endswith(DIR_SUFFIX)]
