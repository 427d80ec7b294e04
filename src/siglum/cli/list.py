"""`siglum list` and `du`: what is in a repository, here or elsewhere, at any revision."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from siglum.cli.command import command
from siglum.cli.console import Console
from siglum.cli.entries import Row, say_rows, tree_rows
from siglum.cli.many_values import PAIRS, ManyValuesCommand, pairs
from siglum.core.errors import UsageError

if TYPE_CHECKING:
    from siglum.pipeline.sources.browse import Browser, Entry
    from siglum.pipeline.sources.listing import Node

F = TypeVar("F", bound=Callable[..., Any])


def _source_options(function: F) -> F:
    for option in (
        click.option(
            "--remote-config", multiple=True, metavar=PAIRS, help="Options of the remote that manifests are read from."
        ),
        click.option("--remote", metavar="NAME", help="The remote of that repository to read manifests from."),
        click.option("--config", metavar="FILE", help="Settings to lay over those of that repository."),
        click.option(
            "--rev",
            metavar="REV",
            is_flag=False,
            flag_value="",
            help="A branch, tag or commit; else what is there now.",
        ),
    ):
        function = option(function)
    return function


@command("list", cls=ManyValuesCommand)
@click.argument("url")
@click.argument("path", required=False, default="")
@click.option("-R", "--recursive", is_flag=True, help="List the files of all folders below.")
@click.option("-T", "--tree", is_flag=True, help="Draw a tree.")
@click.option("-L", "--level", type=click.IntRange(0), metavar="DEPTH", help="How many folders deep (with -R or -T).")
@click.option("--dvc-only", is_flag=True, help="Only what is recorded by .dvc files and pipelines.")
@click.option("--size", "with_size", is_flag=True, help="Show sizes, too.")
@click.option("--show-hash", "with_hash", is_flag=True, help="Show recorded hashes, too.")
@_source_options
def list_(
    console: Console,
    url: str,
    path: str,
    recursive: bool,
    tree: bool,
    level: int | None,
    dvc_only: bool,
    with_size: bool,
    with_hash: bool,
    rev: str | None,
    config: str | None,
    remote: str | None,
    remote_config: tuple[str, ...],
) -> None:
    """List what is in the repository URL (a folder or a Git URL), at PATH: files of Git, and recorded data.

    Of data that is not here, names and recorded sizes are shown; just the lists of what is in folders are fetched.
    """
    from siglum.pipeline.sources.listing import list_entries, list_tree

    if tree and console.json:
        raise UsageError("--tree and --json do not go together.", hint="Leave one out; -R --json lists all files.")
    browser = _open(url, rev, config, remote, remote_config)
    key = browser.key_of(path, os.getcwd())
    if tree:
        node = list_tree(browser, key, depth=level, recorded_only=dvc_only)
        rows = tree_rows(path or ".", _row_of_node(console, node, path or "."))
        say_rows(console, rows, with_size=with_size, with_hash=with_hash, keep_blanks=True)
        return
    found = list_entries(browser, key, recursive=recursive, depth=level, recorded_only=dvc_only)
    here = browser.cwd_key(os.getcwd())
    if not path and here:  # the whole repository, as seen from a folder in it
        found = sorted(((_seen_from(here, name), entry) for name, entry in found), key=lambda each: each[0])
    console.result([_value(name, entry) for name, entry in found])
    rows = [_row(console, name, entry) for name, entry in found]
    say_rows(console, rows, with_size=with_size, with_hash=with_hash)


@command("du", cls=ManyValuesCommand)
@click.argument("url")
@click.argument("path", required=False, default="")
@click.option("-s", "--summarize", is_flag=True, help="Print the sum only.")
@_source_options
def du(
    console: Console,
    url: str,
    path: str,
    summarize: bool,
    rev: str | None,
    config: str | None,
    remote: str | None,
    remote_config: tuple[str, ...],
) -> None:
    """Show how large what is in the repository URL (a folder or a Git URL) is, at PATH: Git's files, recorded data."""
    from siglum.cli.entries import natural_size
    from siglum.cli.tables import plain_table
    from siglum.pipeline.sources.listing import disk_usage

    browser = _open(url, rev, config, remote, remote_config)
    found = [
        (os.path.join(path, name) if name else path, size)
        for name, size in disk_usage(browser, browser.key_of(path, os.getcwd()), summarize=summarize)
    ]
    console.result([{"path": name, "size": size} for name, size in found])
    console.say("\n".join(plain_table([(natural_size(size), _printable(name)) for name, size in found])))


def _open(url: str, rev: str | None, config: str | None, remote: str | None, remote_config: Sequence[str]) -> Browser:
    from siglum.core.errors import NotFoundError
    from siglum.pipeline.sources.browse import Browser
    from siglum.pipeline.sources.external import Externals
    from siglum.pipeline.sources.get import repo_source
    from siglum.workspace.clones import is_git_url

    if not (is_git_url(url) or os.path.isdir(url)):
        raise NotFoundError(f"{url!r} is neither a folder nor a Git URL.", hint="'.' is the repository you are in.")
    options = pairs("--remote-config", remote_config)
    source = repo_source(url, rev or None, config=config, remote=remote, remote_config=options)
    return Browser(Externals().open(source, on_disk=True, latest=True))


def _seen_from(folder: str, path: str) -> str:
    """Return a path of the repository relative to one of its folders, which itself keeps its name."""
    above, name = posixpath.split(path)
    return posixpath.normpath(posixpath.join(posixpath.relpath(above or ".", folder), name))


def _value(path: str, entry: Entry) -> dict[str, Any]:
    """Return an entry in the shape of DVC's `list --json`."""
    return {
        "isout": entry.is_out,
        "isdir": entry.is_dir,
        "isexec": entry.is_exec,
        "size": entry.size,
        "md5": entry.hash.oid if entry.hash is not None else None,
        "path": _printable(path),
    }


def _row(console: Console, name: str, entry: Entry) -> Row:
    style = "cyan" if entry.is_dir else "green" if entry.is_exec else None
    shown = _printable(name)
    return Row(
        console.style(shown, style) if style is not None else shown,
        entry.size,
        entry.is_dir,
        entry.hash.oid if entry.hash is not None else None,
    )


def _row_of_node(console: Console, node: Node, name: str) -> Row:
    row = _row(console, name, node.entry)
    contents = {each: _row_of_node(console, below, each) for each, below in node.contents.items()}
    return Row(row.name, row.size, row.is_dir, row.hash, contents)


def _printable(name: str) -> str:
    """Return a name as text: bytes that are not UTF-8 are shown by their numbers."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")
