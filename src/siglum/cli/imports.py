"""`siglum import`, `import-url` and `update`: data from elsewhere, tracked with where it came from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from siglum.cli.command import command
from siglum.cli.console import Console
from siglum.cli.external_options import PairsCommand, fs_config_option, not_both, pairs_of, repo_options, source_of
from siglum.cli.external_report import end_progress, progress_of, warn_left_out

if TYPE_CHECKING:
    from siglum.workspace.imports import Import
    from siglum.workspace.repository import Repository

_SECRETS = frozenset(
    {"password", "passphrase", "secret_access_key", "session_token", "connection_string", "account_key", "sas_token"}
)


@command("import", cls=PairsCommand)
@click.argument("url")
@click.argument("path")
@repo_options
@click.option("--no-exec", is_flag=True, help="Write the .dvc file only, without a look at the source.")
@click.option("--no-download", is_flag=True, help="Record the source's commit, but fetch nothing.")
@click.option("--desc", metavar="TEXT", help="Words about the data, for people.")
def import_(
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
    no_exec: bool,
    no_download: bool,
    desc: str | None,
) -> None:
    """Get the file or folder PATH of the repository URL and track it, with the commit that it came from.

    `siglum update` brings it to what the source has later.
    """
    from siglum.pipeline.sources.import_repo import import_from_repo
    from siglum.workspace.repository import Repository

    not_both(no_exec, "--no-exec", no_download, "--no-download")
    repo = Repository.open()
    with repo.lock():
        done = import_from_repo(
            repo,
            source_of(url, rev, config, remote, remote_config),
            path,
            out=out,
            force=force,
            no_exec=no_exec,
            no_download=no_download,
            jobs=jobs,
            desc=desc,
            progress=progress_of(console),
        )
    _say_imported(console, repo, [done])


@command("import-url", cls=PairsCommand)
@click.argument("url")
@click.argument("out_argument", metavar="[OUT]", required=False)
@click.option("-o", "--out", metavar="PATH", help="Where to put it, as OUT does.")
@click.option("--to-remote", is_flag=True, help="Send it to a remote, not into cache and workspace.")
@click.option("-r", "--remote", "remote_name", metavar="NAME", help="That remote; else the default one.")
@click.option("--no-exec", is_flag=True, help="Write the .dvc file only, without a look at the source.")
@click.option("--no-download", is_flag=True, help="Record what the source has, but fetch nothing.")
@click.option("-j", "--jobs", type=click.IntRange(1), metavar="N", help="How many transfers at once.")
@click.option("-f", "--force", is_flag=True, help="Replace what is there.")
@click.option(
    "--version-aware", is_flag=True, hidden=True, help="DVC's; refused: versions of objects are not followed."
)
@click.option("--desc", metavar="TEXT", help="Words about the data, for people.")
@fs_config_option
def import_url(
    console: Console,
    url: str,
    out_argument: str | None,
    out: str | None,
    to_remote: bool,
    remote_name: str | None,
    no_exec: bool,
    no_download: bool,
    jobs: int | None,
    force: bool,
    version_aware: bool,
    desc: str | None,
    fs_config: tuple[str, ...],
) -> None:
    """Get the file or folder at URL, which may be a path, and track it with what its source says of it.

    `siglum update` brings it to what the source has later.
    """
    from siglum.core.errors import NotSupportedError, UsageError
    from siglum.pipeline.inventory.claims import check_unclaimed
    from siglum.workspace.import_url import import_url as import_data
    from siglum.workspace.remotes import open_configured_remote
    from siglum.workspace.repository import Repository

    not_both(no_exec, "--no-exec", no_download, "--no-download")
    not_both(no_exec or no_download, "--no-exec or --no-download", to_remote, "--to-remote")
    not_both(out is not None, "--out", out_argument is not None, "OUT")
    if remote_name is not None and not to_remote:
        raise UsageError("--remote goes with --to-remote.")
    if version_aware:
        raise NotSupportedError("--version-aware: Siglum does not follow versions of objects.")
    repo = Repository.open()
    with repo.lock():
        target = out if out is not None else out_argument
        if target is not None:
            check_unclaimed(repo, [target])
        done = import_data(
            repo,
            url,
            target,
            force=force,
            no_exec=no_exec,
            no_download=no_download,
            to_remote=open_configured_remote(repo, remote_name) if to_remote else None,
            jobs=jobs,
            fs_config=pairs_of("--fs-config", fs_config),
            desc=desc,
            progress=progress_of(console),
        )
    _say_imported(console, repo, [done])
    secret = sorted({pair.partition("=")[0] for pair in fs_config} & _SECRETS)
    if secret:
        console.warn(f"{repo.shown(done.pointer)} holds {', '.join(secret)}: whoever reads that file can use it.")


@command("update")
@click.argument("targets", nargs=-1, required=True)
@click.option("--rev", metavar="REV", help="Follow this branch, tag or commit from now on.")
@click.option("-R", "--recursive", is_flag=True, help="All imports below the folders that are named.")
@click.option("--no-download", is_flag=True, help="Record what the source has, but fetch nothing.")
@click.option("--to-remote", is_flag=True, help="Send what is new to a remote, not into cache and workspace.")
@click.option("-r", "--remote", "remote_name", metavar="NAME", help="That remote; else the default one.")
@click.option("-j", "--jobs", type=click.IntRange(1), metavar="N", help="How many transfers at once.")
@click.option("-f", "--force", is_flag=True, help="Overwrite changes that are kept nowhere else.")
def update(
    console: Console,
    targets: tuple[str, ...],
    rev: str | None,
    recursive: bool,
    no_download: bool,
    to_remote: bool,
    remote_name: str | None,
    jobs: int | None,
    force: bool,
) -> None:
    """Bring imports to what their sources have now. TARGETS are their .dvc files, or the data itself."""
    from siglum.core.errors import UsageError
    from siglum.pipeline.sources.update import UpdateOptions
    from siglum.pipeline.sources.update import update as update_imports
    from siglum.workspace.remotes import open_configured_remote
    from siglum.workspace.repository import Repository

    not_both(no_download, "--no-download", to_remote, "--to-remote")
    if remote_name is not None and not to_remote:
        raise UsageError("--remote goes with --to-remote.")
    repo = Repository.open()
    with repo.lock():
        options = UpdateOptions(
            rev=rev,
            no_download=no_download,
            to_remote=open_configured_remote(repo, remote_name) if to_remote else None,
            force=force,
            jobs=jobs,
        )
        done = update_imports(repo, targets, options, recursive=recursive, progress=progress_of(console))
    _say_imported(console, repo, done)
    if not done:
        console.say("There are no imports.")


def _say_imported(console: Console, repo: Repository, done: Sequence[Import]) -> None:
    from siglum.cli.git_hint import say_git_hint

    end_progress(console)
    for each in done:
        _say_import(console, repo, each)
    files = sorted({repo.shown(path) for each in done for path in each.git_files})
    say_git_hint(console, repo, files)
    console.result({"imported": [_import_value(repo, each) for each in done], "git_files": files})


def _say_import(console: Console, repo: Repository, done: Import) -> None:
    from siglum.core.text import count, size

    what = "not fetched yet"
    if done.data is not None:
        files = f"{count(done.data.nfiles, 'file')}, " if done.data.nfiles is not None else ""
        what = f"{files}{size(done.data.size)}"
    if not done.changed:
        what += ", unchanged"
    console.say(f"{repo.shown(done.path)}  from {done.source}  ({what})")
    warn_left_out(console, done.left_out)


def _import_value(repo: Repository, done: Import) -> dict[str, Any]:
    return {
        "path": repo.shown(done.path),
        "pointer": repo.shown(done.pointer),
        "source": done.source,
        "hash": str(done.data.hash) if done.data is not None else None,
        "size": done.data.size if done.data is not None else None,
        "nfiles": done.data.nfiles if done.data is not None else None,
        "changed": done.changed,
        "left_out": list(done.left_out),
    }
