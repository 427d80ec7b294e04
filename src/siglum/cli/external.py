"""`siglum get`, `get-url`, `import`, `import-url` and `update`: data from elsewhere."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from siglum.cli.command import SiglumCommand, command
from siglum.cli.console import Console

if TYPE_CHECKING:
    from siglum.pipeline.sources.get import Got
    from siglum.workspace.import_url import GotUrl
    from siglum.workspace.imports import Import
    from siglum.workspace.pointers import RepoSource
    from siglum.workspace.repository import Repository

F = TypeVar("F", bound=Callable[..., Any])
_SECRETS = frozenset(
    {"password", "passphrase", "secret_access_key", "session_token", "connection_string", "account_key", "sas_token"}
)
_PAIR = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=")


class PairsCommand(SiglumCommand):
    """A command with options that take all the `name=value` words that follow, as DVC's do."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Give each word that belongs to such an option the option's name in front."""
        greedy = {name for each in self.params if each.multiple for name in each.opts}
        rewritten: list[str] = []
        option, first = None, False
        for position, word in enumerate(args):
            if word == "--":
                rewritten += args[position:]
                break
            if word in greedy:
                option, first = word, True
            elif option is not None and (first or _PAIR.match(word)):
                rewritten += [option, word]
                first = False
            else:
                option = None
                rewritten.append(word)
        if first and option is not None:
            rewritten.append(option)  # nothing follows: the parser says so
        return super().parse_args(ctx, rewritten)


def _repo_options(function: F) -> F:
    for option in (
        click.option(
            "--remote-config",
            "remote_config",
            multiple=True,
            metavar="NAME=VALUE ...",
            help="Options of the remote that is read from.",
        ),
        click.option("--remote", metavar="NAME", help="The remote of that repository to read from."),
        click.option("--config", metavar="FILE", help="Settings to lay over those of that repository."),
        click.option("--rev", metavar="REV", help="A branch, tag or commit; else the default branch."),
        click.option("-f", "--force", is_flag=True, help="Replace what is there."),
        click.option("-j", "--jobs", type=click.IntRange(1), metavar="N", help="How many transfers at once."),
        click.option("-o", "--out", metavar="PATH", help="Where to put it; else here, under its own name."),
    ):
        function = option(function)
    return function


@command("get", cls=PairsCommand)
@click.argument("url")
@click.argument("path")
@_repo_options
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

    source = _source(url, rev, config, remote, remote_config)
    if show_url:
        found = find_url(source, path)
        console.say(found)
        console.result({"url": found})
        return
    _say_got(console, get_data(source, path, out=out, force=force, jobs=jobs, progress=_progress(console)))


@command("import", cls=PairsCommand)
@click.argument("url")
@click.argument("path")
@_repo_options
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

    _not_both(no_exec, "--no-exec", no_download, "--no-download")
    repo = Repository.open()
    with repo.lock():
        done = import_from_repo(
            repo,
            _source(url, rev, config, remote, remote_config),
            path,
            out=out,
            force=force,
            no_exec=no_exec,
            no_download=no_download,
            jobs=jobs,
            desc=desc,
            progress=_progress(console),
        )
    _say_imported(console, repo, [done])


_fs_config = click.option(
    "--fs-config", "fs_config", multiple=True, metavar="NAME=VALUE ...", help="Options for reading the URL."
)


@command("get-url", cls=PairsCommand)
@click.argument("url")
@click.argument("out", required=False)
@click.option("-j", "--jobs", type=click.IntRange(1), metavar="N", help="How many transfers at once.")
@click.option("-f", "--force", is_flag=True, help="Replace what is there.")
@_fs_config
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
        fs_config=_pairs("--fs-config", fs_config),
        repo=Repository(root) if root is not None else None,
        progress=_progress(console),
    )
    _say_got(console, got)


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
@_fs_config
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

    _not_both(no_exec, "--no-exec", no_download, "--no-download")
    _not_both(no_exec or no_download, "--no-exec or --no-download", to_remote, "--to-remote")
    _not_both(out is not None, "--out", out_argument is not None, "OUT")
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
            fs_config=_pairs("--fs-config", fs_config),
            desc=desc,
            progress=_progress(console),
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

    _not_both(no_download, "--no-download", to_remote, "--to-remote")
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
        done = update_imports(repo, targets, options, recursive=recursive, progress=_progress(console))
    _say_imported(console, repo, done)
    if not done:
        console.say("There are no imports.")


def _source(
    url: str, rev: str | None, config: str | None, remote: str | None, remote_config: Sequence[str]
) -> RepoSource:
    from siglum.pipeline.sources.get import repo_source

    options = _pairs("--remote-config", remote_config) if remote_config else None
    return repo_source(url, rev, config=config, remote=remote, remote_config=options)


def _pairs(option: str, words: Sequence[str]) -> dict[str, str]:
    """Return `name=value` words as a mapping."""
    from siglum.core.errors import UsageError

    found: dict[str, str] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not name:
            # The word itself is not shown: it may be a password.
            raise UsageError(f"{option} takes words of the form name=value.")
        found[name] = value
    return found


def _not_both(one: bool, one_name: str, other: bool, other_name: str) -> None:
    from siglum.core.errors import UsageError

    if one and other:
        raise UsageError(f"{one_name} and {other_name} exclude each other.")


def _say_got(console: Console, got: Got | GotUrl) -> None:
    from siglum.core.text import count, size

    _end_progress(console)
    files = f"{count(got.nfiles, 'file')}, " if got.hash.endswith(".dir") else ""
    console.say(f"{got.path}  ({files}{size(got.size)})")
    _warn_left_out(console, got.left_out)
    console.result(got)


def _say_imported(console: Console, repo: Repository, done: Sequence[Import]) -> None:
    from siglum.cli.git_hint import say_git_hint

    _end_progress(console)
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
    _warn_left_out(console, done.left_out)


def _warn_left_out(console: Console, left_out: Sequence[str]) -> None:
    if left_out:
        console.warn(
            f"{', '.join(left_out)} was left out: a data repository inside another is reached by its own path."
        )


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


def _progress(console: Console) -> Any:
    """Return what shows how far a transfer is, on a terminal only."""
    if not console.interactive:
        return None
    import sys

    from siglum.core.text import count, size

    def show(objects: int, transferred: int) -> None:
        sys.stderr.write(f"\r{count(objects, 'object')}, {size(transferred)}\033[K")
        sys.stderr.flush()

    return show


def _end_progress(console: Console) -> None:
    if console.interactive:
        import sys

        sys.stderr.write("\r\033[K")
