"""Sources: places that data is imported from by a URL, as opposed to remotes, which keep objects by their hash."""

from siglum.storage.sources.base import Facts, Source, Taken, TakenFile
from siglum.storage.sources.open import open_source

__all__ = ["Facts", "Source", "Taken", "TakenFile", "open_source"]
