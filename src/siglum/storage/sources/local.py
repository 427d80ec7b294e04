"""A file or folder on a disk here, such as a mounted share. Its facts are the hashes of its bytes."""

from __future__ import annotations

import os
import stat as stat_bits
from collections.abc import Iterator

from siglum.core.errors import InvalidInputError, NotFoundError
from siglum.storage.hashing import not_regular
from siglum.storage.index import StatIndex
from siglum.storage.ingest import IngestBatch
from siglum.storage.objects import ObjectStore
from siglum.storage.sources.base import GROUP_BYTES, GROUP_FILES, Facts, Progress, Taken, TakenFile
from siglum.storage.tree import scan_file, scan_tree
from siglum.storage.walk import walk

_RULES = ".dvcignore"


class LocalSource:
    """The absolute path `url`. What `index` knows of unchanged files is not read again."""

    def __init__(self, url: str, index: StatIndex | None = None) -> None:
        self.url = url.rstrip("/") or "/"
        self._index = index

    def facts(self) -> Facts:
        return self._scan(None).facts

    def take(self, store: ObjectStore, jobs: int | None = None, progress: Progress | None = None) -> Taken:  # noqa: ARG002
        with store.batch() as batch:
            taken = self._scan(batch)
            batch.commit()
        if progress is not None:
            progress(len(taken.files), sum(file.size for file in taken.files))
        return taken

    def groups(self, store: ObjectStore, jobs: int | None = None) -> Iterator[tuple[TakenFile, ...]]:  # noqa: ARG002
        if not os.path.isdir(self.url):
            yield self.take(store).files
            return
        group: list[tuple[str, str]] = []
        size = 0
        for relpath, path, status in walk(self.url):
            group.append((relpath, path))
            size += status.st_size
            if size >= GROUP_BYTES or len(group) >= GROUP_FILES:
                yield self._take_group(store, group)
                group, size = [], 0
        if group:
            yield self._take_group(store, group)

    def _take_group(self, store: ObjectStore, group: list[tuple[str, str]]) -> tuple[TakenFile, ...]:
        taken = []
        with store.batch() as batch:
            for relpath, path in group:
                found, _ = batch.add_and_stat(path, None, self._index)
                taken.append(TakenFile(relpath, found.oid, found.size))
            batch.commit()
        return tuple(taken)

    def _scan(self, into: IngestBatch | None) -> Taken:
        if not os.path.exists(self.url):
            if os.path.islink(self.url):
                raise InvalidInputError(f"{self.url} is a link to {os.readlink(self.url)!r}, which is not there.")
            raise NotFoundError(f"{self.url} does not exist.")
        status = os.stat(self.url)
        if stat_bits.S_ISDIR(status.st_mode):
            tree = scan_tree(self.url, self._index, None, into)
            files = tuple(TakenFile(entry.relpath, entry.oid, entry.size) for entry in tree.entries)
            for file in files:
                if file.relpath.rpartition("/")[2] == _RULES:
                    raise InvalidInputError(
                        f"{self.url}/{file.relpath} would be inside tracked data.",
                        hint="Such rules hide files from one command and not from another; import without it.",
                    )
            return Taken(Facts(md5=tree.oid, size=tree.size, nfiles=tree.nfiles), files)
        if not stat_bits.S_ISREG(status.st_mode):
            raise not_regular(self.url, status)
        entry = scan_file(self.url, self._index, into)
        is_exec = bool(entry.stat.st_mode & stat_bits.S_IXUSR)
        facts = Facts(md5=entry.oid, size=entry.size, isexec=is_exec)
        return Taken(facts, (TakenFile("", entry.oid, entry.size),))
