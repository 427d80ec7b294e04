"""`siglum gc`: move what nobody needs out of the cache, and of a remote, into a trash; bring it back; purge it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from siglum.cli.command import command, tracking_option
from siglum.cli.console import Console
from siglum.cli.trash import ask, purge_trash, undo_collection
from siglum.core.errors import UsageError

if TYPE_CHECKING:
    from siglum.core.hashes import DataHash
    from siglum.pipeline.data.gc import GcRequest, Planned
    from siglum.pipeline.data.used import Scope
    from siglum.storage.remotes.base import Remote
    from siglum.workspace.gc import Collected
    from siglum.workspace.gc_plan import Collection
    from siglum.workspace.repository import Repository

_NAMED_AT_MOST = 8


@command("gc")
@click.option("-w", "--workspace", is_flag=True, help="Keep what the workspace uses (as all others of these do, too).")
@click.option("--rev", metavar="COMMIT", help="Keep what this commit uses.")
@click.option("-n", "--num", type=int, metavar="N", help="With --rev or -a: also the N-1 commits before. Default 1.")
@click.option("-a", "--all-branches", is_flag=True, help="Keep what the tips of all branches use.")
@click.option("-T", "--all-tags", is_flag=True, help="Keep what all tags use.")
@click.option("-A", "--all-commits", is_flag=True, help="Keep what any commit uses.")
@click.option("--date", metavar="YYYY-MM-DD", help="Keep what commits since this day use.")
@click.option("--all-experiments", is_flag=True, help="Keep what experiments use.")
@click.option("--not-in-remote", is_flag=True, help="Of what is used, keep only what the remote lacks.")
@click.option("-c", "--cloud", is_flag=True, help="Collect in the remote, too.")
@click.option("-r", "--remote", "remote_name", metavar="NAME", help="The remote for -c and --not-in-remote.")
@click.option("--skip-failed", is_flag=True, help="Leave out revisions that cannot be read.")
@click.option("-f", "--force", is_flag=True, help="Do not ask.")
@click.option("-j", "--jobs", type=click.IntRange(1), metavar="N", help="How many requests to a remote at once.")
@click.option("-p", "--projects", multiple=True, metavar="PATH...", help="Keep what these other projects use.")
@click.option("--dry", "--dry-run", "dry_run", is_flag=True, help="Only say what would go.")
@click.option("--ignore-registry", is_flag=True, help="Do not ask which data runs and model versions need.")
@click.option("--undo", is_flag=True, help="Bring back what the last collection took (with -c: from the remote).")
@click.option("--purge", is_flag=True, help="Delete for good what is past its time of grace.")
@click.option("--all", "everything", is_flag=True, help="With --purge: all of the trash.")
@tracking_option
@click.argument("more_projects", nargs=-1, metavar="")
def gc(console: Console, **options: Any) -> None:
    """Move data that nobody needs out of the cache, into a trash.

    What the workspace uses is kept, what the revisions use that the options name, and what any run or model version on
    record needs. The trash keeps the rest for 14 days (feature.gc_grace_days); --undo brings it back.
    """
    from siglum.workspace.repository import Repository

    repo = Repository.open()
    if options["undo"] or options["purge"]:
        _check_alone(options)
        act = undo_collection if options["undo"] else purge_trash
        act(console, repo, _remote(repo, options), options)
        return
    if options["everything"]:
        raise UsageError("--all belongs to --purge.")
    _collect(console, repo, _request(repo, options), options)


def _check_alone(options: Mapping[str, Any]) -> None:
    if options["undo"] and options["purge"]:
        raise UsageError("--undo and --purge exclude each other.")
    if options["everything"] and options["undo"]:
        raise UsageError("--all belongs to --purge.")
    verb = "--undo" if options["undo"] else "--purge"
    allowed = {"undo", "purge", "everything", "cloud", "remote_name", "force", "jobs", "tracking_uri"}
    allowed |= {"ignore_registry", "dry_run"} if options["purge"] else set()
    given = [name for name, value in options.items() if value not in (None, False, ()) and name not in allowed]
    if given:
        raise UsageError(f"{verb} takes no --{given[0].replace('_', '-')}.")


def _scope(options: Mapping[str, Any]) -> Scope:
    from siglum.pipeline.data.used import Scope, parse_day

    scope = Scope(
        workspace=options["workspace"],
        all_branches=options["all_branches"],
        all_tags=options["all_tags"],
        all_commits=options["all_commits"],
        all_experiments=options["all_experiments"],
        revision=options["rev"],
        since=None if options["date"] is None else parse_day(options["date"]),
        number=options["num"],
    )
    if options["num"] is not None and scope.revision is None and not scope.all_branches:
        raise UsageError("--num goes with --rev or --all-branches.")
    if scope.is_empty:
        raise UsageError(
            "Say what to keep: -w, --rev, -a, -T, -A, --date or --all-experiments.",
            hint="'siglum gc -w --dry-run' shows what no file of the workspace uses.",
        )
    return scope


def _request(repo: Repository, options: Mapping[str, Any]) -> GcRequest:
    from siglum.client.needs import recorded_needs
    from siglum.pipeline.data.gc import GcRequest, open_projects

    scope = _scope(options)
    if options["cloud"] and options["not_in_remote"]:
        raise UsageError("--not-in-remote and --cloud exclude each other.")
    if options["more_projects"] and not options["projects"]:
        raise UsageError(f"'siglum gc' takes no {options['more_projects'][0]!r}.", hint="Did you mean --projects?")
    remote = _remote(repo, options)
    projects = open_projects([*options["projects"], *options["more_projects"]])
    recorded: dict[DataHash, tuple[str, ...]] = {}
    if not options["ignore_registry"]:
        for each in (repo, *projects):
            for data, holders in recorded_needs(each, options["tracking_uri"]).items():
                recorded[data] = tuple(dict.fromkeys((*recorded.get(data, ()), *holders)))
    return GcRequest(
        scope=scope,
        projects=projects,
        cloud=remote if options["cloud"] else None,
        not_in=remote if options["not_in_remote"] else None,
        recorded=recorded,
        skip_failed=options["skip_failed"],
        dry=options["dry_run"],
    )


def _remote(repo: Repository, options: Mapping[str, Any]) -> Remote | None:
    from siglum.workspace.remotes import open_configured_remote

    if options["cloud"] or options["not_in_remote"]:
        return open_configured_remote(repo, options["remote_name"])
    if options["remote_name"] is not None:
        raise UsageError("--remote goes with --cloud or --not-in-remote.")
    return None


def _collect(console: Console, repo: Repository, request: GcRequest, options: Mapping[str, Any]) -> None:
    from siglum.pipeline.data.gc import collection_lock, plan_collection
    from siglum.storage.trash import new_batch
    from siglum.workspace.gc import grace_days, run_gc

    days = grace_days(repo)
    batch = new_batch(time.time(), days, repo.root, request.scope.in_words())
    collected: list[Collected] = []
    with collection_lock(repo, request.projects):
        planned = plan_collection(repo, request)
        _report(console, planned, request, options)
        if options["force"] and not request.dry:
            collected = run_gc(repo, planned.plan, batch, request.cloud, options["jobs"])
    if len(planned.plan) and not options["force"] and not request.dry:
        ask(f"Move this to the trash for {days:g} days?")
        with collection_lock(repo, request.projects):
            # Others may have worked while the question stood: what is needed by now stays.
            plan = plan_collection(repo, request).plan.only(planned.plan)
            collected = run_gc(repo, plan, batch, request.cloud, options["jobs"])
    _say_collected(console, collected, days)
    console.result(_value(planned, collected, request.dry))


def _report(console: Console, planned: Planned, request: GcRequest, options: Mapping[str, Any]) -> None:
    from siglum.core.text import count

    records = "" if options["ignore_registry"] else ", and of runs and model versions on record"
    console.say(f"Kept is the data of {request.scope.in_words()}{records}.")
    for project in request.projects:
        console.say(f"Kept is the same of the project {project.root}.")
    for each in planned.plan.collections:
        if each.algorithm == "md5" or each.oids:
            _report_one(console, each, request.dry)
    for commit, reason in planned.skipped.items():
        console.warn(f"Left out of account: {commit[:10]}: {reason}")
    if planned.plan.unread:
        console.warn(
            f"{count(len(planned.plan.unread), 'manifest')} of folders in use cannot be read (first: "
            f"{planned.plan.unread[0]}): files of these folders would go."
        )


def _report_one(console: Console, each: Collection, dry: bool) -> None:
    from siglum.core.text import count, size

    place = _place(each.remote, each.algorithm)
    total = len(each.oids) + each.kept
    weight = f" ({size(each.size)})" if each.size is not None and each.oids else ""
    console.say(f"{place}: {count(len(each.oids), 'object')}{weight} of {total:,} not in use.")
    if each.for_records.objects:
        kept = f" ({size(each.for_records.size)})" if each.for_records.size else ""
        console.say(f"  {count(each.for_records.objects, 'object')}{kept} more stay only because these need them:")
        for holder in each.holders[:_NAMED_AT_MOST]:
            console.say(f"    {holder.name}: {count(holder.kept.objects, 'object')}")
        if len(each.holders) > _NAMED_AT_MOST:
            console.say(f"    … and {len(each.holders) - _NAMED_AT_MOST} more (--json lists all)")
    if dry:
        for oid in each.oids:
            console.say(f"  {oid}")


def _place(remote: str | None, algorithm: str) -> str:
    name = "Cache" if remote is None else f"Remote {remote!r}"
    return name if algorithm == "md5" else f"{name}, objects of DVC 2"


def _say_collected(console: Console, collected: Sequence[Collected], days: float) -> None:
    from siglum.core.text import count, size

    for each in collected:
        where = "the cache" if each.remote is None else f"the remote {each.remote!r}"
        weight = f" ({size(each.moved.size)})" if each.remote is None else ""
        undo = "siglum gc --undo" + ("" if each.remote is None else f" -c -r {each.remote}")
        console.say(
            f"Moved {count(each.moved.objects, 'object')}{weight} of {where} to its trash for {days:g} days. "
            f"Undo with: {undo}"
        )


def _value(planned: Planned, collected: Sequence[Collected], dry: bool) -> dict[str, Any]:
    return {
        "dry_run": dry,
        "collections": [_collection_value(each) for each in planned.plan.collections],
        "unread_manifests": list(planned.plan.unread),
        "skipped_revisions": planned.skipped,
        "moved": [
            {
                "remote": each.remote,
                "objects": each.moved.objects,
                "bytes": each.moved.size if each.remote is None else None,
                "batch": each.batch.id,
                "expires": each.batch.expires,
            }
            for each in collected
        ],
    }


def _collection_value(each: Collection) -> dict[str, Any]:
    return {
        "remote": each.remote,
        "algorithm": each.algorithm,
        "objects": len(each.oids),
        "bytes": each.size,
        "kept": each.kept,
        "kept_for_records": each.for_records.objects,
        "records": {holder.name: holder.kept.objects for holder in each.holders},
        "oids": list(each.oids),
    }
