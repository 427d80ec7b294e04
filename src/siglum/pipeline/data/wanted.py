"""What a transfer is about: recorded data by target, here and in other revisions, and where each belongs."""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Callable, Iterable, Iterator, Sequence

import msgspec

from siglum.core.errors import NotFoundError, UnavailableError
from siglum.core.hashes import DataHash
from siglum.core.text import did_you_mean
from siglum.pipeline.data.used import Scope, commits_of
from siglum.pipeline.definition.schema import OutputKind
from siglum.pipeline.graph.load import Pipeline, load_pipeline
from siglum.pipeline.inventory.inventory import InventoryItem, read_inventory
from siglum.pipeline.inventory.revisions import RevisionReader
from siglum.pipeline.inventory.selection import folder_of, select
from siglum.pipeline.sources.import_fetch import WantedImport
from siglum.storage.manifest import Manifest
from siglum.workspace.repository import Repository
from siglum.workspace.transfer import Wanted

ReadManifest = Callable[[DataHash, str | None], Manifest]
"""Returns a folder's manifest; the second argument is the remote that the output names."""


class TransferScope(msgspec.Struct, frozen=True, kw_only=True):
    """How far a transfer goes beyond its targets, or short of them; the options and their meaning are DVC's.

    `kinds` leaves out outputs of other kinds, `max_size` (bytes) larger ones.
    """

    all_branches: bool = False
    all_tags: bool = False
    all_commits: bool = False
    with_deps: bool = False
    recursive: bool = False
    glob: bool = False
    kinds: frozenset[OutputKind] | None = None
    max_size: int | None = None

    @property
    def in_workspace(self) -> TransferScope:
        """The same without other revisions."""
        return msgspec.structs.replace(self, all_branches=False, all_tags=False, all_commits=False)

    @property
    def revisions(self) -> Scope:
        """The revisions that count beside the workspace."""
        return Scope(
            workspace=True, all_branches=self.all_branches, all_tags=self.all_tags, all_commits=self.all_commits
        )


def wanted_data(
    repo: Repository, targets: Sequence[str], read_manifest: ReadManifest, scope: TransferScope | None = None
) -> list[Wanted]:
    """Return what `targets` (paths relative to the current folder, or stages) mean; everything when there are none.

    Raises NotFoundError for a target that nothing tracks, or for a part of a folder that is not in its record.
    """
    scope = scope or TransferScope()
    items = [item for item in read_inventory(repo, cached_only=True).items if _counts(item, scope)]
    pipeline = load_pipeline(repo) if targets or scope.kinds is not None else None
    if scope.kinds is not None and pipeline is not None:
        items = [item for item in items if _kind_of(item, pipeline) in scope.kinds]
    if pipeline is None or not targets:
        found = [_whole(item) for item in items]
        chosen = None
    else:
        names = _globbed(repo, targets, items) if scope.glob else targets
        selected = select(repo, pipeline, names, with_deps=scope.with_deps, recursive=scope.recursive)
        chosen = {(each.stage.address, each.part) for each in selected}
        found = list(_chosen(items, chosen, read_manifest))
    commits = commits_of(repo, scope.revisions)
    reader = RevisionReader(repo) if commits else None
    for commit in commits:
        assert reader is not None
        earlier = [item for item in reader.read(commit) if _counts(item, scope)]
        if chosen is None:
            found += [_whole(item) for item in earlier]
        else:
            found += _chosen(earlier, chosen, read_manifest, here=False)
    once: dict[tuple[str, DataHash], Wanted] = {}
    for each in found:
        once.setdefault((each.path, each.hash), each)
    return list(once.values())


def wanted_imports(
    repo: Repository, targets: Sequence[str], wanted: Iterable[Wanted], scope: TransferScope | None = None
) -> list[WantedImport]:
    """Return the imports among what a fetch is about, and those here of which not even the hash is known yet.

    One that was recorded without its data, and is in the workspace nevertheless, was fetched before.
    """
    found = [
        WantedImport(each.path, each.pointer, each.imported, None if each.partial else each.hash)
        for each in wanted
        if each.is_elsewhere and each.imported is not None and not (each.partial and _is_here(repo, each.path))
    ]
    scope = scope or TransferScope()
    promised = [item for item in read_inventory(repo, cached_only=True).items if item.hash is None and item.partial]
    if not promised or scope.kinds is not None:
        return found
    chosen = {item.source for item in promised}
    if targets:
        names = _globbed(repo, targets, promised) if scope.glob else targets
        selected = select(repo, load_pipeline(repo), names, with_deps=scope.with_deps, recursive=scope.recursive)
        chosen = {each.stage.address for each in selected}
    return found + [
        WantedImport(item.path, item.source, item.imported)
        for item in promised
        if item.source in chosen and item.imported is not None and not _is_here(repo, item.path)
    ]


def _is_here(repo: Repository, path: str) -> bool:
    return os.path.lexists(os.path.join(repo.root, path))


def _counts(item: InventoryItem, scope: TransferScope) -> bool:
    return item.hash is not None and not (scope.max_size is not None and (item.size or 0) > scope.max_size)


def _kind_of(item: InventoryItem, pipeline: Pipeline) -> OutputKind:
    stage = pipeline.stages.get(item.source)
    outs = stage.outs if stage is not None else ()
    return next((out.kind for out in outs if out.key == item.path), OutputKind.OUTS)


def _whole(item: InventoryItem) -> Wanted:
    assert item.hash is not None  # what has none was left out before
    return Wanted(
        item.path,
        item.hash,
        item.remote,
        item.push,
        item.partial,
        item.is_exec,
        imported=item.imported,
        pointer=item.source if item.imported is not None else "",
    )


def _chosen(
    items: Iterable[InventoryItem], chosen: set[tuple[str, str]], read_manifest: ReadManifest, *, here: bool = True
) -> Iterator[Wanted]:
    """Yield what was chosen of a state's outputs; one that is not the workspace's need not have it."""
    parts: dict[str, set[str]] = {}
    for source, part in chosen:
        parts.setdefault(source, set()).add(part)
    for item in items:
        for part in sorted(parts.get(item.source, ())):
            if part in ("", item.path):
                yield _whole(item)
            elif part.startswith(f"{item.path}/"):
                yield from _inside(item, part, read_manifest, here=here)


def _inside(item: InventoryItem, part: str, read_manifest: ReadManifest, *, here: bool) -> Iterator[Wanted]:
    whole = _whole(item)
    within = part[len(item.path) + 1 :]
    try:
        entries = read_manifest(whole.hash, item.remote).entries if whole.hash.is_dir else ()
    except (NotFoundError, UnavailableError):
        if not here:
            return
        if whole.is_elsewhere:
            yield whole  # what is in it shows when it is here
            return
        raise
    found = [e for e in entries if e.relpath == within or e.relpath.startswith(f"{within}/")]
    if not found and here:
        raise NotFoundError(
            f"{within!r} is not in {item.path} as it is recorded.",
            hint=did_you_mean(within, [entry.relpath for entry in entries]),
        )
    for entry in found:
        yield msgspec.structs.replace(
            whole,
            path=posixpath.join(item.path, entry.relpath),
            hash=DataHash(entry.oid, whole.hash.legacy),
            is_exec=False,
            part_of=item.path,
        )


def _globbed(repo: Repository, targets: Sequence[str], items: Iterable[InventoryItem]) -> list[str]:
    """Return the outputs and `.dvc` files that patterns fit, as targets. Raises NotFoundError when there is none."""
    folder = folder_of(repo)
    names = dict.fromkeys(name for item in items for name in (item.path, item.source))
    shown = {os.path.relpath(name, folder or ".") if folder else name: name for name in names}
    found = [name for target in targets for name in shown if _pattern(target).fullmatch(name)]
    if not found:
        raise NotFoundError(f"Nothing that is tracked fits {' '.join(targets)}.")
    return list(dict.fromkeys(found))


def _pattern(glob: str) -> re.Pattern[str]:
    """Return what a pattern of Python's `glob` fits, `**` included."""
    parts = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    pieces = re.split(r"(\*\*/|\*\*|\*|\?|\[!?[^\]]+\])", os.path.normpath(glob))
    text = "".join(
        parts.get(piece) or (piece.replace("[!", "[^", 1) if piece.startswith("[") else re.escape(piece))
        for piece in pieces
    )
    return re.compile(text, re.DOTALL)
