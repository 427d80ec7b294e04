"""What all parts of the store share."""

from __future__ import annotations

import random
import uuid

from siglum.tracking.sql.database import Database


class StorePart:
    """A database, the time, and where ids and names come from: `source`, for which a test passes one with a seed."""

    def __init__(self, database: Database, source: random.Random | None = None) -> None:
        self.database = database
        self._clock = database.clock
        self._random = source or random.SystemRandom()

    def _new_id(self) -> str:
        return uuid.UUID(int=self._random.getrandbits(128), version=4).hex
