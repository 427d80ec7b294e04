"""`stage add`: a stage joins `dvc.yaml`, if the pipeline can be with it; otherwise nothing changes."""

from __future__ import annotations

import contextlib
import os
import posixpath
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from siglum.core.errors import (
    AlreadyExistsError,
    FileFormatError,
    InvalidInputError,
    NotFoundError,
    SiglumError,
)
from siglum.pipeline.data.output_rules import OutputRules
from siglum.pipeline.definition.edit import with_stage
from siglum.pipeline.definition.files import Files, WorkspaceFiles, by_folder
from siglum.pipeline.definition.paths import is_outside
from siglum.pipeline.definition.stage_entry import NewStage, check_new, keep_annotations, make_entry
from siglum.pipeline.definition.stages import PIPELINE_FILE, Output, Stage, make_address
from siglum.pipeline.graph.load import Pipeline, flag_style, read_pipeline
from siglum.pipeline.inventory.selection import folder_of
from siglum.workspace.documents import load_yaml, write_atomic
from siglum.workspace.outputs import add_to_gitignore, remove_from_gitignore
from siglum.workspace.repository import Repository
from siglum.workspace.staging import stage as put_into_index


class AddedStage(msgspec.Struct, frozen=True):
    """A stage that was added, and the files that changed (paths from the root)."""

    address: str
    file: str
    git_files: tuple[str, ...]
    replaced: bool = False


class _Plan(msgspec.Struct, frozen=True):
    """A stage in its place, and the whole text of the dvc.yaml with it."""

    stage: Stage
    text: str
    replaced: bool


def add_stage(repo: Repository, new: NewStage, *, force: bool = False) -> AddedStage:
    """Write a stage into the dvc.yaml of the current folder, and its outputs into `.gitignore`.

    Comments and the rest of the file stay. With `force`, a stage of this name gives way. The whole pipeline is built
    with the stage in it before anything is written. The caller holds the lock.

    Raises:
        AlreadyExistsError: There is a stage of this name, and no `force`.
        InvalidInputError: A name, command or path that cannot be; or stages would need each other in a circle.
        ConflictError: An output is another stage's, lies inside another output, or is tracked by Git.
        FileFormatError: A file of the pipeline cannot be read as it is.
    """
    check_new(new)
    plan = _plan(repo, new, force=force)
    _check_outputs(repo, plan.stage)
    with _ignored(repo, _hidden_from_git(plan.stage, new)) as changed:
        write_atomic(os.path.join(repo.root, plan.stage.file), plan.text.encode())
    files = put_into_index(repo, [plan.stage.file, *changed])
    return AddedStage(plan.stage.address, plan.stage.file, files, plan.replaced)


def _plan(repo: Repository, new: NewStage, *, force: bool) -> _Plan:
    folder = folder_of(repo)
    file = posixpath.join(folder, PIPELINE_FILE)
    before = WorkspaceFiles(repo).read(file)
    entries = _entries(before, file)
    if new.name in entries and not force:
        raise AlreadyExistsError(f"There is a stage '{new.name}' in {repo.shown(file)}.", hint="Use -f to replace it.")
    root = os.path.join(os.path.abspath(repo.root), folder) if folder else os.path.abspath(repo.root)
    entry = make_entry(new, root)
    _check_wdir(repo, new, os.path.normpath(os.path.join(root, entry.get("wdir", "."))))
    old = entries.get(new.name)
    text = with_stage(
        before or b"", file, new.name, keep_annotations(entry, old) if isinstance(old, Mapping) else entry
    )
    pipeline = _pipeline_with(repo, file, text, new.name)
    return _Plan(pipeline.stage(make_address(file, new.name)), text, old is not None)


def _entries(data: bytes | None, file: str) -> Mapping[str, object]:
    document = None if data is None else load_yaml(data, file)
    stages = document.get("stages") if isinstance(document, Mapping) else None
    return stages if isinstance(stages, Mapping) else {}


def _pipeline_with(repo: Repository, file: str, text: str, name: str) -> Pipeline:
    """Return the pipeline as it is with the new text, its graph built."""
    here = WorkspaceFiles(repo)
    style = flag_style(repo)
    try:
        pipeline = read_pipeline(_Changed(here, file, text.encode()), style)
    except FileFormatError as error:
        read_pipeline(here, style)  # what was wrong before is told with the line where it stands
        problem = error.problem.removeprefix(f"stages.{name}.")
        raise InvalidInputError(f"The stage '{name}' cannot be added: {problem}.", hint=error.hint) from None
    try:
        _ = pipeline.graph
    except SiglumError as error:
        hint = f"{error.hint} Nothing was changed." if error.hint else "Nothing was changed."
        raise type(error)(error.message, hint=hint) from None
    return pipeline


class _Changed:
    """The files of the workspace, one of them with other content. Implements `Files`."""

    def __init__(self, files: Files, path: str, data: bytes) -> None:
        self._files = files
        self._path = path
        self._data = data

    def read(self, path: str) -> bytes | None:
        return self._data if path == self._path else self._files.read(path)

    def metafiles(self) -> list[str]:
        return sorted({*self._files.metafiles(), self._path}, key=by_folder)


def _check_wdir(repo: Repository, new: NewStage, path: str) -> None:
    key = os.path.relpath(path, os.path.abspath(repo.root)).replace(os.sep, "/")
    if is_outside(key):
        raise InvalidInputError(f"The working folder '{new.wdir}' lies outside the repository.")
    if not os.path.isdir(path):
        raise NotFoundError(f"The working folder '{new.wdir}' does not exist.", hint="Make it first.")


def _check_outputs(repo: Repository, stage: Stage) -> None:
    for out in stage.outs:
        if out.is_outside:
            continue
        path = os.path.join(repo.root, out.key)
        rule = repo.ignore.match(path)
        if rule is not None:
            where = rule.file if rule.file == "built in" else f"{os.path.relpath(rule.file)}:{rule.line}"
            raise InvalidInputError(
                f"The output '{out.path}' is hidden by the rule {rule.pattern!r} ({where}).",
                hint="Choose another path, or change the rule.",
            )
    OutputRules(repo, [stage]).check_untracked(stage)


def _hidden_from_git(stage: Stage, new: NewStage) -> list[Output]:
    """Return what Git is to ignore, in the order in which DVC writes it: by kind, then as it was asked for."""
    ours = [out for out in stage.outs if out.cache and not out.is_outside]
    kinds = {"persist": 0, "metrics": 1, "plots": 2, "outs": 3}
    given = {posixpath.normpath(out.path): i for i, out in enumerate(new.outs)}

    def place(out: Output) -> tuple[int, int]:
        kind = kinds["persist" if out.persist else str(out.kind)]
        return kind, given.get(posixpath.normpath(out.path), len(given))

    return sorted(ours, key=place)


@contextlib.contextmanager
def _ignored(repo: Repository, outs: Sequence[Output]) -> Iterator[list[str]]:
    """Have Git ignore the outputs, and take that back should what follows fail.

    What lies in a folder that is not there yet is ignored when the stage has run.
    """
    changed: dict[str, str] = {}
    try:
        for out in outs:
            path = os.path.join(repo.root, out.key)
            file = add_to_gitignore(repo, path) if os.path.isdir(os.path.dirname(path)) else None
            if file is not None:
                changed[path] = os.path.relpath(file, repo.root).replace(os.sep, "/")
        yield list(dict.fromkeys(changed.values()))
    except BaseException:
        for path in changed:
            with contextlib.suppress(OSError):
                remove_from_gitignore(repo, path)
        raise
