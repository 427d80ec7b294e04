"""What garbage collection takes out, as a plan: a function of what there is and what is needed. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from siglum.core.hashes import DataHash
from siglum.storage.trash import Contents, manifests_first


class Keep(msgspec.Struct, frozen=True):
    """What is needed: by the repository's own files, and by records (runs, model versions) that are named."""

    used: frozenset[DataHash]
    recorded: Mapping[DataHash, tuple[str, ...]] = {}


class Found(msgspec.Struct, frozen=True):
    """The objects of one store before the collection: oid and size, which is None where a remote does not say.

    `remote` is the remote's name, None for the cache.
    """

    remote: str | None
    algorithm: str
    objects: Mapping[str, int | None]


class Holder(msgspec.Struct, frozen=True):
    """A run or model version, and what is kept for nothing else than records."""

    name: str
    kept: Contents


class Collection(msgspec.Struct, frozen=True):
    """What leaves one store: `oids` with manifests first.

    `kept` counts what stays; `for_records` what of it would go but for runs and model versions.
    """

    remote: str | None
    algorithm: str
    oids: tuple[str, ...]
    size: int | None
    kept: int
    for_records: Contents
    holders: tuple[Holder, ...] = ()

    def only(self, oids: frozenset[str]) -> Collection:
        """Return the same for those that `oids` has, too."""
        return msgspec.structs.replace(self, oids=tuple(oid for oid in self.oids if oid in oids))


class GcPlan(msgspec.Struct, frozen=True):
    """What would be collected, the cache's parts first, and the manifests that are needed and cannot be read."""

    collections: tuple[Collection, ...]
    unread: tuple[str, ...] = ()

    def __len__(self) -> int:
        return sum(len(each.oids) for each in self.collections)

    def only(self, other: GcPlan) -> GcPlan:
        """Return what both plans collect."""
        known = {(each.remote, each.algorithm): frozenset(each.oids) for each in other.collections}
        kept = tuple(each.only(known.get((each.remote, each.algorithm), frozenset())) for each in self.collections)
        return GcPlan(kept, self.unread)


def needed_objects(
    roots: Iterable[DataHash],
    files_of: Callable[[DataHash], tuple[str, ...] | None],
    unread: dict[str, None] | None = None,
) -> set[tuple[str, str]]:
    """Return all objects (algorithm, oid) that `roots` stand for: a folder's manifest and the files that it lists.

    The names of manifests that cannot be read are put into `unread`.
    """
    needed: set[tuple[str, str]] = set()
    for data in roots:
        needed.add((data.algorithm, data.oid))
        if data.is_dir:
            files = files_of(data)
            if files is None and unread is not None:
                unread[data.oid] = None
            needed.update((data.algorithm, oid) for oid in files or ())
    return needed


def plan_gc(
    found: Sequence[Found],
    keep: Keep,
    files_of: Callable[[DataHash], tuple[str, ...] | None],
    elsewhere: Callable[[str, str], bool] = lambda _algorithm, _oid: False,
) -> GcPlan:
    """Return which of the objects `found` nobody needs.

    A needed folder needs the files that its manifest lists, as `files_of` says. `elsewhere` tells of a needed object
    (algorithm, oid) that there is a copy which will do (`--not-in-remote`); it may go.
    """
    unread: dict[str, None] = {}

    def closure(roots: Iterable[DataHash]) -> set[tuple[str, str]]:
        return {each for each in needed_objects(roots, files_of, unread) if not elsewhere(*each)}

    used = closure(keep.used)
    by_holder: dict[str, set[tuple[str, str]]] = {}
    for data, holders in keep.recorded.items():
        needed = closure([data]) - used
        for holder in holders:
            by_holder.setdefault(holder, set()).update(needed)
    recorded = set().union(*by_holder.values()) if by_holder else set()
    collections = tuple(_collection(each, used, recorded, by_holder) for each in found)
    return GcPlan(collections, tuple(unread))


def _collection(
    found: Found,
    used: set[tuple[str, str]],
    recorded: set[tuple[str, str]],
    by_holder: Mapping[str, set[tuple[str, str]]],
) -> Collection:
    def contents(needed: set[tuple[str, str]]) -> Contents:
        mine = [oid for algorithm, oid in needed if algorithm == found.algorithm and oid in found.objects]
        return Contents(len(mine), sum(found.objects[oid] or 0 for oid in mine))

    gone = [
        oid for oid in found.objects if (found.algorithm, oid) not in used and (found.algorithm, oid) not in recorded
    ]
    sizes = [found.objects[oid] for oid in gone]
    holders = [Holder(name, contents(needed)) for name, needed in sorted(by_holder.items())]
    return Collection(
        found.remote,
        found.algorithm,
        tuple(manifests_first(gone)),
        None if None in sizes else sum(size or 0 for size in sizes),
        len(found.objects) - len(gone),
        contents(recorded),
        tuple(holder for holder in holders if holder.kept.objects),
    )
