"""Files of metrics and parameters at any state: from Git or the workspace, else what is recorded of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from siglum.core.errors import FileFormatError, InvalidInputError, NotFoundError, SiglumError
from siglum.core.hashes import DataHash
from siglum.pipeline.definition.param_files import parse_params
from siglum.pipeline.definition.paths import is_outside, parents
from siglum.pipeline.graph.load import Pipeline
from siglum.pipeline.results.history import StateFiles, StateName, is_values_file
from siglum.pipeline.results.values import ValueChange, compare, flat
from siglum.pipeline.sources.reading import Source
from siglum.workspace.folder_contents import FolderContents
from siglum.workspace.repository import Repository


class FileValues(msgspec.Struct, frozen=True):
    """What one file says; or why that is not known."""

    values: dict[str, Any]
    problem: SiglumError | None = None
    is_alone: bool = False
    """Whether the file is one value, which has no name: it stands under an empty one."""

    @property
    def is_damaged(self) -> bool:
        """Whether the file is there, and cannot be read."""
        return self.problem is not None and not isinstance(self.problem, NotFoundError)


class StateValues(msgspec.Struct, frozen=True):
    """The values of one state by file, in the order in which they are declared; or why there are none."""

    name: str
    files: dict[str, FileValues] = {}
    problem: SiglumError | None = None

    def problems(self) -> list[SiglumError]:
        """Return what could not be read."""
        of_files = [each.problem for each in self.files.values() if each.problem is not None]
        return [self.problem] if self.problem is not None else of_files


def compare_states(
    old: StateValues, new: StateValues, *, everything: bool = False
) -> dict[str, dict[str, ValueChange]]:
    """Return what differs, by file and key; files that are damaged in one of both are left out.

    Raises SiglumError, naming the state, for one of which nothing is known: its values did not go away.
    """
    for state in (old, new):
        if state.problem is not None:
            raise SiglumError(f"{state.name}: {state.problem.message}", hint=state.problem.hint)
    damaged = {path for state in (old, new) for path, each in state.files.items() if each.is_damaged}
    both = [
        {path: flat(each.values) for path, each in state.files.items() if path not in damaged} for state in (old, new)
    ]
    return compare(both[0], both[1], everything=everything)


class Records:
    """What a pipeline records of paths, also of those inside recorded folders."""

    def __init__(self, repo: Repository, pipeline: Pipeline | None, state: StateName) -> None:
        self._repo = repo
        self._state = state
        self._contents = FolderContents(repo)
        self._known: dict[str, tuple[DataHash | None, str | None]] = {}
        for address, stage in (pipeline.stages if pipeline is not None else {}).items():
            assert pipeline is not None
            lock = pipeline.locks.get(address)
            for out in stage.outs:
                locked = None if lock is None else lock.out(out.path)
                data = out.recorded if locked is None else locked.data_hash
                if not is_outside(out.key):
                    self._known[out.key] = (data, out.remote)

    def declares(self, path: str) -> bool:
        """Return whether a stage or a `.dvc` file has `path` as an output."""
        return path in self._known

    def below(self, path: str) -> list[str]:
        """Return the files that are recorded in a folder, or in recorded folders below it, sorted."""
        found: list[str] = []
        for key, (data, remote) in self._known.items():
            inside = key == path or key.startswith(f"{path}/") or path in ("", *parents(key))
            if data is None or not (inside or path.startswith(f"{key}/")):
                continue
            if not data.is_dir:
                found.append(key)
                continue
            listed = self._contents.entries(data, remote) or {}
            found += (each for name in listed if f"{(each := f'{key}/{name}')}/".startswith(f"{path}/" if path else ""))
        return sorted(each for each in found if each != path)

    def read(self, path: str) -> bytes | None:
        """Return recorded content, verified, from the cache or a remote; None where nothing is recorded.

        Raises NotFoundError when no copy is to be had, IntegrityError when there are only damaged ones.
        """
        data = self._hash_of(path)
        if data is None:
            return None
        store = self._repo.store_of(data)
        if store.has(data.oid) or not self._repo.config.remotes():
            with open(store.verify(data.oid), "rb") as file:
                return file.read()
        with Source(self._repo, self._state.commit, None).open(path).stream as stream:
            return stream.read()

    def _hash_of(self, path: str) -> DataHash | None:
        for candidate in (path, *reversed(parents(path))):
            data, remote = self._known.get(candidate, (None, None))
            if data is None:
                continue
            if candidate == path:
                return None if data.is_dir else data
            listed = (self._contents.entries(data, remote) if data.is_dir else None) or {}
            oid = listed.get(path[len(candidate) + 1 :])
            return None if oid is None else DataHash(oid, data.legacy)
        return None


def read_values(files: StateFiles, records: Records, path: str) -> FileValues:
    """Return what a file says at a state. Nothing is raised: what is wrong is told with it."""
    try:
        found = files.values(path)
        if found is not None:
            return FileValues(found)
        data = records.read(path)
        if data is not None:
            return FileValues(parse_params(data, path))
        hint = "Its stage makes it." if records.declares(path) else None
        raise NotFoundError(f"There is no file {path}.", hint=hint)
    except IsADirectoryError:
        return FileValues({}, InvalidInputError(f"{path} is a folder, not a file of values."))
    except SiglumError as error:
        return FileValues({}, error)


def expand(files: StateFiles, records: Records, path: str) -> Sequence[str]:
    """Return the files that a path stands for: all below it for a folder, itself otherwise."""
    here = files.below(path)
    recorded = records.below(path)
    if here is None and not recorded:
        return [path]
    return sorted({*(each for each in here or () if is_values_file(each)), *recorded})


_KINDS = {"json": "JSON", "toml": "TOML", "py": "Python"}


def problem_value(problem: SiglumError) -> dict[str, str]:
    """Return what went wrong in the shape of DVC's `--json`: its names for kinds of problems, our words."""
    if isinstance(problem, NotFoundError):
        kind = "FileNotFoundError"
    elif isinstance(problem, FileFormatError):
        suffix = problem.path.rpartition(".")[2].lower()
        kind = "EncodingError" if problem.problem == "not UTF-8" else f"{_KINDS.get(suffix, 'YAML')}FileCorruptedError"
    else:
        kind = type(problem).__name__
    return {"type": kind, "msg": problem.message}
