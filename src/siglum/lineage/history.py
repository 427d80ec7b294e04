"""Which Git revisions hold a data hash: the pointers of a path, looked up in many commits by a handful of git calls.

A `.dvc` file holds the hashes of its outputs, a `dvc.lock` those of its stages' outputs. What a pipeline made is
followed back through the lock file to the data that it was made from.
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import Any

import msgspec

from siglum.core.errors import FileFormatError
from siglum.core.hashes import DIR_SUFFIX, DataHash
from siglum.lineage.record import DataRecord, Revision
from siglum.workspace.documents import load_yaml
from siglum.workspace.git import Git
from siglum.workspace.git_process import git_environment, run_git

LOCK_NAME = "dvc.lock"
POINTER_SUFFIX = ".dvc"


class HeldOutput(msgspec.Struct, frozen=True, kw_only=True):
    """An output that a pointer names, and the (path, hash, size) of what its stage read. Paths are from the root."""

    path: str
    hash: str
    size: int | None = None
    sources: tuple[tuple[str, str, int | None], ...] = ()


class History:
    """The pointers of a project at the commits that matter for one version.

    Args:
        git: The repository.
        below: The project's folder in it, `""` when it is the repository itself.
        commit: The commit that the run was made from, where it is known.
        read_manifest: Returns the files (relative path to MD5) of a folder by its `.dir` oid, None when it is not in
            the cache. Without it the hash of a single file in a folder under version control is not found.
    """

    def __init__(
        self,
        git: Git,
        below: str,
        commit: str | None,
        read_manifest: Callable[[str], Mapping[str, str] | None] = lambda _: None,
    ) -> None:
        self._git = git
        self._read_manifest = cache(read_manifest)
        self._below = below
        self._commit = commit if commit is not None and git.resolve(commit) is not None else None
        self._tags = _tags(git)
        self._outputs: dict[tuple[str, str], tuple[HeldOutput, ...]] = {}

    def tags_at(self, commit: str) -> tuple[str, ...]:
        """Return the tags that point at a commit."""
        return self._tags.get(commit, ())

    def locate(self, inputs: Iterable[tuple[str, str]]) -> tuple[DataRecord, ...]:
        """Return a record for each (path, hash), followed by records of the data they were made from by pipelines."""
        recorded = tuple(inputs)
        records: dict[str, DataRecord] = {}
        vias: dict[str, str] = {}
        wanted: list[tuple[str, str, int | None]] = [(path, digest, None) for path, digest in recorded]
        while wanted:
            found = self._round([(path, digest) for path, digest, _ in wanted])
            following: dict[str, tuple[str, str, int | None]] = {}
            for path, digest, size in wanted:
                held, pointer, revisions = found[path, digest]
                if path in vias and pointer is None and self._in_git(path):
                    continue  # code, not data: the commit has it
                records[path] = DataRecord(
                    path=path, hash=digest, size=held.size if held else size, pointer=pointer, revisions=revisions
                )
                for source in held.sources if held else ():
                    vias.setdefault(source[0], path)
                    following[source[0]] = source
            wanted = [source for path, source in following.items() if path not in records]
        own = {path for path, _ in recorded}
        return tuple(
            msgspec.structs.replace(record, via=vias.get(path), recorded=path in own)
            for path, record in records.items()
        )

    def contents_of(self, path: str) -> tuple[bytes, ...]:
        """Return the different contents that a file has had in the commits that matter, the run's own first."""
        commits = self._commits([path])
        blobs = self._blob_ids([(commit, path) for commit in commits])
        return tuple(self._git.blobs(blobs.values()).values())

    def _round(
        self, inputs: Sequence[tuple[str, str]]
    ) -> dict[tuple[str, str], tuple[HeldOutput | None, str | None, tuple[Revision, ...]]]:
        candidates = {path: self._pointers(path) for path, digest in inputs if digest.startswith("md5:")}
        pointers = sorted({pointer for listed in candidates.values() for pointer in listed})
        commits = self._commits(pointers)
        blobs = self._blob_ids([(commit, pointer) for commit in commits for pointer in pointers])
        content = self._git.blobs(blobs.values())
        found: dict[tuple[str, str], tuple[HeldOutput | None, str | None, tuple[Revision, ...]]] = {}
        for path, digest in inputs:
            held, pointer_of, revisions = None, None, []
            oid = digest.partition(":")[2]
            for commit in commits:
                for pointer in candidates.get(path, ()):
                    blob = blobs.get((commit, pointer))
                    if blob is None or not (oid.encode() in content[blob] or b".dir" in content[blob]):
                        continue
                    output = self._named(self._read(blob, pointer, content[blob]), path, oid)
                    if output is not None:
                        held, pointer_of = held or output, pointer_of or pointer
                        revisions.append(Revision(commit, self.tags_at(commit)))
                        break
            found[path, digest] = held, pointer_of, tuple(revisions)
        return found

    def _pointers(self, path: str) -> list[str]:
        """Return where the hash of `path` may stand: its own pointer, those of folders above, lock files in them."""
        names = []
        parent = path
        while parent:
            names.append(parent + POINTER_SUFFIX)
            parent = posixpath.dirname(parent)
            names.append(posixpath.join(parent, LOCK_NAME))
        return names

    def _commits(self, pointers: Sequence[str]) -> list[str]:
        """Return the commits to look at: the run's own, tagged ones, and all that changed one of the pointers."""
        own = [self._commit] if self._commit else []
        if not pointers:
            return own
        arguments = ["log", "--all", "--format=%H", "--", *(self._in_tree(p) for p in pointers)]
        changed = run_git_in(self._git, arguments).decode().split()
        return list(dict.fromkeys([*own, *self._tags, *changed]))

    def _blob_ids(self, places: Sequence[tuple[str, str]]) -> dict[tuple[str, str], str]:
        asked = [place for place in places if "\n" not in place[1]]
        if not asked:
            return {}
        lines = "".join(f"{commit}:{self._in_tree(path)}\n" for commit, path in asked)
        answer = run_git_in(self._git, ["cat-file", "--batch-check=%(objectname) %(objecttype)"], lines.encode())
        found = {}
        for place, line in zip(asked, answer.decode("utf-8", "surrogateescape").splitlines(), strict=True):
            oid, _, kind = line.partition(" ")
            if kind == "blob":
                found[place] = oid
        return found

    def _named(self, outputs: Sequence[HeldOutput], path: str, oid: str) -> HeldOutput | None:
        for output in outputs:
            held = output.hash.partition(":")[2]
            if output.path == path and held == oid:
                return output
            if held.endswith(DIR_SUFFIX) and path.startswith(output.path + "/"):
                files = self._read_manifest(held)
                if files is not None and files.get(path[len(output.path) + 1 :]) == oid:
                    return msgspec.structs.replace(output, path=path, hash=f"md5:{oid}", size=None)
        return None

    def _read(self, blob: str, pointer: str, data: bytes) -> tuple[HeldOutput, ...]:
        key = (blob, pointer)
        if key not in self._outputs:
            self._outputs[key] = read_pointer_outputs(data, pointer)
        return self._outputs[key]

    def _in_git(self, path: str) -> bool:
        if self._commit is None or path.startswith("/") or "://" in path:
            return False
        return _git_ok(self._git, ["cat-file", "-e", f"{self._commit}:{self._in_tree(path)}"])

    def _in_tree(self, path: str) -> str:
        return posixpath.normpath(posixpath.join(self._below, path))


def read_pointer_outputs(data: bytes, pointer: str) -> tuple[HeldOutput, ...]:
    """Return the outputs that a `.dvc` file or a `dvc.lock` names; a file that cannot be read names none.

    A damaged pointer in an old commit is no reason to fail: it cannot be repaired, and other commits may hold the hash.
    """
    try:
        document = load_yaml(data, pointer)
    except FileFormatError:
        return ()
    folder = posixpath.dirname(pointer)
    if not isinstance(document, dict):
        return ()
    if posixpath.basename(pointer) != LOCK_NAME:
        return read_outputs(document, posixpath.join(folder, str(document.get("wdir") or "")))
    stages = document.get("stages")
    listed = stages.values() if isinstance(stages, dict) else ()
    return tuple(output for stage in listed if isinstance(stage, dict) for output in read_outputs(stage, folder))


def read_outputs(entry: Mapping[str, Any], folder: str) -> tuple[HeldOutput, ...]:
    """Return the outputs of one `.dvc` file or lock entry whose paths are relative to `folder`."""
    sources = tuple((o.path, o.hash, o.size) for o in _entries(entry.get("deps"), folder))
    return tuple(msgspec.structs.replace(o, sources=sources) for o in _entries(entry.get("outs"), folder))


def _entries(listed: object, folder: str) -> Iterable[HeldOutput]:
    for entry in listed if isinstance(listed, list) else ():
        if not isinstance(entry, dict) or not isinstance(entry.get("path"), str):
            continue
        path, oid, size = entry["path"], entry.get("md5"), entry.get("size")
        if not isinstance(oid, str) or "://" in path:
            continue
        try:
            digest = DataHash.parse(f"md5:{oid}")
        except ValueError:
            continue
        place = posixpath.normpath(posixpath.join(folder, path))
        yield HeldOutput(path=place, hash=str(digest), size=size if isinstance(size, int) else None)


def _tags(git: Git) -> dict[str, tuple[str, ...]]:
    """Return the tags of each tagged commit, the earliest made first."""
    form = "--format=%(if)%(*objectname)%(then)%(*objectname)%(else)%(objectname)%(end) %(refname:short)"
    found: dict[str, list[str]] = {}
    for line in os.fsdecode(run_git_in(git, ["for-each-ref", "--sort=creatordate", form, "refs/tags"])).splitlines():
        commit, _, name = line.partition(" ")
        found.setdefault(commit, []).append(name)
    return {commit: tuple(names) for commit, names in found.items()}


def run_git_in(git: Git, arguments: Sequence[str], stdin: bytes | None = None) -> bytes:
    """Return what a git command prints in the repository, untouched by the variables that Git sets for its hooks."""
    return run_git(["-C", git.root, *arguments], git_environment(), stdin).stdout


def _git_ok(git: Git, arguments: Sequence[str]) -> bool:
    return run_git(["-C", git.root, *arguments], git_environment()).returncode == 0
