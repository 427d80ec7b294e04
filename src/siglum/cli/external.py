"""`siglum get` and `get-url`: data from elsewhere, not tracked here."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from siglum.cli.command import command
from siglum.cli.console import Console
from siglum.cli.external_options import PairsCommand, fs_config_option, pairs_of, repo_options, source_of
from siglum.cli.external_report import end_progress, progress_of, warn_left_out

if TYPE_CHECKING:
    from siglum.pipeline.sources.get import Got
    from siglum.workspace.import_url import GotUrl


@command("get", cls=PairsCommand)
@click.argument("url")
@click.argument("path")
@repo_options
@click.option("--show-url", is_flag=True, help="Print where on its remote the data is, and get nothing.")
def get(
    console: Console,
    url: str,
    path: str,
    out: str | None,
    jobs: int | None,
    force: bool,
    rev: str | None,
    config: str | None,
    remote: str | None,
    remote_config: tuple[str, ...],
    show_url: bool,
) -> None:
    """Get the file or folder PATH of the Git or data repository URL, without tracking it here."""
    from siglum.pipeline.sources.get import get as get_data
    from siglum.pipeline.sources.get import get_url as find_url

    source = source_of(url, rev, config, remote, remote_config)
    if show_url:
        found = find_url(source, path)
        console.say(found)
        console.result({"url": found})
        return
    _say_got(console, get_data(source, path, out=out, force=force, jobs=jobs, progress=progress_of(console)))


@command("get-url", cls=PairsCommand)
@click.argument("url")
@click.argument("out", required=False)
@click.option("-j", "--jobs", type=click.IntRange(1), metavar="N", help="How many transfers at once.")
@click.option("-f", "--force", is_flag=True, help="Replace what is there.")
@fs_config_option
def get_url(
    console: Console, url: str, out: str | None, jobs: int | None, force: bool, fs_config: tuple[str, ...]
) -> None:
    """Get the file or folder at URL, which may be a path, without tracking it here."""
    from siglum.workspace.import_url import get_url as get_data
    from siglum.workspace.repository import Repository, find_root

    root = find_root()
    got = get_data(
        url,
        out=out,
        force=force,
        jobs=jobs,
        fs_config=pairs_of("--fs-config", fs_config),
        repo=Repository(root) if root is not None else None,
        progress=progress_of(console),
    )
    _say_got(console, got)


def _say_got(console: Console, got: Got | GotUrl) -> None:
    from siglum.core.text import count, size

    end_progress(console)
    files = f"{count(got.nfiles, 'file')}, " if got.hash.endswith(".dir") else ""
    console.say(f"{got.path}  ({files}{size(got.size)})")
    warn_left_out(console, got.left_out)
    console.result(got)
