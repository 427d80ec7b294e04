"""Which files a folder's hash stands for: asked of the cache, and of a remote where the cache does not know."""

from __future__ import annotations

from siglum.storage.manifest import Manifest
from siglum.storage.objects import ObjectStore
from siglum.storage.remotes.base import Remote
from siglum.storage.transfer import fetch_manifest, keys_for


class Manifests:
    """Manifests by their oid. What comes from the remote is kept here only, until `keep`."""

    def __init__(self, cache: ObjectStore, remote: Remote | None = None) -> None:
        self._cache = cache
        self._remote = remote
        self._fetched: dict[str, Manifest] = {}

    def read(self, oid: str) -> Manifest:
        """Return a folder's manifest, verified.

        Raises NotFoundError when it is nowhere, IntegrityError when it is damaged, UnavailableError when the remote is
        not there.
        """
        if oid in self._fetched:
            return self._fetched[oid]
        if self._remote is None or self._cache.is_sound(oid):
            return self._cache.read_manifest(oid)
        found = self._fetched[oid] = fetch_manifest(oid, self._remote, keys_for(self._cache)(oid))
        return found

    def keep(self) -> None:
        """Store what came from the remote in the cache, where checking out a part of a folder looks it up, as in DVC.

        Not all files that it lists need be there: whoever wants them all asks for each (see `ObjectStore.has_all`).
        """
        for manifest in self._fetched.values():
            self._cache.write_manifest(manifest)
        self._fetched.clear()
