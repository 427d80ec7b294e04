"""Idempotency keys: a batch that is sent again with the same key is stored once.

A key belongs to its run. What was logged under it is remembered as a digest, so that a key that is used twice for
different things is an error and not a loss. Keys are forgotten after `KEPT_MS`.
"""

from __future__ import annotations

import hashlib
from typing import Final

import msgspec

from siglum.core.errors import ConflictError
from siglum.tracking.sql.port import Sql

KEPT_MS: Final = 7 * 24 * 3600 * 1000
_DIGEST_BYTES: Final = 16


def is_repeated(sql: Sql, run_key: int, key: str, batch: msgspec.Struct, now: int) -> bool:
    """Whether this batch was stored under its key before; if not, remember that now it is.

    Raises ConflictError when the key was used for another batch.
    """
    digest = hashlib.sha256(msgspec.msgpack.encode(batch)).digest()[:_DIGEST_BYTES]
    row = sql.one("SELECT digest FROM batch_keys WHERE run_key = ? AND key = ?", (run_key, key))
    if row is not None:
        if row[0] != digest:
            raise ConflictError(
                f"The idempotency key {key!r} was used for another batch of this run.",
                hint="Use a new key for each batch, such as a random UUID.",
            )
        return True
    sql.run("DELETE FROM batch_keys WHERE time < ?", (now - KEPT_MS,))
    sql.run("INSERT INTO batch_keys (run_key, key, digest, time) VALUES (?, ?, ?, ?)", (run_key, key, digest, now))
    return False
