"""Reading data from Python by the path it is recorded under, as `dvc.api` does: `open`, `read`, `get_url`.

What is read is reported to the runs of this process, so that they record the data that they used.
"""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Iterator, Mapping
from typing import IO, Any

from siglum.lineage.inputs import DataInput, record_input
from siglum.lineage.project import project_root, relative_to_root
from siglum.pipeline.reading import Opened, Source, open_source

__all__ = ["get_url", "open", "read"]


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
        path: Relative to the repository's root, or absolute.
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

    Whether it is there is not checked. Arguments are those of `open`.

    Raises:
        NotFoundError: `path` is not recorded (files that Git keeps are on no remote), or there is no remote.
    """
    return open_source(repo, rev, remote=remote, config=config, remote_config=remote_config).url(path)


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
