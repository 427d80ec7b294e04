"""Merge of two `.dvc` files that record two states of one folder, file by file. What Git's merge driver does."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from siglum.core.errors import ConflictError, NotFoundError
from siglum.storage.manifest import Manifest, make_manifest
from siglum.storage.objects import ObjectStore
from siglum.workspace.documents import read_bytes
from siglum.workspace.pointers import DataFile, OutputSpec, parse_pointer, write_pointer
from siglum.workspace.repository import Repository

_NAMED_AT_MOST = 5


def merge_pointers(repo: Repository, ancestor: str, ours: str, theirs: str) -> DataFile:
    """Merge the `.dvc` files at three paths into the one at `ours`, and return it; the ancestor's may be empty.

    The merged folder's manifest is in the cache before the file changes. Git's temporary names mean nothing to a
    person: errors name the output.

    Raises:
        ConflictError: Both sides changed the same file of the folder in different ways, or something other than the
            content of one folder. The file at `ours` is as it was.
        NotFoundError: The cache lacks the manifest of one of the three states.
        FileFormatError: One of the three is no `.dvc` file.
    """
    our = parse_pointer(read_bytes(ours), "our version")
    their = parse_pointer(read_bytes(theirs), "their version")
    base_bytes = read_bytes(ancestor)
    base = parse_pointer(base_bytes, "the common version") if base_bytes.strip() else None
    if our == their or their == base:
        return our
    if our == base:
        merged = their
    else:
        merged = _merged(repo, base, our, their)
    write_pointer(ours, merged)
    return merged


def merge_entries(
    base: Mapping[str, str], ours: Mapping[str, str], theirs: Mapping[str, str]
) -> tuple[dict[str, str], list[str]]:
    """Merge three states of a folder, each the oid of every file by path; return the result and the paths in conflict.

    A path is in conflict when both sides changed it in different ways, or one made a folder where the other has a file.
    """
    merged: dict[str, str] = {}
    conflicts = []
    for path in sorted({*base, *ours, *theirs}):
        old, our, their = base.get(path), ours.get(path), theirs.get(path)
        if our != their and old not in (our, their):
            conflicts.append(path)
            continue
        kept = their if our == old else our
        if kept is not None:
            merged[path] = kept
    for path in merged:
        above = path.rpartition("/")[0]
        while above:
            if above in merged:
                conflicts.append(above)
            above = above.rpartition("/")[0]
    return merged, sorted(set(conflicts))


def _merged(repo: Repository, base: DataFile | None, our: DataFile, their: DataFile) -> DataFile:
    shown = our.outs[0].path
    files = [file for file in (base, our, their) if file is not None]
    outs = [_folder_of(file, shown) for file in files]
    if len({msgspec.json.encode(_without_content(file)) for file in files}) > 1:
        raise ConflictError(
            f"{shown}: more than the content of the folder changed on both sides.", hint="Merge the file by hand."
        )
    data = outs[-1].data
    assert data is not None
    store = repo.store_of(data)
    states = [_entries(store, out, shown) for out in outs]
    merged, conflicts = merge_entries(states[0] if base is not None else {}, states[-2], states[-1])
    if conflicts:
        more = f" and {len(conflicts) - _NAMED_AT_MOST} more" if len(conflicts) > _NAMED_AT_MOST else ""
        raise ConflictError(
            f"{shown}: both sides changed {', '.join(conflicts[:_NAMED_AT_MOST])}{more} in the folder.",
            hint="Check out one side, make the folder what it should be, and run 'siglum commit' and 'git add'.",
        )
    manifest = make_manifest(list(merged.items()))
    oid = store.write_manifest(manifest)
    out = msgspec.structs.replace(outs[-2], md5=oid, size=_size(store, manifest), nfiles=len(merged), files=None)
    return msgspec.structs.replace(our, outs=[out])


def _folder_of(file: DataFile, shown: str) -> OutputSpec:
    out = file.outs[0]
    if len(file.outs) > 1 or file.deps or out.data is None or not out.data.is_dir:
        raise ConflictError(
            f"{shown}: only a folder that was added can be merged file by file.", hint="Choose one side of the file."
        )
    return out


def _without_content(file: DataFile) -> DataFile:
    outs = [msgspec.structs.replace(out, md5=None, size=None, nfiles=None, files=None) for out in file.outs]
    return msgspec.structs.replace(file, outs=outs)


def _entries(store: ObjectStore, out: OutputSpec, shown: str) -> dict[str, str]:
    assert out.data is not None
    try:
        manifest = store.read_manifest(out.data.oid)
    except NotFoundError:
        raise NotFoundError(
            f"{shown}: the cache does not have the folder's state {out.data.oid}.",
            hint="Run 'siglum fetch --all-branches' and merge again.",
        ) from None
    return {entry.relpath: entry.oid for entry in manifest.entries}


def _size(store: ObjectStore, manifest: Manifest) -> int | None:
    """Return the size of the folder's files, None when the cache does not have them all."""
    try:
        return sum(store.size_of(entry.oid) for entry in manifest.entries)
    except NotFoundError:
        return None
