"""A diff of tracked data in the shape that DVC gives it, for programs."""

from __future__ import annotations

from typing import Any, Final

from siglum.core.hashes import DataHash
from siglum.pipeline.data.data_diff import DataDiff

NOT_IN_CACHE: Final = "not in cache"


def diff_value(found: DataDiff, *, show_hash: bool) -> dict[str, list[dict[str, Any]]]:
    """Return a diff in the shape of DVC's `diff --json`, nothing when nothing differs."""
    if found.is_empty:
        return {}
    changes = found.changes

    def entry(path: Any, data: Any) -> dict[str, Any]:
        return {"path": path, "hash": data} if show_hash else {"path": path}

    return {
        "added": [entry(_shown(each.path, each.new), _oid(each.new)) for each in changes.added],
        "deleted": [entry(_shown(each.path, each.old), _oid(each.old)) for each in changes.deleted],
        "modified": [
            entry(_shown(each.path, each.old), {"old": _oid(each.old), "new": _oid(each.new)})
            for each in changes.modified
        ],
        "renamed": [
            entry({"old": _shown(each.old, each.hash), "new": _shown(each.new, each.hash)}, _oid(each.hash))
            for each in changes.renamed
        ],
        NOT_IN_CACHE: [entry(_shown(path, data), _oid(data)) for path, data in found.not_in_cache],
    }


def _shown(path: str, data: DataHash | None) -> str:
    return f"{path}/" if data is not None and data.is_dir else path


def _oid(data: DataHash | None) -> str | None:
    return data.oid if data is not None else None
