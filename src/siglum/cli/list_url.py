"""`siglum list-url`: what is at a path or URL."""

from __future__ import annotations

import os
import posixpath
from typing import TYPE_CHECKING

import click

from siglum.cli.command import command
from siglum.cli.console import Console
from siglum.cli.entries import Row, say_rows, tree_rows
from siglum.cli.many_values import PAIRS, ManyValuesCommand, pairs
from siglum.core.errors import NotFoundError, UsageError

if TYPE_CHECKING:
    from siglum.workspace.repository import Repository
    from siglum.workspace.url_listing import Place


@command("list-url", cls=ManyValuesCommand)
@click.argument("url")
@click.option("-R", "--recursive", is_flag=True, help="List the files of all folders below.")
@click.option("-T", "--tree", is_flag=True, help="Draw a tree.")
@click.option("-L", "--level", type=click.IntRange(0), metavar="DEPTH", help="How many folders deep (with -R or -T).")
@click.option("--size", "with_size", is_flag=True, help="Show sizes, too.")
@click.option("--fs-config", multiple=True, metavar=PAIRS, help="Options of the address, as a remote has them.")
def list_url(
    console: Console,
    url: str,
    recursive: bool,
    tree: bool,
    level: int | None,
    with_size: bool,
    fs_config: tuple[str, ...],
) -> None:
    """List what is at URL: a path, an address such as s3://bucket/folder, or remote://name/folder."""
    from siglum.workspace.url_listing import list_place, open_place

    if tree and console.json:
        raise UsageError("--tree and --json do not go together.", hint="Leave one out; -R --json lists all files.")
    place = open_place(url, pairs("--fs-config", fs_config), _repository())
    if tree:
        top = place.top()
        row = _row(place, url, "", level, is_dir=top.is_dir, size=top.size)
        say_rows(console, tree_rows(row.name, row), with_size=with_size, keep_blanks=True)
        return
    found = list_place(place, recursive=recursive, depth=level)
    console.result([{"path": _printable(each.path), "isdir": each.isdir, "size": each.size} for each in found])
    rows = [_styled(console, Row(_printable(each.path), each.size, each.isdir)) for each in found]
    say_rows(console, rows, with_size=with_size)


def _row(place: Place, name: str, folder: str, level: int | None, *, is_dir: bool, size: int | None = None) -> Row:
    contents: dict[str, Row] = {}
    if is_dir and level != 0:
        below = level - 1 if level is not None else None
        for each in place.entries(folder):
            path = posixpath.join(folder, each.name)
            contents[each.name] = _row(place, each.name, path, below, is_dir=each.is_dir, size=each.size)
    return Row(_printable(name), size, is_dir, None, contents)


def _styled(console: Console, row: Row) -> Row:
    return Row(console.style(row.name, "cyan"), row.size, row.is_dir) if row.is_dir else row


def _printable(name: str) -> str:
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _repository() -> Repository | None:
    from siglum.workspace.repository import Repository

    try:
        return Repository.open()
    except NotFoundError:
        return None
