"""A repository's whole pipeline as a value: every stage, the graph between them, and what is recorded of each.

Read from the workspace, or from any Git revision; the same code does both, over a `Files`.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable
from functools import cached_property
from typing import Any, TypeAlias

import msgspec
from yaml import Node

from siglum.core.errors import NotFoundError
from siglum.core.text import did_you_mean
from siglum.pipeline.definition.expressions import BoolStyle, FlagStyle, ListStyle
from siglum.pipeline.definition.files import Files, open_files
from siglum.pipeline.definition.param_files import parse_params
from siglum.pipeline.definition.parsed import ParsedFiles
from siglum.pipeline.definition.paths import join
from siglum.pipeline.definition.schema import check_pipeline
from siglum.pipeline.definition.stages import LOCK_FILE, PIPELINE_FILE, Dependency, Output, Stage, build_stage
from siglum.pipeline.definition.templates import ResolvedTop, Resolver, place_of
from siglum.pipeline.graph.graph import Graph, build_graph
from siglum.pipeline.records.lock import LockFile, StageLock, parse_lock
from siglum.workspace.document import Document, compose, locate_in
from siglum.workspace.documents import load_yaml
from siglum.workspace.pointers import DataFile, Pointer, parse_pointer
from siglum.workspace.repository import Repository

LoadYaml: TypeAlias = Callable[[bytes, str], Any]


class Pipeline(msgspec.Struct, frozen=True, dict=True):
    """All stages by address (`.dvc` files among them), and what lock files record of them.

    `tops` holds what stands beside the stages, by `dvc.yaml`; `documents` what was read, for errors that name lines.
    """

    stages: dict[str, Stage]
    locks: dict[str, StageLock]
    tops: dict[str, ResolvedTop]
    documents: dict[str, Document] = {}

    @cached_property
    def graph(self) -> Graph:
        """The graph of all stages. Raises what `build_graph` raises, on first use."""
        return build_graph(self.stages, self.place)

    def place(self, address: str) -> str:
        """Return where a stage is written: `dvc.yaml:12`. Parses that file once more, the first time."""
        stage = self.stages[address]
        document = self.documents.get(stage.file)
        if document is None:
            return stage.file
        if stage.file not in self._nodes:
            self._nodes[stage.file] = compose(document.text)
        line, _ = locate_in(self._nodes[stage.file], place_of(document, stage.name))
        return stage.file if line is None else f"{stage.file}:{line}"

    @cached_property
    def _nodes(self) -> dict[str, Node | None]:
        return {}

    def stage(self, address: str) -> Stage:
        """Return a stage by its address. Raises NotFoundError with near names."""
        found = self.stages.get(address)
        if found is None:
            hint = did_you_mean(address, self.stages) or "See dvc.yaml for the stages there are."
            raise NotFoundError(f"There is no stage '{address}'.", hint=hint)
        return found


def load_pipeline(repo: Repository, rev: str | None = None) -> Pipeline:
    """Read the pipeline of the workspace, or of a Git revision.

    Raises FileFormatError for a file that does not say what it should, NotFoundError for an unknown revision. A
    graph that cannot be (a circle, an output claimed twice) raises only when `.graph` is used.
    """
    return read_pipeline(open_files(repo, rev), flag_style(repo), ParsedFiles(repo).load)


def flag_style(repo: Repository) -> FlagStyle:
    """Return how mappings become command-line flags, by the settings `parsing.bool` and `parsing.list`."""
    return FlagStyle(
        BoolStyle(repo.config.get("parsing.bool") or BoolStyle.STORE_TRUE),
        ListStyle(repo.config.get("parsing.list") or ListStyle.NARGS),
    )


def read_pipeline(files: Files, style: FlagStyle, load: LoadYaml = load_yaml) -> Pipeline:
    """Read a pipeline from `files`; `load` turns the bytes of a YAML file into plain values."""
    stages: dict[str, Stage] = {}
    locks: dict[str, StageLock] = {}
    tops: dict[str, ResolvedTop] = {}
    documents: dict[str, Document] = {}
    params = ParamsReader(files)
    for path in files.metafiles():
        if posixpath.basename(path) != PIPELINE_FILE:
            stages[path] = _read_pointer(files, path)
            continue
        document = documents[path] = _read_document(files, path, load)
        checked = check_pipeline(document)
        resolver = Resolver(checked, posixpath.dirname(path), params.read, style)
        lock = _read_lock(files, join(posixpath.dirname(path), LOCK_FILE), load) if checked.stages else LockFile()
        for resolved in resolver.stages():
            stage = build_stage(document, path, place_of(document, resolved.name), resolved)
            stages[stage.address] = stage
            if stage.name in lock.stages:
                locks[stage.address] = lock.stages[stage.name]
        tops[path] = resolver.top()
    return Pipeline(stages, locks, tops, documents)


class ParamsReader:
    """Parameters files, each read and parsed once."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._known: dict[str, dict[str, Any] | None] = {}

    def read(self, path: str) -> dict[str, Any] | None:
        """Return the values of the file at `path` (from the root), or None when it is not there."""
        if path not in self._known:
            data = self._files.read(path)
            self._known[path] = None if data is None else parse_params(data, path)
        return self._known[path]


def _read_document(files: Files, path: str, load: LoadYaml) -> Document:
    data = files.read(path) or b""
    parsed = load(data, path)
    return Document(path, data.decode("utf-8-sig"), parsed)


def _read_lock(files: Files, path: str, load: LoadYaml) -> LockFile:
    return LockFile() if files.read(path) is None else parse_lock(_read_document(files, path, load))


def _read_pointer(files: Files, path: str) -> Stage:
    """Return a `.dvc` file as a stage without a command."""
    data: DataFile = parse_pointer(files.read(path) or b"", path)
    pointer = Pointer(path, data)
    wdir = join(posixpath.dirname(path), data.wdir or "")
    outs = tuple(
        Output(
            out.path,
            pointer.key_of(out),
            cache=out.cache,
            persist=out.persist,
            remote=out.remote,
            push=out.push,
            recorded=out.data,
            is_exec=out.isexec,
        )
        for out in data.outs
    )
    # What is imported from another repository names paths there, not here.
    own = [dep for dep in data.deps if dep.repo is None]
    deps = tuple(Dependency(dep.path, join(wdir, dep.path)) for dep in own)
    name = posixpath.basename(path)
    return Stage(
        path,
        name,
        path,
        wdir,
        deps=deps,
        outs=outs,
        frozen=data.is_frozen,
        desc=data.desc,
        is_import=bool(data.deps),
    )
