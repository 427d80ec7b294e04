"""Single objects on a remote, of DVC 3's kind and of DVC 2's: where each is, and fetched with its hash checked."""

from __future__ import annotations

import os
import tempfile

from siglum.core.errors import IntegrityError
from siglum.core.hashes import DIR_SUFFIX
from siglum.storage.legacy import legacy_key_of, legacy_md5_file
from siglum.storage.remotes.base import Remote
from siglum.storage.transfer import key_of

MD5 = "md5"
LEGACY_MD5 = "md5-dos2unix"


def object_key(algorithm: str, oid: str) -> str:
    """Return the key that an object has on a remote."""
    return legacy_key_of(oid) if algorithm == LEGACY_MD5 else key_of(oid)


def fetch_object(remote: Remote, algorithm: str, oid: str, target: str) -> int:
    """Fetch an object of either kind into the new file `target`, verified; return its size.

    Raises NotFoundError when it is not there, IntegrityError when it is damaged; then there is no `target`.
    """
    if algorithm == MD5:
        return remote.get(object_key(algorithm, oid), target, oid)
    size = remote.get(object_key(algorithm, oid), target, None)
    if legacy_md5_file(target).oid != oid.removesuffix(DIR_SUFFIX):
        os.unlink(target)
        raise IntegrityError(f"Remote {remote.name!r} has a damaged {object_key(algorithm, oid)}.")
    return size


def is_sound(remote: Remote, algorithm: str, oid: str) -> bool:
    """Whether an object on a remote hashes to its name. Reads all of it. Raises NotFoundError when it is not there."""
    with tempfile.TemporaryDirectory(prefix="siglum-verify-") as folder:
        try:
            fetch_object(remote, algorithm, oid, os.path.join(folder, "object"))
        except IntegrityError:
            return False
        return True
