"""`stage list`: the stages of one dvc.yaml, of targets, or of the whole repository, damaged files aside."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from siglum.core.errors import FileFormatError, NotFoundError, SiglumError
from siglum.pipeline.definition.files import Files, WorkspaceFiles, check_is_file
from siglum.pipeline.definition.paths import join
from siglum.pipeline.definition.stages import PIPELINE_FILE, Stage
from siglum.pipeline.graph.load import Pipeline, flag_style, read_pipeline
from siglum.pipeline.graph.targets import find_stages
from siglum.pipeline.inventory.selection import folder_of
from siglum.workspace.repository import Repository


class ListedStages(msgspec.Struct, frozen=True):
    """Stages in the pipeline's order, and what is wrong with files that could not be read."""

    stages: tuple[Stage, ...]
    problems: tuple[SiglumError, ...] = ()


def list_stages(
    repo: Repository,
    targets: Sequence[str] = (),
    *,
    everything: bool = False,
    recursive: bool = False,
    strict: bool = False,
) -> ListedStages:
    """Return the stages that `targets` name, or those of the dvc.yaml here; with `everything` all there are.

    A file that is not asked for by name may be damaged: it is left out and told, unless `strict`.

    Raises:
        NotFoundError: There is no such stage, or no dvc.yaml here.
        FileFormatError: A file that is asked for, or with `strict` any, cannot be read.
    """
    folder = folder_of(repo)
    files = WorkspaceFiles(repo)
    style = flag_style(repo)
    if not (everything or targets or recursive):
        own = join(folder, PIPELINE_FILE)
        if own not in files.metafiles():
            check_is_file(repo, own)
            where = f"in '{folder}'" if folder else "here"
            raise NotFoundError(f"There is no dvc.yaml {where}.", hint="Use --all for the stages of all folders.")
        return ListedStages(tuple(read_pipeline(_Some(files, [own]), style).stages.values()))
    pipeline, problems = _read(repo, files, strict=strict)
    if everything:
        return ListedStages(tuple(pipeline.stages.values()), problems)
    try:
        found = find_stages(pipeline, targets or ["."], folder, recursive=recursive)
    except NotFoundError:
        if problems:  # what is missing may stand in what cannot be read
            raise problems[0] from None
        raise
    return ListedStages(tuple(pipeline.stages[address] for address in found), problems)


class _Some(msgspec.Struct, frozen=True):
    """Files of which only some count as those of pipelines. Implements `Files`."""

    files: Files
    listed: list[str]

    def read(self, path: str) -> bytes | None:
        return self.files.read(path)

    def metafiles(self) -> list[str]:
        return self.listed


def _read(repo: Repository, files: Files, *, strict: bool) -> tuple[Pipeline, tuple[SiglumError, ...]]:
    """Return the pipeline of all files that can be read, and why others cannot."""
    style = flag_style(repo)
    try:
        return read_pipeline(files, style), ()
    except FileFormatError:
        if strict:
            raise
    whole = Pipeline({}, {}, {})
    problems: list[SiglumError] = []
    for path in files.metafiles():
        try:
            part = read_pipeline(_Some(files, [path]), style)
        except FileFormatError as error:
            problems.append(error)
        else:
            whole.stages.update(part.stages)
            whole.tops.update(part.tops)
    return whole, tuple(problems)
