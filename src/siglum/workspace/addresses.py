"""How a `.dvc` file names another repository, and which one that is here."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from siglum.core.errors import FileFormatError, InvalidInputError, NotFoundError
from siglum.workspace.clones import is_git_url
from siglum.workspace.config import Config
from siglum.workspace.documents import decoded, read_bytes
from siglum.workspace.git import Git
from siglum.workspace.git_process import without_password
from siglum.workspace.ini import parse_ini
from siglum.workspace.pointers import RepoSource


def shown_source(path: str, url: str) -> str:
    """Return what a path of another repository is called in messages: `model (../up)`."""
    return f"{path} ({without_password(url)})"


def found_address(url: str, bases: Sequence[str], commit: str | None = None) -> str:
    """Return the absolute path of the repository that a relative `url` names, as seen from the first of `bases`.

    Where `commit` is known, the first that has it is taken. DVC looks from the current folder alone; a `.dvc` file that
    was written elsewhere is then of no use. Other addresses are returned as they are.
    """
    address = os.path.expanduser(url)
    if os.path.isabs(address) or is_git_url(address):
        return address
    candidates = dict.fromkeys(os.path.normpath(os.path.join(base, address)) for base in bases)
    there = [path for path in candidates if os.path.isdir(path)]
    if commit is not None:
        for path in there:
            git = Git(path) if is_bare(path) else Git.find(path)
            if git is not None and git.resolve(commit) is not None:
                return path
    if not there:
        raise NotFoundError(f"There is no repository {url!r}.", hint=f"It was looked for at {', '.join(candidates)}.")
    return there[0]


def is_bare(folder: str) -> bool:
    """Whether a folder is a Git repository without a working tree."""
    return os.path.isfile(os.path.join(folder, "HEAD")) and os.path.isdir(os.path.join(folder, "objects"))


def with_settings(config: Config, source: RepoSource, bases: Sequence[str]) -> Config:
    """Return another repository's settings with those laid over them that the import asks for.

    `config` is a file like `.dvc/config` or what would stand in one; `remote` the name of the remote to read from, or
    options for the default one. Raises InvalidInputError for what is neither.
    """
    if source.config is not None:
        config = config.overlaid(_sections(source.config, bases), "config")
    if isinstance(source.remote, str):
        return config.overlaid({"core": {"remote": source.remote}}, "remote")
    if isinstance(source.remote, Mapping):
        name = config.get("core.remote")
        if name is None:
            raise InvalidInputError(
                f"There are options for a remote of {without_password(source.url)}, which has no default remote.",
                hint="Name one with --remote.",
            )
        return config.overlaid({"remote": {name: source.remote}}, "remote")
    if source.remote is not None:
        raise InvalidInputError(f"{source.remote!r} is neither a remote's name nor options of one.")
    return config


def _sections(config: Any, bases: Sequence[str]) -> Mapping[str, Mapping[str, Any]]:
    if isinstance(config, Mapping):
        return config
    if not isinstance(config, str):
        raise InvalidInputError(f"{config!r} is neither the path of a settings file nor settings.")
    candidates = [os.path.normpath(os.path.join(base, os.path.expanduser(config))) for base in bases]
    path = next(filter(os.path.isfile, candidates), None)
    if path is None:
        raise NotFoundError(f"There is no settings file {config!r}.")
    try:
        return parse_ini(decoded(read_bytes(path), path), path)
    except FileFormatError as error:
        raise FileFormatError(path, error.problem, line=error.line, column=error.column) from None
