"""Remotes: places that hold copies of objects, behind one small port."""

from siglum.storage.remotes.base import BulkRemote, Remote, Upload
from siglum.storage.remotes.open import open_remote

__all__ = ["BulkRemote", "Remote", "Upload", "open_remote"]
