"""`siglum push`, `fetch` and `pull`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from siglum.cli.command import command
from siglum.cli.console import Console
from siglum.cli.transfer_options import scope_options

if TYPE_CHECKING:
    from siglum.pipeline.data.transfers import Remotes, Transfer, Transferred
    from siglum.pipeline.data.wanted import TransferScope
    from siglum.storage.transfer import Progress
    from siglum.workspace.repository import Repository

F = TypeVar("F", bound=Callable[..., Any])
_UP_TO_DATE = "Everything is up to date."


def _transfer_options(function: F) -> F:
    for option in (
        click.option("--dry-run", is_flag=True, help="Only say what would be moved."),
        click.option("--glob", is_flag=True, help="Let *, ? and ** in targets stand for names."),
        click.option("--run-cache/--no-run-cache", help="What stages produced before, too."),
        click.option("-r", "--remote", "remote_name", metavar="NAME", help="The remote; else the default one."),
    ):
        function = option(function)
    return scope_options(function)


@command("push")
@_transfer_options
def push(
    console: Console,
    targets: tuple[str, ...],
    remote_name: str | None,
    jobs: int | None,
    run_cache: bool,
    dry_run: bool,
    **scope: Any,
) -> None:
    """Send data to a remote: all of it, or what TARGETS name.

    What is there already is not sent again. A damaged object is never sent.
    """
    from siglum.pipeline.data.transfers import Remotes, plan_transfer
    from siglum.pipeline.data.wanted import TransferScope
    from siglum.workspace.repository import Repository

    repo = Repository.open()
    with repo.lock(shared=True):  # it changes nothing here: several may send at once
        remotes, span = Remotes(repo, remote_name, jobs), TransferScope(**scope)
        planned = plan_transfer(repo, targets, remotes, sending=True, scope=span, run_cache=run_cache, dry_run=dry_run)
        if dry_run:
            _say_plan(console, planned)
            return
        done = _carry_out(console, repo, planned, remotes)
    if _is_nothing(done):
        console.say(_UP_TO_DATE)
    console.result(_value(done))
    done.raise_failures()


@command("fetch")
@_transfer_options
@click.option("--max-size", type=click.IntRange(0), metavar="BYTES", help="Leave out what is larger.")
@click.option(
    "--type",
    "kinds",
    type=click.Choice(["metrics", "plots"]),
    multiple=True,
    help="Only outputs of this kind; may be given twice.",
)
def fetch(
    console: Console,
    targets: tuple[str, ...],
    remote_name: str | None,
    jobs: int | None,
    run_cache: bool,
    dry_run: bool,
    max_size: int | None,
    kinds: tuple[str, ...],
    **scope: Any,
) -> None:
    """Get data from a remote into the cache: all of it, or what TARGETS name."""
    from siglum.pipeline.data.transfers import Remotes
    from siglum.pipeline.data.wanted import TransferScope
    from siglum.pipeline.definition.schema import OutputKind
    from siglum.workspace.repository import Repository

    repo = Repository.open()
    wanted_kinds = frozenset(map(OutputKind, kinds)) or None
    with repo.lock():
        remotes, span = Remotes(repo, remote_name, jobs), TransferScope(**scope, max_size=max_size, kinds=wanted_kinds)
        done = _fetch(console, repo, targets, remotes, span, run_cache=run_cache, dry_run=dry_run)
    if done is not None:
        if _is_nothing(done):
            console.say(_UP_TO_DATE)
        console.result(_value(done))
        done.raise_failures()


@command("pull")
@_transfer_options
@click.option("-f", "--force", is_flag=True, help="Overwrite changes that are kept nowhere else.")
@click.option("--allow-missing", is_flag=True, help="Succeed although the remote lacks something.")
def pull(
    console: Console,
    targets: tuple[str, ...],
    remote_name: str | None,
    jobs: int | None,
    run_cache: bool,
    dry_run: bool,
    force: bool,
    allow_missing: bool,
    **scope: Any,
) -> None:
    """Get data from a remote into the workspace: `fetch`, then `checkout`."""
    from siglum.core.text import count
    from siglum.pipeline.data.transfers import Remotes, placed_data
    from siglum.pipeline.data.wanted import TransferScope
    from siglum.workspace.checkout import checkout, failures_of, raise_failures
    from siglum.workspace.repository import Repository

    repo = Repository.open()
    with repo.lock():
        remotes, span = Remotes(repo, remote_name, jobs), TransferScope(**scope)
        options = {"run_cache": run_cache, "dry_run": dry_run, "allow_missing": allow_missing}
        done = _fetch(console, repo, targets, remotes, span, **options)
        if done is None:
            return
        wanted = [*placed_data(repo, targets, remotes, span), *done.kept_promises]
        placed = checkout(repo, wanted, force=force)
    if _is_nothing(done) and not placed.changed and not failures_of(placed):
        console.say(_UP_TO_DATE)
    for each in placed.changed:
        console.say(f"{each.outcome:9} {repo.shown(each.path)} ({count(each.files, 'file')})")
    console.result(_value(done) | {"changed": [repo.shown(each.path) for each in placed.changed]})
    if not allow_missing:
        done.raise_failures()
    raise_failures(repo, failures_of(placed, allow_missing=allow_missing))


def _fetch(
    console: Console,
    repo: Repository,
    targets: Sequence[str],
    remotes: Remotes,
    scope: TransferScope,
    *,
    run_cache: bool,
    dry_run: bool,
    allow_missing: bool = False,
) -> Transferred | None:
    """Fetch and say so; None when that was only tried. The caller looks at the failures when it did what it can."""
    from siglum.pipeline.data.transfers import plan_transfer

    planned = plan_transfer(
        repo,
        targets,
        remotes,
        sending=False,
        scope=scope,
        run_cache=run_cache,
        dry_run=dry_run,
        allow_missing=allow_missing,
    )
    if dry_run:
        _say_plan(console, planned)
        return None
    return _carry_out(console, repo, planned, remotes)


def _carry_out(console: Console, repo: Repository, planned: Transfer, remotes: Remotes) -> Transferred:
    from siglum.core.text import count, size
    from siglum.pipeline.data.transfers import carry_out

    done = carry_out(repo, planned, remotes, _progress(console))
    if console.interactive and done.count:
        import sys

        sys.stderr.write("\r\033[K")
    verb, way = ("Sent", "to") if planned.sending else ("Fetched", "from")
    sums: dict[str, tuple[int, int]] = {}
    for each in done.moved:
        objects, total = sums.get(each.planned.remote.name, (0, 0))
        sums[each.planned.remote.name] = objects + len(each.result.moved), total + each.result.size
    for name, (objects, total) in sums.items():
        if objects:
            console.say(f"{verb} {count(objects, 'object')} ({size(total)}) {way} {name!r}.")
    for remote, entries in planned.runs:
        if entries:
            console.say(f"{verb} {count(len(entries), 'entry', 'entries')} of the run cache {way} {remote.name!r}.")
    for fetched in done.imported:
        if fetched.data is not None:
            files = count(fetched.data.nfiles or 1, "file")
            console.say(f"{verb} {files} ({size(fetched.data.size)}) {way} {fetched.wanted.source}.")
    return done


def _is_nothing(done: Transferred) -> bool:
    return not done.count and not done.failures


def _say_plan(console: Console, planned: Transfer) -> None:
    from siglum.core.text import count

    way = "to" if planned.sending else "from"
    value: list[dict[str, Any]] = []
    for each in planned.planned:
        value += [{"remote": each.remote.name, "oid": oid} for oid in each.plan.oids]
        if len(each.plan):
            verb = "Would send" if planned.sending else "Would fetch"
            console.say(f"{verb} {count(len(each.plan), 'object')} {way} {each.remote.name!r}.")
        for failure in each.plan.failures:
            console.warn(failure.reason)
    for remote, entries in planned.runs:
        value += [{"remote": remote.name, "run": entry} for entry in entries]
        if entries:
            console.say(f"{count(len(entries), 'entry', 'entries')} of the run cache {way} {remote.name!r}.")
    for wanted in planned.imports:
        value.append({"import": wanted.path, "source": wanted.source})
        console.say(f"Would fetch {wanted.path} {way} {wanted.source}.")
    if not value:
        console.say(_UP_TO_DATE)
    failed = [failure for each in planned.planned for failure in each.plan.failures]
    console.result({"planned": value, "failed": [{"oid": each.oid, "reason": each.reason} for each in failed]})


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


def _value(done: Transferred) -> dict[str, Any]:
    return {
        "moved": done.count,
        "bytes": done.size,
        "present": done.present,
        "failed": [{"oid": failure.oid, "reason": failure.reason} for failure in done.failures],
    }
