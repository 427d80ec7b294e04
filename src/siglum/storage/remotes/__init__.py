"""Remotes: places that hold copies of objects, behind one small port."""

from siglum.storage.remotes.base import BulkRemote, Download, Outcome, RangedRemote, Remote, Upload
from siglum.storage.remotes.open import open_remote

__all__ = ["BulkRemote", "Download", "Outcome", "RangedRemote", "Remote", "Upload", "open_remote"]
