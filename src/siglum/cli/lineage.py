"""`siglum trace`, `reproduce`, and `diff` of versions: what one was made from, what differs, whether it comes again."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from typing import TYPE_CHECKING

import click

from siglum.cli.command import command, tracking_option
from siglum.cli.console import Console
from siglum.core.errors import UsageError

if TYPE_CHECKING:
    from siglum.client.stores import Stores
    from siglum.lineage.describe import Section
    from siglum.lineage.placing import DataSources
    from siglum.lineage.reproduce import ReproducePlan
    from siglum.lineage.trace import Project
    from siglum.lineage.verdict import Verdict
    from siglum.storage.remotes import Remote
    from siglum.workspace.repository import Repository

DIFFERENT = 1


@command("trace")
@click.argument("reference", metavar="NAME@VERSION")
@tracking_option
def trace(console: Console, reference: str, tracking_uri: str | None) -> None:
    """Say what a model version was made from: code, data, parameters, environment; and what came of it."""
    from siglum.lineage.describe import describe_version
    from siglum.lineage.trace import read_version

    with closing(_open(tracking_uri)) as stores:
        record = read_version(stores, _project(), _checked(reference))
    console.result(record)
    _print(console, describe_version(record))


def diff_models(console: Console, references: Sequence[str], tracking_uri: str | None) -> None:
    """Compare two model versions: code, data, parameters, metrics, environment and the model itself."""
    from siglum.lineage.describe import describe_diff
    from siglum.lineage.diff import diff_versions

    if len(references) != 2:
        raise UsageError(
            f"'siglum diff' compares two model versions; {len(references)} given.",
            hint="Use siglum diff NAME@VERSION NAME@VERSION, as in siglum diff churn@1 churn@champion.",
        )
    old, new = (_checked(reference) for reference in references)
    with closing(_open(tracking_uri)) as stores:
        found = diff_versions(stores, _project(), old, new)
    console.result(found)
    console.say(f"{found.old} → {found.new}")
    _print(console, describe_diff(found))


@command("reproduce")
@click.argument("reference", metavar="NAME@VERSION")
@click.option(
    "--env",
    "environment",
    type=click.Choice(["auto", "current", "rebuild"]),
    default="auto",
    show_default=True,
    help="Run with this Python, with one rebuilt from the record, or with whichever is right.",
)
@click.option("--keep", is_flag=True, help="Leave the scratch checkout in place and say where it is.")
@click.option("--dry-run", is_flag=True, help="Print what would be done, and do nothing.")
@tracking_option
def reproduce(
    console: Console, reference: str, environment: str, keep: bool, dry_run: bool, tracking_uri: str | None
) -> int:
    """Rebuild a model version in a scratch checkout and compare it with the record. Exits with 1 when it differs.

    Nothing in the workspace, the cache, the registry or the tracking store changes.
    """
    from siglum.lineage.environment import capture_environment
    from siglum.lineage.interpreter import EnvironmentMode
    from siglum.lineage.reproduce import plan_reproduce
    from siglum.lineage.reproduce import reproduce as carry_out

    project = _project()
    running = capture_environment(os.environ)
    with closing(_open(tracking_uri)) as stores:
        plan = plan_reproduce(stores, project, _checked(reference), running, EnvironmentMode(environment))
        if dry_run:
            console.result(plan)
            _print_plan(console, plan)
            return 0
        assert project is not None  # plan_reproduce refuses to go on without one
        console.say(f"Rebuilding {plan.version}")
        verdict, folder = carry_out(
            plan, stores, project, _data_sources(), _open_source,
            scratch_parent=_scratch_parent(), keep=keep, report=lambda line: console.say(f"  {line}"),
        )  # fmt: skip
    console.result({"verdict": verdict, "scratch": folder})
    _print_verdict(console, verdict)
    if folder is not None:
        console.say(f"The checkout is in {folder}; remove it with 'git worktree remove --force {folder}/tree'.")
    return 0 if verdict.equal else DIFFERENT


def _checked(reference: str) -> str:
    from siglum.lineage.resolve import ACCEPTED, parse_reference

    if parse_reference(reference) is None:
        raise UsageError(f"{reference!r} does not name a model version.", hint=ACCEPTED)
    return reference


def _print(console: Console, sections: list[Section]) -> None:
    from siglum.lineage.describe import layout

    for heading, rest in layout(sections):
        console.say(f"{console.style(heading, 'bold')}  {rest}".rstrip() if heading.strip() else rest)


def _print_plan(console: Console, plan: ReproducePlan) -> None:
    console.say(f"{plan.version} would be rebuilt from")
    console.say(
        f"  code         commit {plan.commit}{' and the recorded uncommitted change' if plan.uncommitted else ''}"
    )
    for placement in plan.data:
        console.say(f"  data         {placement.path} {placement.hash}")
    console.say(f"  environment  {plan.environment.reason}")
    for change in plan.environment.differences:
        console.say(f"               {change.name}: on record {change.old or 'none'}, here {change.new or 'none'}")
    console.say(f"  run          {f'siglum repro --force {plan.stage}' if plan.stage else ' '.join(plan.command)}")
    console.say(f"  and held to  {plan.expected_content or 'its metrics: no content hash is on record'}")


def _print_verdict(console: Console, verdict: Verdict) -> None:
    from siglum.lineage.describe import describe_verdict

    _print(console, describe_verdict(verdict))
    colour = "green" if verdict.equal else "yellow"
    outcome = "reproduced" if verdict.equal else "NOT reproduced"
    level = f"level L{verdict.level.value}, {verdict.level.meaning}"
    console.say(console.style(f"{verdict.version} {outcome}: {level} ({verdict.seconds:.1f} s)", colour))


def _open(tracking_uri: str | None) -> Stores:
    from siglum.client.stores import open_stores

    return open_stores(tracking_uri, create=False)


@contextlib.contextmanager
def _open_source(uri: str) -> Iterator[Stores]:
    from siglum.client.stores import open_stores

    with closing(open_stores(uri)) as stores:  # a rebuild that logged nothing has not made its store
        yield stores


def _repository() -> Repository | None:
    from siglum.core.errors import NotFoundError
    from siglum.workspace.repository import Repository

    try:
        return Repository.open()
    except NotFoundError:
        return None


def _project() -> Project | None:
    """Return the Git history around the current folder, None outside any."""
    from siglum.lineage.project import project_root
    from siglum.lineage.trace import Project
    from siglum.workspace.git import Git

    root = project_root(os.getcwd())
    git = Git.find(root)
    return None if git is None else Project(root, git, _manifest_reader(_repository()))


def _manifest_reader(repository: Repository | None) -> Callable[[str], Mapping[str, str] | None]:
    from siglum.core.errors import SiglumError

    def read(oid: str) -> Mapping[str, str] | None:
        if repository is None:
            return None
        try:
            return {entry.relpath: entry.oid for entry in repository.cache.read_manifest(oid).entries}
        except SiglumError:  # not in the cache, or damaged: the place of single files in it is then unknown
            return None

    return read


def _data_sources() -> DataSources:
    from siglum.lineage.placing import DataSources

    repository = _repository()
    if repository is None:
        return DataSources("")
    return DataSources(repository.cache_dir, tuple(_remotes(repository)))


def _scratch_parent() -> str | None:
    """Return a folder on the cache's file system that Git ignores; None for the system's temporary folder."""
    repository = _repository()
    if repository is None:
        return None
    folder = os.path.join(repository.tmp_dir, "siglum")
    os.makedirs(folder, exist_ok=True)
    return folder


def _remotes(repository: Repository) -> Iterator[Remote]:
    """Yield the project's remotes that this version can reach, the default one first."""
    from siglum.core.errors import NotSupportedError
    from siglum.storage.remotes import open_remote

    default = repository.config.get("core.remote")
    for name, options in sorted(repository.config.remotes().items(), key=lambda item: item[0] != default):
        with contextlib.suppress(NotSupportedError):  # data may still be in the cache, or on another
            yield open_remote(name, options["url"], options)
