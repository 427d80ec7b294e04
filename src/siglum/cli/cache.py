"""`siglum cache`: where the cache is, whether it is sound, and its way from DVC 2."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from siglum.cli.command import group, tracking_option
from siglum.cli.console import Console
from siglum.cli.levels import chosen_level, level_options, settings
from siglum.core.errors import NotFoundError, SiglumError, UsageError

if TYPE_CHECKING:
    from siglum.core.hashes import DataHash
    from siglum.pipeline.data.needs import NeededBy, Object
    from siglum.pipeline.data.verify import Report
    from siglum.storage.remotes.base import Remote
    from siglum.storage.verification import Progress
    from siglum.workspace.repair import Repaired
    from siglum.workspace.repository import Repository

_NAMED_AT_MOST = 4
DAMAGE_REMAINS = 1


@group("cache")
def cache() -> None:
    """Say where the cache is, and verify what is in it."""


@cache.command("dir")
@click.argument("path", required=False)
@click.option("-u", "--unset", is_flag=True, help="Go back to the default, .dvc/cache.")
@level_options
def cache_dir(console: Console, path: str | None, unset: bool) -> None:
    """Show the folder of the cache, or make it PATH.

    A path that is relative here stays so, seen from the settings' file.
    """
    from siglum.workspace.repository import Repository
    from siglum.workspace.settings import set_option, unset_option

    if path is not None and unset:
        raise UsageError("PATH and --unset exclude each other.")
    if path is not None or unset:
        edit = unset_option(settings(), "cache.dir") if path is None else set_option(settings(), "cache.dir", path)
        console.result({"dir": path, "file": edit.path, "changed": edit.changed})
        return
    if chosen_level() is None:
        found: str | None = Repository.open().cache_dir
    else:
        found = settings().load(only=chosen_level()).get("cache.dir")
    if found is None:
        raise NotFoundError(f"{settings().path} does not set cache.dir.")
    console.result({"dir": found})
    console.say(found)


@cache.command("verify")
@click.argument("targets", nargs=-1)
@click.option("-r", "--remote", "remote_name", metavar="NAME", help="Verify this remote instead of the cache.")
@click.option("--repair", "mend", is_flag=True, help="Put good copies in place of what is damaged or missing.")
@click.option("--from", "others", multiple=True, metavar="PATH", help="Another cache or repository to repair from.")
@click.option("-j", "--jobs", type=click.IntRange(1), metavar="N", help="How many objects of a remote at once.")
@tracking_option
def verify(
    console: Console,
    targets: tuple[str, ...],
    remote_name: str | None,
    mend: bool,
    others: tuple[str, ...],
    jobs: int | None,
    tracking_uri: str | None,
) -> int:
    """Hash every object again, or those that TARGETS need; say what is damaged or missing, and who needs it.

    With --repair, good copies come from the workspace, the trash, --from and remotes; damaged objects go to quarantine.
    Exits with 1 when damage remains.
    """
    from siglum.pipeline.data.verify import needs_of, rebuilt_manifests, repair, verify_cache, verify_remote
    from siglum.storage.transfer import DEFAULT_JOBS
    from siglum.workspace.remotes import open_configured_remote
    from siglum.workspace.repair import Repaired, sources_of
    from siglum.workspace.repository import Repository

    if others and not mend:
        raise UsageError("--from goes with --repair.")
    repo = Repository.open()
    remote = open_configured_remote(repo, remote_name) if remote_name is not None else None
    remotes = _all_remotes(repo, remote)
    progress = _progress(console)
    rebuilt = rebuilt_manifests(repo)
    if remote is None:
        report = verify_cache(repo, targets, progress, rebuilt)
    else:
        report = verify_remote(repo, remote, targets, jobs=jobs or DEFAULT_JOBS, progress=progress)
    _clear(console)
    needs = needs_of(repo, report, _records(console, repo, tracking_uri) if report.bad else {}, remotes, rebuilt)
    report = report.needed(needs)
    done = Repaired({})
    if mend and report.bad:
        files = {each: needed.files for each, needed in needs.items()}
        manifests = {(data.algorithm, data.oid): manifest for data, manifest in rebuilt.items()}
        sources = sources_of(repo, files, manifests, others, [each for each in remotes if each is not remote])
        with repo.lock():
            done = repair(repo, report, needs, sources, remote)
    _say_report(console, report, needs, done, remote, mend)
    console.result(_value(report, needs, done))
    return DAMAGE_REMAINS if len(done.sources) < len(report.bad) else 0


@cache.command("migrate")
@click.option("--dvc-files", is_flag=True, help="Rewrite .dvc and dvc.lock entries, too.")
@click.option("--dry", "--dry-run", "dry_run", is_flag=True, help="Only say what would be done.")
def migrate(console: Console, dvc_files: bool, dry_run: bool) -> int:
    """Bring objects of DVC 2's cache to DVC 3's place, where they get a second name by the hash of their bytes.

    The old ones stay, for commits that name them; 'siglum gc' knows which are still in use. Exits with 1 when something
    is damaged or cannot be found.
    """
    from siglum.core.text import count
    from siglum.pipeline.data.migrate import MigratedFiles, migrate_cache, migrate_files
    from siglum.workspace.repository import Repository

    repo = Repository.open()
    with repo.lock():
        done = migrate_cache(repo, dry=dry_run)
        files = migrate_files(repo, done, dry=dry_run) if dvc_files else MigratedFiles()
    verb = "Would migrate" if dry_run else "Migrated"
    console.say(f"{verb} {count(len(done.added), 'object')} to DVC 3's cache; {len(done.names):,} are of DVC 2.")
    for path in files.changed:
        console.say(f"{'Would update' if dry_run else 'Updated'} {repo.shown(path)}")
    if dvc_files and not files.changed:
        console.say("No entry of DVC 2 to rewrite.")
    for oid in done.damaged:
        console.warn(f"{repo.legacy_cache.path_of(oid)} is damaged: it was left alone. See 'siglum cache verify'.")
    for path in files.left:
        console.warn(f"{repo.shown(path)} is neither here as recorded nor in the cache: its entry was left as it is.")
    console.result(
        {
            "dry_run": dry_run,
            "objects": len(done.names),
            "added": list(done.added),
            "damaged": list(done.damaged),
            "files": [repo.shown(path) for path in files.changed],
            "left": [repo.shown(path) for path in files.left],
        }
    )
    return DAMAGE_REMAINS if done.damaged or files.left else 0


def _all_remotes(repo: Repository, first: Remote | None) -> list[Remote]:
    """Return the remotes that good copies and manifests may come from, the default one first."""
    from siglum.workspace.remotes import open_configured_remote

    default = repo.config.get("core.remote")
    names = [name for name in (default, *repo.config.remotes()) if name is not None]
    found = {} if first is None else {first.name: first}
    for name in names:
        try:
            found.setdefault(name, open_configured_remote(repo, name))
        except SiglumError:
            continue  # one that cannot be used has no copies to give; commands that name it say why
    return list(found.values())


def _records(console: Console, repo: Repository, tracking_uri: str | None) -> dict[DataHash, tuple[str, ...]]:
    from siglum.client.needs import recorded_needs

    try:
        return recorded_needs(repo, tracking_uri)
    except SiglumError as error:
        console.warn(f"Which runs and versions need it is not known. {error.message}")
        return {}


def _progress(console: Console) -> Progress | None:
    if not console.interactive:
        return None
    from siglum.core.text import count, size

    def show(objects: int, read: int) -> None:
        sys.stderr.write(f"\rVerified {count(objects, 'object')}{f', {size(read)}' if read else ''}\033[K")
        sys.stderr.flush()

    return show


def _clear(console: Console) -> None:
    if console.interactive:
        sys.stderr.write("\r\033[K")


def _say_report(
    console: Console,
    report: Report,
    needs: Mapping[Object, NeededBy],
    done: Repaired,
    remote: Remote | None,
    mend: bool,
) -> None:
    from siglum.core.text import count, size

    place = "the cache" if remote is None else f"the remote {remote.name!r}"
    weight = f" ({size(report.size)})" if remote is None else ""
    again = "siglum cache verify --repair" if remote is None else f"siglum cache verify --remote {remote.name} --repair"
    for each in report.bad:
        condition = "damaged" if each in report.damaged else "missing"
        source = done.sources.get(each)
        outcome = f", repaired from {source}" if source is not None else ", no good copy was found" if mend else ""
        console.say(f"{condition}  {each[1]}{outcome}")
        _say_needs(console, needs[each])
    for path in done.replaced:
        console.say(f"replaced {path} in the workspace, a link to a damaged object")
    for path in done.quarantined:
        console.say(f"put aside {path}")
    console.say(
        f"Verified {count(report.checked, 'object')}{weight} of {place}: "
        + (
            "all sound."
            if not report.bad
            else f"{len(report.damaged)} damaged, {len(report.missing)} missing"
            + (f", {len(done.sources)} repaired." if mend else f". '{again}' looks for good copies.")
        )
    )


def _say_needs(console: Console, needed: NeededBy) -> None:
    rows = (("files", needed.files), ("revisions", needed.revisions), ("records", needed.records))
    for title, names in rows:
        if names:
            more = f" and {len(names) - _NAMED_AT_MOST} more" if len(names) > _NAMED_AT_MOST else ""
            console.say(f"  {title + ':':10} {', '.join(map(_one_line, names[:_NAMED_AT_MOST]))}{more}")
    if not any(names for _, names in rows):
        console.say("  needed by nothing on record here")


def _one_line(name: str) -> str:
    return name.replace("\n", "\\n")


def _value(report: Report, needs: Mapping[Object, NeededBy], done: Repaired) -> dict[str, Any]:
    def values(objects: Sequence[Object]) -> list[dict[str, Any]]:
        return [
            {
                "oid": oid,
                "algorithm": algorithm,
                "files": list(needs[algorithm, oid].files),
                "revisions": list(needs[algorithm, oid].revisions),
                "records": list(needs[algorithm, oid].records),
                "repaired_from": done.sources.get((algorithm, oid)),
            }
            for algorithm, oid in objects
        ]

    return {
        "checked": report.checked,
        "bytes": report.size,
        "damaged": values(report.damaged),
        "missing": values(report.missing),
        "quarantined": list(done.quarantined),
        "replaced": list(done.replaced),
        "remaining": len(report.bad) - len(done.sources),
    }
