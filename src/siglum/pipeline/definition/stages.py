"""What a pipeline consists of: stages, their dependencies and outputs, and the addresses by which people name them.

All paths with the suffix `key` are posix and relative to the repository's root; `path` is as written in the file.
"""

from __future__ import annotations

import posixpath
from typing import Any

import msgspec

from siglum.core.hashes import DataHash
from siglum.pipeline.definition.command_lines import split_commands
from siglum.pipeline.definition.paths import is_outside, is_url, join
from siglum.pipeline.definition.schema import OutputKind
from siglum.pipeline.definition.stage_settings import DEFAULT, StageSettings, read_settings
from siglum.pipeline.definition.templates import ResolvedStage
from siglum.workspace.document import Document, KeyPath

PIPELINE_FILE = "dvc.yaml"
LOCK_FILE = "dvc.lock"
POINTER_SUFFIX = ".dvc"
DATASET = "ds://"
"""What the names of datasets begin with where they are dependencies."""
_PRIVATE = frozenset({".dvc", ".git", ".hg"})


class Dependency(msgspec.Struct, frozen=True):
    """A file or folder that a stage reads."""

    path: str
    key: str

    @property
    def is_remote(self) -> bool:
        """Whether it is a URL, which has no place in the file system here."""
        return is_url(self.path)

    @property
    def is_dataset(self) -> bool:
        """Whether it is one of the datasets that stand in `dvc.yaml`."""
        return self.path.startswith(DATASET)


class ParamsDependency(msgspec.Struct, frozen=True):
    """Keys of a parameters file that a stage reads; no names means the whole file."""

    path: str
    key: str
    names: tuple[str, ...] = ()


class Output(msgspec.Struct, frozen=True):
    """A file or folder that a stage writes."""

    path: str
    key: str
    kind: OutputKind = OutputKind.OUTS
    cache: bool = True
    persist: bool = False
    remote: str | None = None
    push: bool = True
    annotations: dict[str, Any] = {}
    plot: tuple[dict[str, Any], ...] = ()
    recorded: DataHash | None = None
    """For outputs of `.dvc` files, which have no lock file: the hash that stands there."""
    is_exec: bool = False
    """For outputs of `.dvc` files: whether a file is recorded as one that can be run."""

    @property
    def is_outside(self) -> bool:
        """Whether it lies outside the repository."""
        return is_outside(self.key)


class Stage(msgspec.Struct, frozen=True):
    """One step of a pipeline; or, without a command, a `.dvc` file (data that was added or imported)."""

    address: str
    """`name` for those in the root's dvc.yaml, `path/dvc.yaml:name` elsewhere, `path/file.dvc` for a `.dvc` file."""
    name: str
    file: str
    wdir: str
    command: str | tuple[str, ...] | None = None
    deps: tuple[Dependency, ...] = ()
    params: tuple[ParamsDependency, ...] = ()
    outs: tuple[Output, ...] = ()
    frozen: bool = False
    always_changed: bool = False
    desc: str | None = None
    meta: Any = None
    settings: StageSettings = DEFAULT
    """What `meta.siglum` says."""
    is_import: bool = False
    """For a `.dvc` file: whether its data was imported."""
    used_params: dict[str, dict[str, Any]] = {}
    """Values of parameters files that the stage's templates used, by file and dotted key."""

    @property
    def is_data(self) -> bool:
        """Whether this is a `.dvc` file: its data is verified, never made."""
        return self.command is None

    @property
    def is_promise(self) -> bool:
        """Whether this is a `.dvc` file that records an import without its data."""
        return self.is_import and all(out.recorded is None for out in self.outs)

    @property
    def is_callback(self) -> bool:
        """Whether it has neither dependencies nor outputs, and so runs every time."""
        return self.command is not None and not (self.deps or self.params or self.outs)

    @property
    def runs_always(self) -> bool:
        """Whether it counts as changed whatever its inputs."""
        return self.is_callback or self.always_changed

    @property
    def lock_path(self) -> str:
        """The lock file that holds its entry."""
        return join(posixpath.dirname(self.file), LOCK_FILE)

    def shown_commands(self) -> tuple[str, ...]:
        """Return the commands one by one: the items of a list, or the lines of a text, see `split_commands`."""
        if self.command is None:
            return ()
        return self.command if isinstance(self.command, tuple) else split_commands(self.command)


def make_address(file: str, name: str) -> str:
    """Return how a stage is called: `name`, or `path/dvc.yaml:name` below the root."""
    return name if file == PIPELINE_FILE else f"{file}:{name}"


def build_stage(document: Document, file: str, keys: KeyPath, resolved: ResolvedStage) -> Stage:
    """Place a resolved stage in the repository. Raises FileFormatError for paths that cannot be right."""
    declared = resolved.declaration
    folder = posixpath.dirname(file)
    wdir = join(folder, declared.wdir or "")
    if is_outside(wdir):
        raise document.problem((*keys, "wdir"), f"{declared.wdir!r} lies outside the repository")
    stage = Stage(
        address=make_address(file, resolved.name),
        name=resolved.name,
        file=file,
        wdir=wdir,
        command=declared.command,
        deps=tuple(Dependency(path, join(wdir, path)) for path in declared.deps),
        params=tuple(ParamsDependency(p.path, join(wdir, p.path), p.names) for p in declared.params),
        outs=tuple(
            Output(o.path, join(wdir, o.path), o.kind, o.cache, o.persist, o.remote, o.push, o.annotations, o.plot)
            for o in declared.outs
        ),
        frozen=declared.frozen,
        always_changed=declared.always_changed,
        desc=declared.desc,
        meta=declared.meta,
        settings=read_settings(document, keys, declared.meta),
        used_params=resolved.used,
    )
    _check_paths(document, keys, stage)
    return stage


def _check_paths(document: Document, keys: KeyPath, stage: Stage) -> None:
    _check_characters(document, keys, stage)
    seen = {dep.key: "a dependency" for dep in stage.deps}
    for i, dep in enumerate(stage.deps):
        if not dep.path.strip():
            raise document.problem((*keys, "deps", i), f"{dep.path!r} cannot be a dependency")
        if _is_metafile(dep.key):
            raise document.problem((*keys, "deps", i), f"{dep.path!r} describes data and cannot be a dependency itself")
    for out in stage.outs:
        where = (*keys, str(out.kind))
        if not out.path.strip() or not out.key:
            raise document.problem(where, f"{out.path!r} cannot be an output")
        if out.cache and out.is_outside:
            raise document.problem(
                where,
                f"the output {out.path!r} lies outside the repository",
                hint="Move it inside, or say 'cache: false'.",
            )
        if _is_metafile(out.key):
            raise document.problem(where, f"{out.path!r} describes data and cannot be an output itself")
        if not out.is_outside and not _PRIVATE.isdisjoint(out.key.split("/")):
            raise document.problem(where, f"{out.path!r} lies in what Git or this tool keep for themselves")
        if out.key in seen:
            before = seen[out.key]
            problem = "is listed twice" if before == "an output" else "is both a dependency and an output"
            raise document.problem(where, f"{out.path!r} {problem}")
        seen[out.key] = "an output"


def _check_characters(document: Document, keys: KeyPath, stage: Stage) -> None:
    """Refuse the one character that neither a path nor a process can be given."""
    command = (stage.command,) if isinstance(stage.command, str) else stage.command or ()
    texts: list[tuple[KeyPath, str]] = [
        ((), stage.name),
        (("wdir",), stage.wdir),
        *((("cmd",), each) for each in command),
    ]
    texts += [(("deps",), dep.path) for dep in stage.deps]
    texts += [(("params",), each.path) for each in stage.params]
    texts += [((str(out.kind),), out.path) for out in stage.outs]
    for where, text in texts:
        if "\0" in text:
            raise document.problem((*keys, *where), f"{text!r} holds a NUL character")


def _is_metafile(key: str) -> bool:
    name = posixpath.basename(key)
    return name in (PIPELINE_FILE, "dvc.yml", LOCK_FILE) or (name.endswith(POINTER_SUFFIX) and name != POINTER_SUFFIX)
