"""What must hold at any instant, whatever happened to a command, and what must hold when it was run again.

Nothing here imports Siglum: what is right is decided from bytes on the disk alone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping

import yaml
from tests.faults.world import CACHE, REMOTE, Entry, Snapshot

_OBJECT = re.compile(r"[0-9a-f]{2}/[0-9a-f]{30}(\.dir)?\Z")
_TEMPORARY = re.compile(r"(?:.*/)?\.[A-Za-z0-9_-]{22}\.tmp(?:/|\Z)")


def at_any_instant(before: Snapshot, now: Snapshot, after: Snapshot, damaged: Iterable[str] = ()) -> list[str]:
    """Return what is broken in the world `now`, in which a command that leads from `before` to `after` was stopped.

    `damaged` are the objects, `<store>/<name>`, that a fault damaged itself.
    """
    spoiled = set(damaged)
    return [
        *_lost(before, now, after),
        *_torn(before, now, after),
        *stores_are_whole(now, spoiled),
        *([] if spoiled else bad_pointers(now)),
    ]


def stores_are_whole(now: Snapshot, damaged: set[str] | None = None) -> list[str]:
    """Return the objects of cache and remote that are not what their name says, and manifests without their files."""
    return [
        broken
        for store in (CACHE, REMOTE)
        for broken in (*_bad_objects(now, store, damaged or set()), *_incomplete(now, store, damaged or set()))
    ]


def vanished(before: Snapshot, now: Snapshot) -> list[str]:
    """Return the contents, damaged ones too, that were somewhere and are nowhere."""
    return [f"vanished: {_named(before, md5)}" for md5 in sorted(before.contents - now.contents)]


def untrue_pointers(now: Snapshot) -> list[str]:
    """Return the pointers that record something else than the workspace holds."""
    broken = []
    workspace, cache = now.workspace, objects(now, CACHE)
    for path, entry in workspace.items():
        if not path.endswith(".dvc"):
            continue
        data = path.removesuffix(".dvc")
        for oid in filter(None, outputs_of(entry)):
            if not oid.endswith(".dir"):
                wanted = {data: oid}
            else:
                wanted = {f"{data}/{each['relpath']}": each["md5"] for each in _manifest(cache[oid]) or []}
            have = {p: e.md5 for p, e in workspace.items() if p == data or p.startswith(data + "/")}
            broken += [f"untrue: {path} says {wanted}, there is {have}"] if have != wanted else []
    return broken


def recorded_mixtures(before: Snapshot, now: Snapshot, written: Iterable[str]) -> list[str]:
    """Return the new objects that are no content that a file ever had; `written` are the MD5s of what others wrote."""
    whole = {*(entry.md5 for entry in before.workspace.values()), *written}
    new = {oid for oid in objects(now, CACHE).keys() - objects(before, CACHE).keys() if not oid.endswith(".dir")}
    return [f"a mixture was recorded: {oid}" for oid in sorted(new - whole)]


def when_done(now: Snapshot, after: Snapshot) -> list[str]:
    """Return what differs from the state that the command leads to; litter in tracked folders counts, too."""
    broken = []
    workspace, wanted = now.workspace, after.workspace
    tracked = tuple(f"{path}/" for path in _tracked_folders(after))
    for path in sorted(workspace.keys() | wanted.keys()):
        have, want = workspace.get(path), wanted.get(path)
        if have == want or (want is None and _is_temporary(path) and not path.startswith(tracked)):
            continue
        broken.append(f"done, but {path} {_differs(have, want)}")
    for store in (CACHE, REMOTE):
        missing = sorted(objects(after, store).keys() - objects(now, store).keys())
        broken += [f"done, but {store}/{oid} is not there" for oid in missing]
    return broken


def without_litter(now: Snapshot) -> list[str]:
    """Return the temporary files: a command that failed, instead of being killed, removes them itself."""
    return [f"left behind: {path}" for path in now.files if _is_temporary(path)]


def _differs(have: Entry | None, want: Entry | None) -> str:
    if have is None:
        return "is not there"
    if want is None:
        return "should not be there"
    return "has other bytes" if have.data != want.data else f"has mode {have.mode:o}, not {want.mode:o}"


def _is_temporary(path: str) -> bool:
    return _TEMPORARY.match(path) is not None


def _lost(before: Snapshot, now: Snapshot, after: Snapshot) -> list[str]:
    """What was anywhere is somewhere, but for what the command is meant to give up; what stays in sight is in sight."""
    kept = before.contents & (after.contents | _hashes_named_by(before))
    there = now.contents
    broken = [f"lost: {_named(before, md5)}" for md5 in sorted(kept - there)]
    stays = before.workspace.keys() & after.workspace.keys()
    return [*broken, *(f"out of sight: {path}" for path in stays - now.workspace.keys())]


def _hashes_named_by(snapshot: Snapshot) -> set[str]:
    """The contents that pointers and manifests name."""
    found = set()
    for oid in _pointed(snapshot):
        found.add(oid.removesuffix(".dir"))
    for oid, entry in objects(snapshot, CACHE).items() | objects(snapshot, REMOTE).items():
        if oid.endswith(".dir"):
            found.update(each["md5"] for each in _manifest(entry) or [])
    return found


def _named(snapshot: Snapshot, md5: str) -> str:
    return next((path for path, entry in snapshot.files.items() if entry.md5 == md5), md5)


def _torn(before: Snapshot, now: Snapshot, after: Snapshot) -> list[str]:
    """Every file of the workspace is what it was or what it is to become."""
    broken = []
    old, new = before.workspace, after.workspace
    for path, entry in now.workspace.items():
        known = {each.data for each in (old.get(path), new.get(path)) if each is not None}
        if entry.data in known or _is_temporary(path):
            continue
        if path.endswith(".dvc") and outputs_of(entry) in [
            outputs_of(each) for each in (old.get(path), new.get(path)) if each
        ]:
            continue  # the size of a folder with a damaged object in it
        if path.rpartition("/")[2] == ".gitignore" and _lines(entry) <= _lines(new.get(path)) | _lines(old.get(path)):
            continue  # some of the lines that it gets one after the other
        broken.append(f"torn: {path}" if known else f"out of nowhere: {path}")
    return broken


def _lines(entry: Entry | None) -> set[bytes]:
    return set((entry.data or b"").splitlines(keepends=True)) if entry is not None else set()


def objects(snapshot: Snapshot, store: str) -> dict[str, Entry]:
    """Return the objects of `CACHE` or `REMOTE` by their names."""
    return {path.replace("/", ""): entry for path, entry in snapshot.below(store).items() if _OBJECT.match(path)}


def _bad_objects(now: Snapshot, store: str, damaged: set[str]) -> list[str]:
    broken = []
    for path, entry in now.below(store).items():
        if not _OBJECT.match(path):
            if not _is_temporary(path):
                broken.append(f"not an object: {store}/{path}")
            continue
        oid = path.replace("/", "")
        if entry.md5 != oid.removesuffix(".dir") and f"{store}/{oid}" not in damaged:
            broken.append(f"wrong bytes: {store}/{path}")
    return broken


def _incomplete(now: Snapshot, store: str, damaged: set[str]) -> list[str]:
    """A manifest says that all its files are there."""
    broken = []
    there = objects(now, store)
    for oid, entry in there.items():
        if not oid.endswith(".dir") or f"{store}/{oid}" in damaged:
            continue
        wanted = {each["md5"] for each in _manifest(entry) or []}
        missing = {each for each in wanted - there.keys() if f"{store}/{each}" not in damaged}
        if missing:
            broken.append(f"looks complete: {store}/{oid} without {len(missing)} of its files")
    return broken


def _manifest(entry: Entry) -> list[dict[str, str]] | None:
    try:
        found = json.loads(entry.data or b"")
    except ValueError:
        return None
    return found if isinstance(found, list) else None


def bad_pointers(now: Snapshot) -> list[str]:
    """Return the `.dvc` files that cannot be read, or name what is neither in the cache nor on the remote."""
    broken = []
    there = {**objects(now, REMOTE), **objects(now, CACHE)}
    for path, entry in now.workspace.items():
        if not path.endswith(".dvc"):
            continue
        for oid in outputs_of(entry):
            if oid is None:
                broken.append(f"no pointer: {path}")
            elif oid not in there:
                broken.append(f"dangling: {path} names {oid}")
            elif oid.endswith(".dir"):
                missing = [each for each in _manifest(there[oid]) or [] if each["md5"] not in there]
                broken += [f"dangling: {path} lacks {len(missing)} files"] if missing else []
    return broken


def outputs_of(entry: Entry) -> list[str | None]:
    """Return the objects that a `.dvc` file names; None stands for what cannot be read."""
    try:
        outs = yaml.safe_load((entry.data or b"").decode())["outs"]
        return [str(out["md5"]) for out in outs]
    except (yaml.YAMLError, UnicodeDecodeError, LookupError, TypeError):
        return [None]


def _pointed(snapshot: Snapshot) -> set[str]:
    pointers: Mapping[str, Entry] = {p: e for p, e in snapshot.workspace.items() if p.endswith(".dvc")}
    return {oid for entry in pointers.values() for oid in outputs_of(entry) if oid is not None}


def _tracked_folders(snapshot: Snapshot) -> list[str]:
    return [
        path.removesuffix(".dvc")
        for path, entry in snapshot.workspace.items()
        if path.endswith(".dvc") and any(oid is not None and oid.endswith(".dir") for oid in outputs_of(entry))
    ]
