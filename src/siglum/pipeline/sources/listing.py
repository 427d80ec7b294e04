"""`list` and `du`: what is in a repository, as lists, as a tree, and as sums of sizes."""

from __future__ import annotations

import posixpath

import msgspec

from siglum.pipeline.sources.browse import Browser, Entry
from siglum.workspace.source_tree import is_metafile


class Node(msgspec.Struct, frozen=True):
    """An entry and what is in it, by name; nothing in files and in folders that are too deep."""

    entry: Entry
    contents: dict[str, Node] = {}


def list_entries(
    browser: Browser, key: str, *, recursive: bool = False, depth: int | None = None, recorded_only: bool = False
) -> list[tuple[str, Entry]]:
    """Return what is in the folder at `key` (path below it, entry), sorted by path; for a file, the file by its name.

    With `recursive`, all files below; folders are then left out but for those at the greatest `depth` (1 is what is
    directly in the folder, 0 the folder itself). Raises NotFoundError.
    """
    top = browser.entry(key)
    depth = depth if recursive else None
    if not top.is_dir or depth == 0:
        return [(posixpath.basename(key) or ".", top)]
    found: list[tuple[str, Entry]] = []
    pending = [("", 1)]
    while pending:
        folder, level = pending.pop()
        for name, entry in browser.children(posixpath.join(key, folder).rstrip("/"), recorded_only=recorded_only):
            path = posixpath.join(folder, name)
            if entry.is_dir and recursive and (depth is None or level < depth):
                pending.append((path, level + 1))
            else:
                found.append((path, entry))
    return sorted(found, key=lambda each: each[0])


def list_tree(browser: Browser, key: str, *, depth: int | None = None, recorded_only: bool = False) -> Node:
    """Return what is at `key` and all that is in it, `depth` folders deep at most. Raises NotFoundError."""
    return _node(browser, browser.entry(key), depth, recorded_only)


def _node(browser: Browser, entry: Entry, depth: int | None, recorded_only: bool) -> Node:
    if not entry.is_dir or depth == 0:
        return Node(entry)
    below = depth - 1 if depth is not None else None
    children = browser.children(entry.path, recorded_only=recorded_only)
    return Node(entry, {name: _node(browser, child, below, recorded_only) for name, child in children})


def disk_usage(browser: Browser, key: str, *, summarize: bool = False) -> list[tuple[str, int]]:
    """Return (name, bytes) of what is in the folder at `key`, sorted by name, and of all of it under "".

    What serves data versioning is not counted. Where only the record of a folder is here, its size on record counts.
    With `summarize`, and for a file, there is just the sum. Raises NotFoundError.
    """
    top = browser.entry(key)
    if summarize or not top.is_dir:
        return [("", _usage(browser, top))]
    parts = [(name, _usage(browser, entry)) for name, entry in browser.children(key) if not is_metafile(name)]
    return [*parts, ("", sum(size for _, size in parts))]


def _usage(browser: Browser, entry: Entry) -> int:
    total = 0
    pending = [entry]
    while pending:
        each = pending.pop()
        if not each.is_dir:
            total += (each.size if each.size is not None else browser.cached_size(each)) or 0
        elif not each.on_disk and each.size is not None:
            total += each.size
        else:
            pending += [child for name, child in browser.children(each.path) if not is_metafile(name)]
    return total
