"""`siglum push`, `fetch` and `pull`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from siglum.cli.command import command
from siglum.cli.console import Console

if TYPE_CHECKING:
    from siglum.storage.transfer import Progress, TransferResult
    from siglum.workspace.manifests import Manifests
    from siglum.workspace.repository import Repository

F = TypeVar("F", bound=Callable[..., Any])


def _transfer_options(function: F) -> F:
    for option in (
        click.option("-A", "--all-commits", is_flag=True, help="What any commit records, too."),
        click.option("-T", "--all-tags", is_flag=True, help="What any tag records, too."),
        click.option("-a", "--all-branches", is_flag=True, help="What any branch records, too."),
        click.option("-j", "--jobs", type=click.IntRange(1), metavar="N", help="How many transfers at once."),
        click.option("-r", "--remote", "remote_name", metavar="NAME", help="The remote; else the default one."),
    ):
        function = option(function)
    return click.argument("targets", nargs=-1)(function)


@command("push")
@_transfer_options
def push(console: Console, targets: tuple[str, ...], remote_name: str | None, jobs: int | None, **scope: bool) -> None:
    """Send data to a remote: all of it, or what TARGETS name.

    What is there already is not sent again. A damaged object is never sent.
    """
    from siglum.pipeline.tracked import wanted_data
    from siglum.workspace.remotes import open_configured_remote
    from siglum.workspace.repository import Repository
    from siglum.workspace.transfer import push as push_data
    from siglum.workspace.transfer import raise_failures

    repo = Repository.open()
    remote = open_configured_remote(repo, remote_name)
    wanted = wanted_data(repo, targets, None, **scope)
    with repo.lock():
        result = push_data(repo, wanted, remote, jobs=_jobs(repo, remote.name, jobs), progress=_progress(console))
    _say(console, "Sent", result, f"to {remote.name!r}")
    console.result(_value(result))
    raise_failures(result, wanted, remote, sending=True)


@command("fetch")
@_transfer_options
def fetch(console: Console, targets: tuple[str, ...], remote_name: str | None, jobs: int | None, **scope: bool) -> None:
    """Get data from a remote into the cache: all of it, or what TARGETS name."""
    from siglum.workspace.repository import Repository

    repo = Repository.open()
    with repo.lock():
        _, result, failed = _fetch(console, repo, targets, remote_name, jobs, scope)
    console.result(_value(result))
    failed()


@command("pull")
@_transfer_options
@click.option("-f", "--force", is_flag=True, help="Overwrite changes that are kept nowhere else.")
@click.option("--allow-missing", is_flag=True, help="Succeed although the remote lacks something.")
def pull(
    console: Console,
    targets: tuple[str, ...],
    remote_name: str | None,
    jobs: int | None,
    force: bool,
    allow_missing: bool,
    **scope: bool,
) -> None:
    """Get data from a remote into the workspace: `fetch`, then `checkout`."""
    from siglum.core.text import count
    from siglum.pipeline.tracked import tracked_data
    from siglum.workspace.checkout import checkout, failures_of, raise_failures
    from siglum.workspace.repository import Repository

    repo = Repository.open()
    with repo.lock():
        manifests, result, failed = _fetch(console, repo, targets, remote_name, jobs, scope)
        placed = checkout(repo, tracked_data(repo, targets, manifests), force=force)
    for each in placed.changed:
        console.say(f"{each.outcome:9} {repo.shown(each.path)} ({count(each.files, 'file')})")
    console.result(_value(result) | {"changed": [repo.shown(each.path) for each in placed.changed]})
    if not allow_missing:
        failed()
    raise_failures(repo, failures_of(placed, allow_missing=allow_missing))


def _fetch(
    console: Console,
    repo: Repository,
    targets: Sequence[str],
    remote_name: str | None,
    jobs: int | None,
    scope: dict[str, bool],
) -> tuple[Manifests, TransferResult, Callable[[], None]]:
    """Fetch, say so, and return what raises the failures, for the caller to do when it has done what it can."""
    from siglum.pipeline.tracked import wanted_data
    from siglum.workspace.manifests import Manifests
    from siglum.workspace.remotes import open_configured_remote
    from siglum.workspace.transfer import fetch as fetch_data
    from siglum.workspace.transfer import raise_failures

    remote = open_configured_remote(repo, remote_name)
    manifests = Manifests(repo.cache, remote)
    wanted = wanted_data(repo, targets, manifests, **scope)
    result = fetch_data(repo, wanted, remote, jobs=_jobs(repo, remote.name, jobs), progress=_progress(console))
    _say(console, "Fetched", result, f"from {remote.name!r}")
    return manifests, result, lambda: raise_failures(result, wanted, remote, sending=False)


def _jobs(repo: Repository, remote_name: str, jobs: int | None) -> int | None:
    configured = repo.config.get(f"remote.{remote_name}.jobs")
    return jobs or (int(configured) if configured else None)


def _progress(console: Console) -> Progress | None:
    """Return what shows how far a transfer is, on a terminal only."""
    if not console.interactive:
        return None
    import sys

    from siglum.core.text import count, size

    def show(objects: int, transferred: int) -> None:
        sys.stderr.write(f"\r{count(objects, 'object')}, {size(transferred)}\033[K")
        sys.stderr.flush()

    return show


def _say(console: Console, verb: str, result: TransferResult, where: str) -> None:
    from siglum.core.text import count, size

    if console.interactive and result.moved:
        import sys

        sys.stderr.write("\r\033[K")
    if result.moved:
        console.say(f"{verb} {count(len(result.moved), 'object')} ({size(result.size)}) {where}.")
    elif not result.failures:
        console.say("Everything is up to date.")


def _value(result: TransferResult) -> dict[str, Any]:
    return {
        "moved": len(result.moved),
        "bytes": result.size,
        "present": result.present,
        "failed": [{"oid": failure.oid, "reason": failure.reason} for failure in result.failures],
    }
