"""Which object of an object store holds the bytes of which artifacts: `ContentIndex` on a database."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from siglum.core.errors import ConflictError
from siglum.storage.artifacts.base import ArtifactEntry
from siglum.storage.artifacts.index import UPLOAD, Content
from siglum.tracking.sql.database import Database
from siglum.tracking.sql.port import Row, Sql, marks

_PAGE: Final = 500
# '0' is the character after '/', ';' the one after ':': ranges of a primary key, where LIKE would read every row.
_AFTER_FOLDER: Final = "0"
_AFTER_UPLOADS: Final = UPLOAD[:-1] + ";"
# How many values a statement binds at most.
_AT_ONCE: Final = 500


class SqlContentIndex:
    """Contents and paths in a database. Transactions that write come one after another, in all processes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, path: str) -> Content | None:
        row = self._database.read(
            lambda sql: sql.one(
                """SELECT c.content, i.size, c.key FROM artifact_index i
                   JOIN artifact_contents c ON c.content = i.sha256 WHERE i.path = ?""",
                (path,),
            )
        )
        return Content(*row) if row else None

    def key_of(self, name: str) -> str | None:
        return self._database.read(lambda sql: _key_of(sql, name))

    def is_folder(self, path: str) -> bool:
        return self._database.read(lambda sql: _is_folder(sql, path))

    def entries(self, folder: str) -> Sequence[ArtifactEntry]:
        return self._database.read(lambda sql: list(_entries(sql, f"{folder}/" if folder else "")))

    def begin(self, key: str) -> None:
        now = self._database.clock()
        self._database.write(lambda sql: sql.run("INSERT INTO artifact_leftovers VALUES (?, ?)", (key, now)))

    def adopt(self, path: str, content: Content, *, instead_of: str | None = None) -> Sequence[str]:
        def work(sql: Sql) -> list[str]:
            settled = sql.one("SELECT content FROM artifact_contents WHERE key = ?", (content.key,))
            if settled is not None:  # it is asked for twice
                return _point(sql, path, Content(settled[0], content.size, content.key))
            held = _key_of(sql, content.name)
            unused = []
            if held is None or held == instead_of:
                sql.run(
                    """INSERT INTO artifact_contents (content, key) VALUES (?, ?)
                       ON CONFLICT (content) DO UPDATE SET key = excluded.key""",
                    (content.name, content.key),
                )
                sql.run("DELETE FROM artifact_leftovers WHERE key = ?", (content.key,))
                unused += [held] if held is not None else []
            else:
                unused.append(content.key)
            return _mark_unused(sql, unused) + _point(sql, path, content)

        return self._database.write(work)

    def share(self, path: str, content: Content) -> Sequence[str] | None:
        def work(sql: Sql) -> list[str] | None:
            return _point(sql, path, content) if _key_of(sql, content.name) == content.key else None

        return self._database.write(work)

    def settle(self, upload: str, sha256: str) -> Sequence[str]:
        def work(sql: Sql) -> list[str]:
            key = _key_of(sql, upload)
            if key is None:  # deleted meanwhile
                return []
            sql.run("UPDATE artifact_index SET sha256 = ? WHERE sha256 = ?", (sha256, upload))
            if _key_of(sql, sha256) is not None:
                return _drop_unused(sql, [upload])
            sql.run("UPDATE artifact_contents SET content = ? WHERE content = ?", (sha256, upload))
            return []

        return self._database.write(work)

    def unsettled(self) -> Sequence[Content]:
        rows = self._database.read(
            lambda sql: sql.all(
                """SELECT c.content, max(i.size), c.key FROM artifact_contents c
                   JOIN artifact_index i ON i.sha256 = c.content
                   WHERE c.content >= ? AND c.content < ? GROUP BY c.content, c.key""",
                (UPLOAD, _AFTER_UPLOADS),
            )
        )
        return [Content(*row) for row in rows]

    def forget(self, path_prefix: str) -> Sequence[str]:
        below = (path_prefix, f"{path_prefix}/", path_prefix + _AFTER_FOLDER)

        def work(sql: Sql) -> list[str]:
            where = "WHERE path = ? OR (path >= ? AND path < ?)"
            had = [row[0] for row in sql.all(f"SELECT DISTINCT sha256 FROM artifact_index {where}", below)]  # noqa: S608
            sql.run(f"DELETE FROM artifact_index {where}", below)  # noqa: S608
            return _drop_unused(sql, had)

        return self._database.write(work)

    def gone(self, keys: Sequence[str]) -> None:
        if keys:
            self._database.write(
                lambda sql: sql.many("DELETE FROM artifact_leftovers WHERE key = ?", [(key,) for key in keys])
            )

    def leftovers(self, older_than_ms: int) -> Sequence[str]:
        before = self._database.clock() - older_than_ms
        rows = self._database.read(
            lambda sql: sql.all("SELECT key FROM artifact_leftovers WHERE since < ? ORDER BY key", (before,))
        )
        return [row[0] for row in rows]


def _key_of(sql: Sql, name: str) -> str | None:
    row = sql.one("SELECT key FROM artifact_contents WHERE content = ?", (name,))
    return row[0] if row else None


def _is_folder(sql: Sql, path: str) -> bool:
    found = sql.one(
        "SELECT 1 FROM artifact_index WHERE path >= ? AND path < ? LIMIT 1", (f"{path}/", path + _AFTER_FOLDER)
    )
    return found is not None


def _point(sql: Sql, path: str, content: Content) -> list[str]:
    """Let a path have a content; return the key of the one that it had, when nothing else has that."""
    segments = path.split("/")
    above = ["/".join(segments[:n]) for n in range(1, len(segments))]
    file = sql.one(f"SELECT path FROM artifact_index WHERE path IN ({marks(len(above))})", above)  # noqa: S608
    if file is not None:
        raise ConflictError(
            f"There is a file at {file[0]!r}, so that it cannot be a folder.", hint="Delete it, or use another path."
        )
    if _is_folder(sql, path):
        raise ConflictError(
            f"There is a folder at {path!r}, so that it cannot be a file.", hint="Delete it, or use another path."
        )
    had = sql.one("SELECT sha256 FROM artifact_index WHERE path = ?", (path,))
    sql.run(
        """INSERT INTO artifact_index (path, size, sha256) VALUES (?, ?, ?)
           ON CONFLICT (path) DO UPDATE SET size = excluded.size, sha256 = excluded.sha256""",
        (path, content.size, content.name),
    )
    return _drop_unused(sql, [had[0]]) if had is not None and had[0] != content.name else []


def _drop_unused(sql: Sql, names: Sequence[str]) -> list[str]:
    """Forget those contents that no path has; return the keys of their objects, which are now leftovers."""
    keys: list[str] = []
    for start in range(0, len(names), _AT_ONCE):
        some = names[start : start + _AT_ONCE]
        rows = sql.all(
            f"""DELETE FROM artifact_contents WHERE content IN ({marks(len(some))})
                AND NOT EXISTS (SELECT 1 FROM artifact_index WHERE sha256 = content) RETURNING key""",  # noqa: S608
            some,
        )
        keys += [row[0] for row in rows]
    return _mark_unused(sql, keys)


def _mark_unused(sql: Sql, keys: Sequence[str]) -> list[str]:
    sql.many(
        "INSERT INTO artifact_leftovers VALUES (?, 0) ON CONFLICT (key) DO UPDATE SET since = 0",
        [(key,) for key in keys],
    )
    return list(keys)


def _entries(sql: Sql, prefix: str) -> Iterable[ArtifactEntry]:
    """Yield what is directly below a prefix. Of a folder in it, no more than a page of rows is read."""
    end = prefix[:-1] + _AFTER_FOLDER if prefix else "\U0010ffff"
    after = prefix
    while rows := _page(sql, after, end):
        for path, size, name in rows:
            if path < after:
                continue  # below a folder that was told of
            child, slash, _ = path[len(prefix) :].partition("/")
            if slash:
                yield ArtifactEntry(path=prefix + child, is_dir=True)
                after = prefix + child + _AFTER_FOLDER
            else:
                yield ArtifactEntry(path=path, is_dir=False, size=size, sha256=Content(name, size, "").sha256)
                after = path + "\x01"  # no path holds a control character
        if len(rows) < _PAGE:
            return


def _page(sql: Sql, after: str, end: str) -> list[Row]:
    return sql.all(
        """SELECT path, size, sha256 FROM artifact_index WHERE path >= ? AND path < ? ORDER BY path LIMIT ?""",
        (after, end, _PAGE),
    )
