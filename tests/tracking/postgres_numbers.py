"""A table of numbers, to see which transactions came through."""

from __future__ import annotations

from collections.abc import Callable

from siglum.tracking.sql.database import Database
from siglum.tracking.sql.port import Sql


def insert(x: int) -> Callable[[Sql], None]:
    return lambda sql: sql.run("INSERT INTO t VALUES (?)", (x,))


def numbers(database: Database) -> list[int]:
    return [x for (x,) in database.read(lambda sql: sql.all("SELECT x FROM t ORDER BY x"))]
