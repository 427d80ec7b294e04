"""What differs between the cache and a remote. Apart from `status`, which starts the faster for not knowing remotes."""

from __future__ import annotations

from collections.abc import Sequence

from siglum.core.hashes import DataHash
from siglum.storage.remotes.base import Remote
from siglum.storage.transfer import key_of
from siglum.workspace.repository import Repository


def cloud_status(repo: Repository, wanted: Sequence[tuple[str, DataHash]], remote: Remote) -> dict[str, str]:
    """Return, by path, what a remote lacks ("new"), what the cache lacks ("deleted") and what both do ("missing").

    `wanted` holds what is recorded: (path from the root, hash). A folder's files are looked at when its manifest is in
    the cache; a manifest on the remote stands for all its files.
    """
    entries = dict(wanted)
    for path, data in wanted:
        if data.is_dir and repo.cache.has(data.oid):
            manifest = repo.cache.read_manifest(data.oid)
            entries |= {f"{path}/{entry.relpath}": DataHash(entry.oid) for entry in manifest.entries}
    oids = {data.oid for data in entries.values()}
    there = remote.exists(key_of(oid) for oid in oids)
    complete = {path for path, data in wanted if data.is_dir and key_of(data.oid) in there}
    absent_here = set(repo.cache.missing(oids))
    found: dict[str, str] = {}
    for path, data in entries.items():
        here = data.oid not in absent_here
        on_remote = key_of(data.oid) in there or any(path.startswith(folder + "/") for folder in complete)
        if here and not on_remote:
            found[repo.shown(path)] = "new"
        elif on_remote and not here:
            found[repo.shown(path)] = "deleted"
        elif not here:
            found[repo.shown(path)] = "missing"
    return found
