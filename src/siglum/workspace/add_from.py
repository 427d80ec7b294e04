"""`add` of data that is elsewhere: brought to a place in the workspace, or sent to a remote without coming here."""

from __future__ import annotations

import os

import msgspec

from siglum.core.errors import ConflictError, InvalidInputError, NotFoundError
from siglum.core.hashes import DataHash
from siglum.storage.durability import temporary_name
from siglum.storage.remotes.base import Remote
from siglum.storage.transfer import Progress
from siglum.workspace.add import AddResult, add, plan_target
from siglum.workspace.commit import Recorded
from siglum.workspace.delivery import target_for
from siglum.workspace.import_url import kept, send_to, source_at
from siglum.workspace.imports import with_data
from siglum.workspace.outputs import hash_path
from siglum.workspace.pointers import write_pointer
from siglum.workspace.repository import Repository
from siglum.workspace.restore import checkout_path
from siglum.workspace.staging import stage
from siglum.workspace.targets import all_outputs


def add_from(
    repo: Repository,
    source: str,
    out: str,
    *,
    force: bool = False,
    relink: bool = True,
    jobs: int | None = None,
    progress: Progress | None = None,
) -> AddResult:
    """Copy what is at a path or URL to `out`, or into it where that is a folder, and record it there.

    The content is durable in the cache before anything is put at `out`; what is there is replaced with `force` only,
    unless it is the same. The caller holds the lock. Raises AlreadyExistsError, and as `add` and the source do.
    """
    check_there(source)
    target = _place_for(repo, source, out, force=force)
    plan_target(repo, target, all_outputs(repo))  # refused before anything is fetched
    taken = source_at(source, None, folder=os.getcwd(), repo=repo).take(repo.cache, jobs, progress)
    _bring(repo, os.path.abspath(target), kept(repo, taken).hash, force=force)
    return add(repo, [target], relink=relink)


def _bring(repo: Repository, path: str, data: DataHash, *, force: bool) -> None:
    """Put content at the absolute `path`: a new folder in one step, since a part of it would pass for the user's."""
    staging = repo.staging_for(os.path.dirname(path))
    if not data.is_dir or os.path.lexists(path) or staging is None:
        checkout_path(repo, path, data, force=force)
        return
    made = f"{staging}/{temporary_name()}"
    checkout_path(repo, made, data)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    os.rename(made, path)


def add_to_remote(
    repo: Repository,
    source: str,
    remote: Remote,
    out: str | None = None,
    *,
    force: bool = False,
    jobs: int | None = None,
) -> AddResult:
    """Send what is at a path or URL to a remote, and record it as if it were at `out`; by default here, by its name.

    Neither cache nor workspace get it, and `.gitignore` no line, as with DVC: `pull` brings it. The `.dvc` file is
    written when all of it is on the remote. The caller holds the lock.

    Raises:
        AlreadyExistsError: Something else is at `out`, and there is no `force`.
        ConflictError: The place belongs to what is tracked already.
    """
    check_there(source)
    own = out is None and os.path.lexists(source) and repo.root in (os.path.abspath(source), *_folders(source))
    target = source if own else target_for(source, out, force=force)
    plan = plan_target(repo, target, all_outputs(repo))
    if plan.within:
        raise ConflictError(
            f"{os.path.relpath(target)} lies in {repo.shown(plan.key)}, which is tracked as a whole.",
            hint="Give another place with --out.",
        )
    _, data = send_to(repo, source_at(source, None, folder=os.getcwd(), repo=repo), remote, jobs)
    spec = with_data(plan.spec, data)
    outs = [spec if each == plan.spec else each for each in plan.pointer.file.outs]
    write_pointer(os.path.join(repo.root, plan.pointer.path), msgspec.structs.replace(plan.pointer.file, outs=outs))
    nfiles = 1 if data.nfiles is None else data.nfiles
    done = Recorded(plan.key, plan.pointer.path, data.hash, data.size, nfiles, plan.spec.data != data.hash)
    return AddResult((done,), stage(repo, [plan.pointer.path]))


def check_there(source: str) -> None:
    """Raise NotFoundError for a path where nothing is; URLs are asked when they are read."""
    if "://" not in source and not os.path.lexists(source):
        raise NotFoundError(f"{source} does not exist.")


def _folders(path: str) -> list[str]:
    """Return the folders above a path, nearest first."""
    folder = os.path.dirname(os.path.abspath(path))
    found = [folder]
    while os.path.dirname(folder) != folder:
        folder = os.path.dirname(folder)
        found.append(folder)
    return found


def _place_for(repo: Repository, source: str, out: str, *, force: bool) -> str:
    """Return where the copy goes. A copy that is there already was put there by a command that did not end."""
    if _is_copy(repo, source, out):
        return out
    inside = os.path.join(out, os.path.basename(os.path.abspath(source)))
    return target_for(source, out, force=force or _is_copy(repo, source, inside))


def _is_copy(repo: Repository, source: str, path: str) -> bool:
    if "://" in source or not os.path.lexists(path) or os.path.isdir(source) != os.path.isdir(path):
        return False
    try:
        return hash_path(repo, os.path.abspath(source)).hash == hash_path(repo, os.path.abspath(path)).hash
    except InvalidInputError:
        return False
