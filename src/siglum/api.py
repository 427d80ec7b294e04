"""Reading data from Python by the path it is recorded under, as `dvc.api` does; and parameters, metrics, artifacts.

What is read is reported to the runs of this process, so that they record the data that they used.
"""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Iterable, Iterator, Mapping
from typing import IO, TYPE_CHECKING, Any

from siglum.lineage.inputs import DataInput, record_input
from siglum.lineage.project import project_root, relative_to_root
from siglum.pipeline.results.artifacts import find_artifact
from siglum.pipeline.results.show import shown_metrics, shown_params
from siglum.pipeline.sources.reading import Opened, Source, open_source

if TYPE_CHECKING:
    from siglum.fs import SiglumFileSystem

__all__ = [
    "SiglumFileSystem",
    "artifacts_show",
    "get_url",
    "metrics_show",
    "open",
    "params_show",
    "read",
]


def __getattr__(name: str) -> Any:
    if name == "SiglumFileSystem":
        # Found on first use: it needs the extra `fsspec`.
        from siglum.fs import SiglumFileSystem

        return SiglumFileSystem
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


@contextlib.contextmanager
def open(  # noqa: A001  -- the name that users know
    path: str,
    repo: str | None = None,
    rev: str | None = None,
    remote: str | None = None,
    mode: str = "r",
    encoding: str | None = None,
    config: Mapping[str, Any] | str | None = None,
    remote_config: Mapping[str, Any] | None = None,
) -> Iterator[IO[Any]]:
    """Open a file that is tracked by `.dvc` files, pipelines or Git, in a `with` statement.

    Without `rev`, a file in the workspace is read as it is. Else the content comes from the cache, or from a remote
    into a temporary file, and is verified against its hash before the first byte is given out.

    Args:
        path: Relative to the repository's root, or absolute; what is not there may be relative to the current folder.
        repo: A folder in a repository, or a Git URL; by default the repository of the current folder.
        rev: A branch, tag or commit. By default the workspace of a folder, the default branch of a URL.
        remote: The name of the remote to read from.
        mode: `r` for text, `rb` for bytes.
        encoding: Of text; by default the one that Python's own `open` takes.
        config: Settings that go before the repository's: sections of options, or the path of a settings file.
        remote_config: Options that go before those of the remote.

    Raises:
        NotFoundError: There is no such repository, revision or path, or no copy of its content.
        IntegrityError: There is only a damaged copy.
        UnavailableError: The repository or the remote cannot be reached.
        ValueError: `mode` is not one for reading.
    """
    if mode not in ("r", "rt", "rb"):
        raise ValueError(f"mode is {mode!r}, but data can only be read: use 'r' or 'rb'")
    if encoding is not None and mode == "rb":
        raise ValueError("encoding is for text: use mode 'r'")
    source = open_source(repo, rev, remote=remote, config=config, remote_config=remote_config)
    opened = source.open(path)
    _report(source, path, opened)
    with opened.stream as stream:
        if mode == "rb":
            yield stream
        else:
            with io.TextIOWrapper(stream, encoding=encoding) as text:
                yield text


def read(
    path: str,
    repo: str | None = None,
    rev: str | None = None,
    remote: str | None = None,
    mode: str = "r",
    encoding: str | None = None,
    config: Mapping[str, Any] | str | None = None,
    remote_config: Mapping[str, Any] | None = None,
) -> Any:
    """Return a file's whole content, `str` or with mode `rb` `bytes`. Arguments and errors are those of `open`."""
    with open(path, repo, rev, remote, mode, encoding, config, remote_config) as file:
        return file.read()


def get_url(
    path: str,
    repo: str | None = None,
    rev: str | None = None,
    remote: str | None = None,
    config: Mapping[str, Any] | str | None = None,
    remote_config: Mapping[str, Any] | None = None,
) -> str:
    """Return where on its remote the recorded content of `path` is; of a folder, where its manifest is.

    Of a repository on disk that has no default remote, it is in its cache. Whether it is there is not checked.
    Arguments are those of `open`.

    Raises:
        NotFoundError: `path` is not recorded (files that Git keeps are on no remote), or there is no remote.
    """
    return open_source(repo, rev, remote=remote, config=config, remote_config=remote_config).url(path)


def params_show(
    *targets: str,
    repo: str | None = None,
    stages: str | Iterable[str] | None = None,
    rev: str | None = None,
    deps: bool = False,
    config: Mapping[str, Any] | str | None = None,
) -> dict[str, Any]:
    """Return the parameters of a repository as one mapping; a key that several files have becomes `file:key`.

    Args:
        targets: Parameters files to show whole, whatever declares them; by default all that `dvc.yaml` files declare.
        repo: As in `open`.
        stages: The stages whose parameters to show, by name or as `folder/dvc.yaml:name`.
        rev: As in `open`.
        deps: Show only what stages depend on.
        config: As in `open`.

    Raises:
        NotFoundError: There is no such repository, revision, stage or file.
        FileFormatError: A file cannot be read.
    """
    source = open_source(repo, rev, config=config)
    names = [stages] if isinstance(stages, str) else None if stages is None else list(stages)
    return shown_params(source, targets, stages=names, deps=deps, folder=_folder_in(source))


def metrics_show(
    *targets: str,
    repo: str | None = None,
    rev: str | None = None,
    config: Mapping[str, Any] | str | None = None,
) -> dict[str, Any]:
    """Return the metrics of a repository as one mapping; a key that several files have becomes `file:key`.

    `targets` are metrics files, whatever declares them; by default all that `dvc.yaml` files declare. Other arguments
    are those of `open`, errors those of `params_show`.
    """
    return shown_metrics(open_source(repo, rev, config=config), targets)


def artifacts_show(
    name: str, version: str | None = None, stage: str | None = None, repo: str | None = None
) -> dict[str, str]:
    """Return the commit (`rev`) and the `path` of an artifact that `dvc.yaml` names and Git's tags version.

    Args:
        name: The artifact's name; `folder:name` for one of another `dvc.yaml` than the root's.
        version: As in the tag `name@v1.2.3`; by default the greatest.
        stage: As in the tag `name#prod#1`.
        repo: As in `open`.

    Raises:
        NotFoundError: There is no such repository, artifact, version or stage.
        ValueError: Both a version and a stage are given.
    """
    if version is not None and stage is not None:
        raise ValueError("an artifact is asked for by its version or its stage, not by both")
    found = find_artifact(open_source(repo).repo, name, version, stage)
    return {"rev": found.rev, "path": found.path}


def _folder_in(source: Source) -> str:
    """Return the current folder from the root of the source, posix; "" where it lies elsewhere."""
    relative = os.path.relpath(os.path.realpath(os.getcwd()), os.path.realpath(source.repo.root))
    return "" if relative in (".", "..") or relative.startswith("../") else relative


def _report(source: Source, path: str, opened: Opened) -> None:
    """Tell the runs of this process what is read. Files that Git keeps here are left out: the commit names them."""
    project = project_root(os.getcwd())
    here = os.path.realpath(source.repo.root) == os.path.realpath(project)
    if here and opened.in_git and source.commit is None:
        return
    key = source.key_of(path)
    repo = source.origin
    if repo is not None and os.path.isdir(repo):
        repo = os.path.abspath(repo)
    record_input(
        DataInput(
            path=relative_to_root(os.path.join(source.repo.root, key), project) if here else key,
            hash=str(opened.hash),
            pointer=opened.pointer,
            rev=source.head,
            repo=None if here else repo or source.repo.root,
        )
    )
