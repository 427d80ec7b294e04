"""`update`: imports brought to what their sources have now; and imports that were only promised, fetched."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

import msgspec

from siglum.core.errors import InvalidInputError, NotFoundError
from siglum.core.text import did_you_mean
from siglum.pipeline.sources.bring import bring
from siglum.pipeline.sources.external import Externals
from siglum.pipeline.sources.import_repo import locked
from siglum.storage.remotes.base import Remote
from siglum.storage.transfer import Progress
from siglum.workspace.addresses import shown_source
from siglum.workspace.import_url import kept, recorded_token, send_to, shown_url, source_of, with_facts
from siglum.workspace.imports import (
    Import,
    ImportedData,
    check_kept,
    folder_of,
    remove_if_kept,
    single_import,
    with_data,
)
from siglum.workspace.outputs import is_cached
from siglum.workspace.pointers import (
    DependencySpec,
    OutputSpec,
    Pointer,
    RepoSource,
    is_pointer,
    pointer_of,
    with_checksum,
    write_pointer,
)
from siglum.workspace.repository import Repository
from siglum.workspace.restore import checkout_path
from siglum.workspace.staging import stage


class UpdateOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked of an update.

    Args:
        rev: The revision that an import from a repository follows from now on.
        no_download: Record what the source has, but fetch nothing.
        to_remote: Send what is new to this remote, not into cache and workspace; for imports from URLs.
        force: Replace content of the workspace that is kept nowhere else.
        jobs: How many transfers at once.
        latest: Follow the revision of a repository to where it is now, and not to where it was.
    """

    rev: str | None = None
    no_download: bool = False
    to_remote: Remote | None = None
    force: bool = False
    jobs: int | None = None
    latest: bool = True


def update(
    repo: Repository,
    targets: Sequence[str],
    options: UpdateOptions,
    *,
    recursive: bool = False,
    progress: Progress | None = None,
) -> tuple[Import, ...]:
    """Bring the imports that `targets` name (paths relative to the current folder) to what their sources have.

    Each is complete before the next begins: content in the cache, `.dvc` file, workspace. One whose source did not
    change is left alone, and says so in the result. The caller holds the lock.

    Raises:
        NotFoundError: A target is not tracked, or its source or the revision is not there.
        InvalidInputError: A target is no import, or an option does not go with it.
        WouldLoseDataError: The workspace has changes that are in no cache, without `force`.
    """
    pointers = find_imports(repo, targets, recursive=recursive)
    for pointer in pointers:
        _check_options(repo, pointer, options)
    externals = Externals([os.getcwd(), repo.root])
    return tuple(_Updater(repo, externals, options, progress).update(pointer) for pointer in pointers)


def update_one(repo: Repository, pointer: Pointer, options: UpdateOptions) -> Import:
    """Do as `update` for one `.dvc` file."""
    _check_options(repo, pointer, options)
    return _Updater(repo, Externals([os.getcwd(), repo.root]), options, None).update(pointer)


def find_imports(repo: Repository, targets: Sequence[str], *, recursive: bool = False) -> list[Pointer]:
    """Return the `.dvc` files of imports that `targets` name; with `recursive`, those below a folder.

    Raises NotFoundError for one that is not there, InvalidInputError for one that is no import.
    """
    known = {pointer.path: pointer for pointer in repo.pointers()}
    found: dict[str, Pointer] = {}
    for target in targets:
        key = repo.key_of(os.path.abspath(target))
        if recursive and os.path.isdir(target):
            below = [each for path, each in known.items() if key == "." or path.startswith(key + "/")]
            found |= {each.path: each for each in below if each.file.deps}
            continue
        pointer = known.get(key if is_pointer(key) else pointer_of(key)) or _tracking(known.values(), key)
        if pointer is None:
            hint = did_you_mean(target, [repo.shown(path) for path, each in known.items() if each.file.deps])
            raise NotFoundError(f"{target!r} is not an import.", hint=hint or "Name its .dvc file.")
        single_import(repo, pointer)
        found[pointer.path] = pointer
    return list(found.values())


def _tracking(pointers: Iterable[Pointer], key: str) -> Pointer | None:
    return next((each for each in pointers if any(each.key_of(out) == key for out in each.file.outs)), None)


def _check_options(repo: Repository, pointer: Pointer, options: UpdateOptions) -> None:
    dep = pointer.file.deps[0]
    shown = repo.shown(pointer.path)
    if dep.repo is not None and options.to_remote is not None:
        raise InvalidInputError(
            f"{shown} is from another repository, whose own remotes have its data: it cannot be sent to a remote.",
            hint="Update it without --to-remote.",
        )
    if dep.repo is None and options.rev is not None:
        raise InvalidInputError(f"{shown} is from a URL, which has no revisions.", hint="Update it without --rev.")
    if dep.db is not None:
        raise InvalidInputError(f"{shown} is from a database, which Siglum does not read.")


class _Updater:
    def __init__(
        self, repo: Repository, externals: Externals, options: UpdateOptions, progress: Progress | None
    ) -> None:
        self._repo = repo
        self._externals = externals
        self._options = options
        self._progress = progress

    def update(self, pointer: Pointer) -> Import:
        dep, out, key = single_import(self._repo, pointer)
        if dep.repo is not None:
            return self._from_repo(pointer, dep, dep.repo, out, key)
        return self._from_url(pointer, dep, out, key)

    def _from_repo(
        self, pointer: Pointer, dep: DependencySpec, source: RepoSource, out: OutputSpec, key: str
    ) -> Import:
        shown = shown_source(dep.path, source.url)
        wanted = msgspec.structs.replace(source, rev=self._options.rev or source.rev)
        there = self._externals.open(wanted, bases=[folder_of(self._repo, pointer)], latest=self._options.latest)
        now = locked(wanted, there) if self._options.latest else source
        if now == source and self._is_settled(out, key):
            return self._unchanged(pointer, out, key, shown)
        self._check_kept(out, key)
        listing = there.lookup(dep.path)
        data = None
        if not self._options.no_download:
            brought = bring(
                self._externals,
                there,
                listing,
                self._repo.cache,
                jobs=self._options.jobs,
                progress=self._progress,
            )
            data = ImportedData(brought.hash, brought.size, brought.nfiles)
        return self._record(pointer, msgspec.structs.replace(dep, repo=now), out, key, data, shown, listing.left_out)

    def _from_url(self, pointer: Pointer, dep: DependencySpec, out: OutputSpec, key: str) -> Import:
        shown = shown_url(dep.path)
        source = source_of(self._repo, dep, folder_of(self._repo, pointer))
        if self._options.to_remote is not None:
            if source.facts().token == recorded_token(dep) and out.md5 is not None:
                return self._unchanged(pointer, out, key, shown)
            facts, data = send_to(self._repo, source, self._options.to_remote, self._options.jobs)
            return self._record(pointer, with_facts(dep, facts), out, key, data, shown, place=False)
        facts = source.facts()
        if facts.token == recorded_token(dep) and self._is_settled(out, key):
            return self._unchanged(pointer, out, key, shown)
        self._check_kept(out, key)
        if self._options.no_download:
            return self._record(pointer, with_facts(dep, facts), out, key, None, shown)
        taken = source.take(self._repo.cache, self._options.jobs, self._progress)
        return self._record(pointer, with_facts(dep, taken.facts), out, key, kept(self._repo, taken), shown)

    def _check_kept(self, out: OutputSpec, key: str) -> None:
        """Refuse before anything is fetched what would overwrite the only copy of something."""
        if not self._options.force:
            check_kept(self._repo, os.path.join(self._repo.root, key), out.data)

    def _is_settled(self, out: OutputSpec, key: str) -> bool:
        """Whether nothing is to be done while the source is what it was: its data is here, or is not asked for."""
        if self._options.no_download:
            return True
        here = out.data is not None and is_cached(self._repo, out.data)
        return here and os.path.lexists(os.path.join(self._repo.root, key))

    def _record(
        self,
        pointer: Pointer,
        dep: DependencySpec,
        out: OutputSpec,
        key: str,
        data: ImportedData | None,
        source: str,
        left_out: Sequence[str] = (),
        *,
        place: bool = True,
    ) -> Import:
        """Write the `.dvc` file, then bring the workspace to it. The content is in the cache already."""
        file = msgspec.structs.replace(pointer.file, deps=[dep], outs=[with_data(out, data)])
        path = os.path.join(self._repo.root, key)
        if data is None:
            remove_if_kept(self._repo, path, force=True)  # it was checked that nothing is lost
        changed = write_pointer(os.path.join(self._repo.root, pointer.path), with_checksum(file))
        if data is not None and place:
            checkout_path(self._repo, path, data.hash, force=True)
        git_files = stage(self._repo, [pointer.path]) if changed else ()
        return Import(key, pointer.path, source, data, changed, git_files, tuple(left_out))

    def _unchanged(self, pointer: Pointer, out: OutputSpec, key: str, source: str) -> Import:
        data = ImportedData(out.data, out.size or 0, out.nfiles) if out.data is not None else None
        return Import(key, pointer.path, source, data, changed=False)
