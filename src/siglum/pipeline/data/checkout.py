"""`checkout` of a whole project: data of `.dvc` files and what stages made, all of it or what targets mean."""

from __future__ import annotations

from collections.abc import Sequence

from siglum.core.errors import NotFoundError, SiglumError
from siglum.core.hashes import DataHash
from siglum.pipeline.definition.stages import Output
from siglum.pipeline.graph.load import Pipeline, load_pipeline
from siglum.pipeline.inventory.selection import Selected, select
from siglum.storage.links import LinkType
from siglum.workspace.checkout import CheckoutResult, DataAt
from siglum.workspace.checkout import checkout as checkout_data
from siglum.workspace.repository import Repository


def checkout(
    repo: Repository,
    targets: Sequence[str] = (),
    *,
    force: bool = False,
    relink: bool = False,
    with_deps: bool = False,
    recursive: bool = False,
    types: Sequence[LinkType] | None = None,
) -> CheckoutResult:
    """Bring data to what is recorded, for everything or what `targets` mean (see `selection.select`).

    Without targets, what earlier commands put into the workspace and nothing tracks any more is removed too. What
    cannot be brought back is in the result, with its reason; an output of which nothing is recorded is among it. The
    caller holds the lock. Raises NotFoundError for a target that is not tracked.
    """
    pipeline = load_pipeline(repo)
    chosen = select(repo, pipeline, targets, with_deps=with_deps, recursive=recursive)
    wanted: dict[str, DataAt] = {}
    failed: dict[str, SiglumError] = {}
    for each in chosen:
        for out in each.stage.outs:
            if not out.cache or out.is_outside or not _is_meant(out, each.part):
                continue
            try:
                wanted |= {at.path: at for at in _recorded(repo, pipeline, each, out)}
            except SiglumError as error:
                failed[each.part or out.key] = error
    tracked = None
    if not targets:
        tracked = [out.key for stage in pipeline.stages.values() for out in stage.outs]
    done = checkout_data(repo, list(wanted.values()), force=force, relink=relink, types=types, tracked=tracked)
    return CheckoutResult(done.changed, failed | done.failed, done.relinked)


def _is_meant(out: Output, part: str) -> bool:
    return not part or part == out.key or part.startswith(f"{out.key}/")


def _recorded(repo: Repository, pipeline: Pipeline, each: Selected, out: Output) -> list[DataAt]:
    """Return what is recorded of an output, or of the part of it that is meant."""
    if each.stage.is_data:
        data, is_exec = out.recorded, out.is_exec
    else:
        lock = pipeline.locks.get(each.stage.address)
        locked = None if lock is None else lock.out(out.path)
        data, is_exec = (None, False) if locked is None else (locked.data_hash, bool(locked.isexec))
    if data is None:
        hint = "Run 'siglum update' to get it." if each.stage.is_data else "Run 'siglum repro' to make it."
        raise NotFoundError(f"Nothing is recorded of {repo.shown(out.key)} yet.", hint=hint)
    if each.part in ("", out.key):
        return [DataAt(out.key, data, is_exec)]
    within = each.part[len(out.key) + 1 :]
    entries = repo.store_of(data).read_manifest(data.oid).entries if data.is_dir else ()
    parts = [entry for entry in entries if entry.relpath == within or entry.relpath.startswith(f"{within}/")]
    if not parts:
        raise NotFoundError(f"{within!r} is not in {repo.shown(out.key)} as it is recorded.")
    return [DataAt(f"{out.key}/{entry.relpath}", DataHash(entry.oid, data.legacy), part_of=out.key) for entry in parts]
