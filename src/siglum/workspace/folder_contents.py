"""What is in recorded folders: their manifests, from the cache, else from the remote that should have them."""

from __future__ import annotations

import contextlib
import os

from siglum.core.errors import IntegrityError, NotFoundError, NotSupportedError, SiglumError, UnavailableError
from siglum.core.hashes import DIR_SUFFIX, DataHash
from siglum.storage.hashing import md5_bytes
from siglum.storage.manifest_diff import read_listing
from siglum.storage.transfer import fetch_manifest
from siglum.workspace.documents import write_atomic
from siglum.workspace.remotes import open_configured_remote
from siglum.workspace.repository import Repository


class FolderContents:
    """Manifests by their hash, each read once. What comes from a remote is kept for later, but not in the cache.

    `remote` goes before the one that an output or the settings name. `problems` gathers, by remote, why one could not
    be asked: for a warning, since a folder is then unknown where it might be known.
    """

    def __init__(self, repo: Repository, remote: str | None = None) -> None:
        self._repo = repo
        self._remote_name = remote
        self._known: dict[DataHash, bytes | None] = {}
        self.problems: dict[str, SiglumError] = {}

    def manifest(self, data: DataHash, remote: str | None = None) -> bytes | None:
        """Return the verified bytes of a folder's manifest, None when it is neither in the cache nor on the remote.

        `remote` is what the output asks for. Raises IntegrityError when there are only damaged copies.
        """
        if data not in self._known:
            self._known[data] = self._read(data, self._remote_name or remote)
        return self._known[data]

    def entries(self, data: DataHash, remote: str | None = None) -> dict[str, str] | None:
        """Return a folder's files (path below it: oid), None when its manifest is nowhere. Raises as `manifest`."""
        found = self.manifest(data, remote)
        return None if found is None else read_listing(found, data.oid)

    def _read(self, data: DataHash, remote: str | None) -> bytes | None:
        damage = None
        try:
            return self._repo.store_of(data).read_bytes(data.oid)
        except NotFoundError:
            pass
        except IntegrityError as error:
            damage = error
        found = self._fetched(data, remote)
        if found is None and damage is not None:
            raise damage
        return found

    def _fetched(self, data: DataHash, remote: str | None) -> bytes | None:
        kept = os.path.join(self._repo.tmp_dir, "siglum", "manifests", data.oid)
        known = _sound_copy(kept, data)
        name = remote or self._repo.config.get("core.remote")
        if known is not None or name is None or name in self.problems:
            return known
        try:
            found = fetch_manifest(data.oid, open_configured_remote(self._repo, name)).encode()
        except (UnavailableError, NotSupportedError) as error:
            self.problems[name] = error
            return None
        except NotFoundError:
            return None
        # Beside the cache, not in it: there a manifest says that its files are there, too.
        with contextlib.suppress(OSError):
            os.makedirs(os.path.dirname(kept), exist_ok=True)
            write_atomic(kept, found)
        return found


def _sound_copy(path: str, data: DataHash) -> bytes | None:
    """Return the bytes of a manifest that was fetched before, None when there is none or it is not what it was."""
    try:
        with open(path, "rb") as file:
            found = file.read()
    except OSError:
        return None
    return found if md5_bytes(found) == data.oid.removesuffix(DIR_SUFFIX) else None
