"""What the lock files record of outputs: in the workspace, or at a Git revision."""

from __future__ import annotations

import msgspec

from siglum.core.hashes import DataHash
from siglum.pipeline.definition.schema import OutputKind
from siglum.pipeline.graph.load import load_pipeline
from siglum.workspace.repository import Repository


class RecordedOutput(msgspec.Struct, frozen=True):
    """One output of a stage. `path` is posix, from the root; `cached` says whether the cache is to hold it."""

    path: str
    hash: DataHash
    stage: str
    kind: OutputKind = OutputKind.OUTS
    cached: bool = True
    push: bool = True
    remote: str | None = None
    size: int | None = None
    nfiles: int | None = None
    is_exec: bool = False


def recorded_outputs(repo: Repository, rev: str | None = None) -> tuple[RecordedOutput, ...]:
    """Return every output that a `dvc.lock` records, in the order of stages; those of `.dvc` files are not among them.

    Raises NotFoundError for a revision that is not there, FileFormatError for a file that cannot be read.
    """
    pipeline = load_pipeline(repo, rev)
    found = []
    for address, lock in pipeline.locks.items():
        for out in pipeline.stages[address].outs:
            recorded = lock.out(out.path)
            if recorded is None or recorded.data_hash is None:
                continue
            found.append(
                RecordedOutput(
                    out.key,
                    recorded.data_hash,
                    address,
                    out.kind,
                    cached=out.cache,
                    push=out.push,
                    remote=out.remote,
                    size=recorded.size,
                    nfiles=recorded.nfiles,
                    is_exec=bool(recorded.isexec),
                )
            )
    return tuple(found)
