"""`.dvc` files of imported data: where an import may go, and the order in which it is recorded.

The order is that of all that is recorded: content durable in the cache, then the `.dvc` file, then the workspace.
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Callable, Sequence

import msgspec

from siglum.core.errors import ConflictError, InvalidInputError, WouldLoseDataError
from siglum.core.hashes import DataHash
from siglum.workspace.delivery import check_free, target_for
from siglum.workspace.outputs import (
    add_to_gitignore,
    hash_path,
    is_lost_link,
    remove_from_gitignore,
    remove_path,
    scan_folder,
)
from siglum.workspace.placement import check_git, check_place
from siglum.workspace.pointers import (
    DataFile,
    DependencySpec,
    OutputSpec,
    Pointer,
    pointer_of,
    read_pointer,
    with_checksum,
    write_pointer,
)
from siglum.workspace.repository import Repository
from siglum.workspace.restore import checkout_path
from siglum.workspace.staging import stage
from siglum.workspace.targets import TrackedOutput, all_outputs


class ImportedData(msgspec.Struct, frozen=True):
    """What an import has in the cache: its hash, its bytes in all; for a folder how many files."""

    hash: DataHash
    size: int
    nfiles: int | None = None


class Import(msgspec.Struct, frozen=True):
    """One import that was recorded. Paths are from the repository's root; `data` is None where none was fetched.

    `source` is how people name where it came from; `left_out` are data repositories in it that are their own.
    """

    path: str
    pointer: str
    source: str
    data: ImportedData | None = None
    changed: bool = True
    git_files: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


class ImportPlan(msgspec.Struct, frozen=True):
    """Where an import goes: the absolute path, its `.dvc` file from the root, and what stands there already."""

    path: str
    pointer: str
    before: DataFile | None = None
    force: bool = False

    @property
    def folder(self) -> str:
        """The folder that holds both."""
        return os.path.dirname(self.path)


def plan_import(
    repo: Repository,
    source: str,
    out: str | None,
    *,
    force: bool = False,
    is_same: Callable[[DependencySpec, str], bool] | None = None,
) -> ImportPlan:
    """Decide where data called `source` goes. Paths are relative to the current folder.

    Where a `.dvc` file is that says just this (`is_same` is given its source and its folder), the import was begun
    before, and goes on; only what is in the cache is replaced then.

    Raises AlreadyExistsError for a path that is taken (without `force`), ConflictError for one that somebody else
    tracks, InvalidInputError for one that cannot be tracked, NotFoundError where there is no folder for it.
    """
    if out is not None and os.path.isdir(out) and os.path.isfile(pointer_of(out)):
        target = out.rstrip("/")  # what is tracked as a whole is meant as a whole
    else:
        target = target_for(source, out, force=True)
    path = os.path.abspath(target)
    begun = _begun(path, is_same)
    if begun and not force:
        check_kept(repo, path)
    check_free(target, force=force or begun)
    key, shown = repo.key_of(path), os.path.relpath(path)
    if key == ".":
        raise InvalidInputError(f"{shown} is the repository itself.", hint="Give the data a name with --out.")
    check_place(repo, path, shown)
    pointer = pointer_of(key)
    for other in all_outputs(repo):
        if other.pointer.path != pointer:
            _check_apart(repo, key, shown, other)
    check_git(repo, path, shown, pointer_of(path))
    full = os.path.join(repo.root, pointer)
    before = read_pointer(full, repo.shown(pointer)) if os.path.lexists(full) else None
    return ImportPlan(path, pointer, before, force or begun)


def _begun(path: str, is_same: Callable[[DependencySpec, str], bool] | None) -> bool:
    """Whether the `.dvc` file beside a path records the import that is asked for."""
    pointer = pointer_of(path)
    if is_same is None or not os.path.isfile(pointer):
        return False
    deps = read_pointer(pointer, os.path.relpath(pointer)).deps
    return len(deps) == 1 and is_same(deps[0], os.path.dirname(path))


def _check_apart(repo: Repository, key: str, shown: str, other: TrackedOutput) -> None:
    if key == other.key or key.startswith(other.key + "/") or other.key.startswith(key + "/"):
        what = "is" if key == other.key else "lies in" if key.startswith(other.key + "/") else "contains"
        raise ConflictError(
            f"{shown} {what} data that {repo.shown(other.pointer.path)} tracks.", hint="Give another place with --out."
        )


def record_import(
    repo: Repository,
    plan: ImportPlan,
    dep: DependencySpec,
    data: ImportedData | None,
    *,
    source: str,
    desc: str | None = None,
    looked: bool = True,
    place: bool = True,
    left_out: Sequence[str] = (),
) -> Import:
    """Write the `.dvc` file of an import whose content, `data`, is in the cache; then put it into the workspace.

    Without `data` the import is a promise: `fetch` or `pull` keeps it. `looked` says whether its source was looked at
    at all. Words for people that stood in the file before stay. The caller holds the lock.
    """
    out = OutputSpec(path=os.path.basename(plan.path), hash="md5", desc=desc or _desc_of(plan.before))
    out = with_data(out, data)
    before = plan.before or DataFile()
    file = DataFile(desc=before.desc, frozen=True, deps=[dep], outs=[out], meta=before.meta)
    file = with_checksum(file) if looked else file
    ignored = add_to_gitignore(repo, plan.path)
    try:
        changed = write_pointer(os.path.join(repo.root, plan.pointer), file)
    except BaseException:
        if ignored:
            remove_from_gitignore(repo, plan.path)
        raise
    if data is not None and place:
        checkout_path(repo, plan.path, data.hash, force=plan.force)
    elif data is None:
        remove_if_kept(repo, plan.path, force=plan.force)
    git_files = stage(repo, [plan.pointer, *([repo.key_of(ignored)] if ignored else [])])
    return Import(repo.key_of(plan.path), plan.pointer, source, data, changed, git_files, tuple(left_out))


def with_data(out: OutputSpec, data: ImportedData | None) -> OutputSpec:
    """Return an output's entry for other content, or for none. Of executables no bit is kept, as in DVC."""
    return msgspec.structs.replace(
        out,
        md5=data.hash.oid if data is not None else None,
        size=data.size if data is not None else None,
        nfiles=data.nfiles if data is not None else None,
        isexec=False,
        hash="md5",
        etag=None,
        checksum=None,
        version_id=None,
        cloud=None,
        files=None,
    )


def remove_if_kept(repo: Repository, path: str, *, force: bool = False) -> None:
    """Remove what is at the absolute `path` if the cache has it, or by force. Raises WouldLoseDataError."""
    if not force:
        check_kept(repo, path)
    remove_path(path)


def check_kept(repo: Repository, path: str, recorded: DataHash | None = None) -> None:
    """Raise WouldLoseDataError when what is at the absolute `path` is neither in the cache nor what was recorded."""
    if not os.path.lexists(path) or is_lost_link(repo, path):
        return
    try:
        tree = scan_folder(repo, path) if os.path.isdir(path) else None
        found = tree.oid if tree is not None else hash_path(repo, path).hash.oid
        oids = [entry.oid for entry in tree.entries] if tree is not None else [found]
        kept = (recorded is not None and found == recorded.oid) or not repo.cache.missing(oids)
    except InvalidInputError:
        kept = False  # what cannot be tracked is in no cache
    if not kept:
        raise WouldLoseDataError(
            f"{os.path.relpath(path)} has changes that are in no cache.",
            hint="Keep a copy elsewhere, or give them up with --force.",
        )


def single_import(repo: Repository, pointer: Pointer) -> tuple[DependencySpec, OutputSpec, str]:
    """Return the source, the output and its key of an import. Raises InvalidInputError for what is none."""
    if len(pointer.file.deps) != 1 or len(pointer.file.outs) != 1:
        raise InvalidInputError(
            f"{repo.shown(pointer.path)} is not an import.",
            hint="Data is imported with 'siglum import' and 'siglum import-url'.",
        )
    out = pointer.file.outs[0]
    return pointer.file.deps[0], out, pointer.key_of(out)


def folder_of(repo: Repository, pointer: Pointer) -> str:
    """Return the absolute folder that paths in a `.dvc` file are relative to."""
    return os.path.normpath(os.path.join(repo.root, posixpath.dirname(pointer.path), pointer.file.wdir or ""))


def _desc_of(before: DataFile | None) -> str | None:
    return before.outs[0].desc if before is not None and len(before.outs) == 1 else None
