"""`add` of a part of a tracked folder: the rest stays as it was recorded, whatever the workspace holds."""

from __future__ import annotations

import os

import msgspec

from siglum.core.errors import InvalidInputError
from siglum.core.hashes import DataHash
from siglum.storage.links import LinkType
from siglum.storage.manifest import ManifestEntry, make_manifest
from siglum.storage.tree import scan_file, scan_tree
from siglum.workspace.commit import Recorded, updated
from siglum.workspace.outputs import PathState
from siglum.workspace.pointers import Pointer, read_pointer, write_pointer
from siglum.workspace.repository import Repository
from siglum.workspace.restore import checkout_path
from siglum.workspace.targets import TrackedOutput


def is_recorded_part(repo: Repository, output: TrackedOutput) -> bool:
    """Whether the record of a folder lists what is meant of it, a file or files below."""
    return any(_is_within(entry.relpath, output.within) for entry in _entries(repo, output.spec.data))


def add_part(repo: Repository, output: TrackedOutput, *, to_cache: bool = True, relink: bool = True) -> Recorded:
    """Record what is in the workspace at `output.within`; when nothing is there, take it out of the record.

    The `.dvc` file is read anew: another part of the folder may just have been recorded. Content is durable in the
    cache before the file names it. The caller holds the lock.

    Raises NotFoundError when the cache does not have the folder's record, InvalidInputError for one of DVC 2.
    """
    pointer = _read_again(repo, output)
    spec = next(each for each in pointer.file.outs if pointer.key_of(each) == output.key)
    entries = _entries(repo, spec.data)
    before = len(entries)
    files = {e.relpath: e.oid for e in entries if not _is_within(e.relpath, output.within)}
    path = os.path.join(repo.root, output.key, output.within)
    with repo.cache.batch() as batch:
        into = batch if to_cache else None
        if os.path.isdir(path):
            tree = scan_tree(path, repo.index, repo.ignore, into)
            part = {f"{output.within}/{entry.relpath}": entry.oid for entry in tree.entries}
            sizes = {entry.oid: entry.size for entry in tree.entries}
        elif os.path.lexists(path):
            entry = scan_file(path, repo.index, into)
            part, sizes = {output.within: entry.oid}, {entry.oid: entry.size}
        else:
            part, sizes = {}, {}
        manifest = make_manifest(list((files | part).items()))
        if to_cache:
            batch.add_bytes(manifest.encode(), manifest.oid)
            batch.commit()
    if relink and to_cache and repo.link_types[0] not in (LinkType.COPY, LinkType.REFLINK):
        for name, oid in part.items():
            checkout_path(repo, os.path.join(repo.root, output.key, name), DataHash(oid), relink=True)
    size = sum(sizes[oid] if oid in sizes else _size_of(repo, oid) for oid in (files | part).values())
    state = PathState(DataHash(manifest.oid), size, len(manifest.entries))
    # As with DVC: no size is known any more once something in the folder was replaced.
    grown = None if spec.size is None or len(files) != before else spec.size + sum(sizes[oid] for oid in part.values())
    new = spec if spec.data == state.hash else msgspec.structs.replace(updated(spec, state), size=grown)
    outs = [new if each == spec else each for each in pointer.file.outs]
    write_pointer(os.path.join(repo.root, pointer.path), msgspec.structs.replace(pointer.file, outs=outs))
    return Recorded(output.key, pointer.path, state.hash, state.size, state.nfiles, spec.data != state.hash)


def _read_again(repo: Repository, output: TrackedOutput) -> Pointer:
    path = os.path.join(repo.root, output.pointer.path)
    return Pointer(output.pointer.path, read_pointer(path, repo.shown(output.pointer.path)))


def _entries(repo: Repository, data: DataHash | None) -> tuple[ManifestEntry, ...]:
    if data is None or not data.is_dir:
        return ()
    if data.legacy:
        raise InvalidInputError(
            "The folder was recorded by DVC 2, whose hashes cannot stand beside those of today.",
            hint="Add the whole folder.",
        )
    return repo.cache.read_manifest(data.oid).entries


def _is_within(relpath: str, part: str) -> bool:
    return relpath == part or relpath.startswith(f"{part}/")


def _size_of(repo: Repository, oid: str) -> int:
    return repo.cache.size_of(oid) if repo.cache.has(oid) else 0
