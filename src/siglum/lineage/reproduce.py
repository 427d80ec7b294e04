"""Rebuild a model version from what is on record, in a scratch checkout, and compare: first a plan, then its execution.

Nothing of the user's changes: not the workspace, index, branches, cache, registry or tracking store.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TypeAlias

import msgspec

from siglum.core.errors import ConflictError, IntegrityError, NotFoundError, StageFailedError
from siglum.core.secrets import MARK
from siglum.lineage.capture import DIFF_FILE
from siglum.lineage.environment import RECORDED_VARIABLES, Environment
from siglum.lineage.interpreter import EnvironmentMode, EnvironmentPlan, build_environment, plan_environment
from siglum.lineage.isolation import ISOLATION_VARIABLE
from siglum.lineage.placing import DataSources, Placement, check_outside, fetch, place, recorded_sources
from siglum.lineage.rebuilt import compare_outputs, find_rebuilt, prepare_repository, tracked_sources
from siglum.lineage.record import CodeRecord, RunRecord, VersionRecord
from siglum.lineage.scratch import Scratch, apply_patch, scratch_checkout
from siglum.lineage.trace import Project, RecordSource, read_artifact, read_version
from siglum.lineage.verdict import Verdict, judge
from siglum.storage.objects import ObjectStore

Report: TypeAlias = Callable[[str], None]
"""Called with one line for each step as it begins."""

OpenStores: TypeAlias = Callable[[str], AbstractContextManager[RecordSource]]
"""Opens the stores of a tracking URI, for the time of a `with` block."""

# What would tie the rebuilt run to the run, pipeline or store that this process belongs to.
_NOT_INHERITED = ("DVC_ROOT", "DVC_STAGE", "GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "PYTHONPATH")
_FOREIGN_PREFIXES = ("SIGLUM_", "MLFLOW_")
_LAST_LINES = 3


class ReproducePlan(msgspec.Struct, frozen=True, kw_only=True):
    """What a reproduction will do. `stage` is None for a script, which is run by its recorded `command`."""

    version: str
    commit: str
    uncommitted: str | None
    stage: str | None
    command: tuple[str, ...]
    data: tuple[Placement, ...]
    environment: EnvironmentPlan
    variables: dict[str, str]
    expected_content: str | None
    record: VersionRecord


def plan_reproduce(
    source: RecordSource,
    project: Project | None,
    reference: str,
    running: Environment,
    mode: EnvironmentMode = EnvironmentMode.AUTO,
) -> ReproducePlan:
    """Return what is needed to rebuild a version, or say why it cannot be rebuilt.

    Args:
        source: Where the version is on record.
        project: The clone to rebuild it from.
        reference: The version's name.
        running: The environment of this process.
        mode: Which environment to run with.

    Raises:
        NotFoundError: A piece is missing: the recipe, the commit, the uncommitted change, a file outside the project.
        ConflictError: The recorded command cannot be run again, or a file outside the project has changed.
    """
    record = read_version(source, project, reference)
    code, run = _required(record, project)
    check_outside(record)
    return ReproducePlan(
        version=record.siglum,
        commit=code.commit,
        uncommitted=code.diff_sha256,
        stage=run.stage,
        command=run.command,
        data=recorded_sources(record),
        environment=plan_environment(record.environment, running, mode),
        variables=_variables(record),
        expected_content=record.model.content_hash,
        record=record,
    )


def reproduce(
    plan: ReproducePlan,
    source: RecordSource,
    project: Project,
    data: DataSources,
    open_stores: OpenStores,
    *,
    scratch_parent: str | None = None,
    keep: bool = False,
    report: Report = lambda _: None,
) -> tuple[Verdict, str | None]:
    """Carry out a plan; return the verdict and, with `keep`, the scratch folder.

    Raises:
        NotFoundError: Data is in no cache or on no remote, or the run that was to be rebuilt left no trace.
        IntegrityError: The recorded uncommitted change is not the one on record.
        StageFailedError: The recorded code failed.
    """
    begun = time.monotonic()
    patch = _read_patch(plan, source)
    with scratch_checkout(project.git, project.below, plan.commit, scratch_parent, keep=keep) as scratch:
        report(f"code         commit {plan.commit[:10]} checked out")
        if patch is not None and plan.uncommitted is not None:
            apply_patch(scratch, patch, plan.uncommitted)
            report(f"             uncommitted change applied (sha256:{plan.uncommitted[:10]}…)")
        _bring_data(plan, scratch, data, report)
        python = sys.executable
        report(f"environment  {plan.environment.reason}")
        if plan.environment.rebuild:
            python = build_environment(plan.environment, scratch.environment)
        report(f"run          {f'siglum repro --force {plan.stage}' if plan.stage else ' '.join(plan.command)}")
        _run(plan, scratch, python)
        with open_stores(scratch.tracking_uri) as rebuilt_source:
            rebuilt = find_rebuilt(rebuilt_source, plan.record)
        outputs = compare_outputs(project, scratch, plan.commit, plan.stage) if plan.stage else ()
        verdict = judge(plan.record, rebuilt, outputs, time.monotonic() - begun)
        return verdict, scratch.folder if keep else None


def _required(record: VersionRecord, project: Project | None) -> tuple[CodeRecord, RunRecord]:
    name = record.siglum
    if record.recipe_digest is None or record.run is None:
        raise NotFoundError(
            f"{name} cannot be rebuilt: no recipe is on record. A plain MLflow client logged it, or its run is gone.",
            hint=f"Log models with 'import siglum' to have them on record; 'siglum trace {name}' shows what is known.",
        )
    if record.code is None:
        raise NotFoundError(
            f"{name} cannot be rebuilt: its code was not under version control, so no commit is on record.",
            hint="Train in a Git repository with at least one commit.",
        )
    where = record.code.remote or "the repository it was made in"
    if project is None:
        raise NotFoundError(
            f"{name} was made from a Git repository, and there is none here.", hint=f"Run this in a clone of {where}."
        )
    if record.code.known_here is False:
        raise NotFoundError(
            f"{name} was made from commit {record.code.commit}, which is not in this clone.",
            hint=f"Run 'git fetch --all --tags', or use a full clone of {where}.",
        )
    if record.code.dirty and not record.code.kept:
        raise NotFoundError(
            f"{name} was made with uncommitted changes that were not kept (only their SHA-256 is on record).",
            hint="They were too long, or the run's files are gone. Commit before you train, to be able to rebuild.",
        )
    if not record.run.stage:
        _check_command(name, record.run.command)
    return record.code, record.run


def _check_command(name: str, command: Sequence[str]) -> None:
    reason = None
    if not command:
        reason = "the command that made it is not on record"
    elif any("ipykernel" in argument for argument in command):
        reason = "it was made in a notebook; the cells that it ran are among the run's files, in siglum/notebook.py"
    elif any(argument.startswith("sha256:") for argument in command):
        reason = "its command had an argument too long to be recorded"
    elif any(MARK in argument for argument in command):
        reason = "its command had a secret in it, which was masked"
    elif command[0] == "python" and (len(command) == 1 or command[1] == "-"):
        reason = "it was made in an interactive session or from standard input, which is not on record"
    if reason is not None:
        raise ConflictError(
            f"{name} cannot be rebuilt: {reason}.",
            hint="Train with a script or a pipeline stage to be able to rebuild.",
        )


def _variables(record: VersionRecord) -> dict[str, str]:
    detail = record.environment.detail if record.environment else None
    variables = dict(detail.variables) if detail else {}
    if "PYTHONHASHSEED" in record.seeds:
        variables["PYTHONHASHSEED"] = record.seeds["PYTHONHASHSEED"]
    # Only what Siglum records may be set: the record comes from a store that others write to.
    return {name: value for name, value in variables.items() if name in RECORDED_VARIABLES}


def _read_patch(plan: ReproducePlan, source: RecordSource) -> bytes | None:
    if plan.uncommitted is None or plan.record.run is None:
        return None
    patch = read_artifact(source, plan.record.run.artifact_uri, DIFF_FILE)
    if patch is None:
        raise IntegrityError(f"{DIFF_FILE} has vanished from the files of run {plan.record.run.run_id}.")
    return patch


def _bring_data(plan: ReproducePlan, scratch: Scratch, data: DataSources, report: Report) -> None:
    cache = ObjectStore(os.path.join(scratch.cache, "files", "md5"))
    prepare_repository(scratch)
    wanted = tracked_sources(scratch, plan.stage, plan.data)
    fetch(plan.version, wanted, data, cache)
    place(scratch, wanted, cache)
    for placement in wanted:
        report(f"data         {placement.path} {placement.hash}")


def _run(plan: ReproducePlan, scratch: Scratch, python: str) -> None:
    if plan.stage:
        command = [sys.executable, "-m", "siglum.cli", "repro", "--force", plan.stage]
    else:
        command = [python if plan.command[0] == "python" else plan.command[0], *plan.command[1:]]
    log = os.path.join(scratch.folder, "output.txt")
    with open(log, "wb") as output:
        done = subprocess.run(
            command,
            cwd=scratch.root,
            env=run_environment(os.environ, plan.variables, scratch, python),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if done.returncode != 0:
        raise StageFailedError(
            f"The recorded {'stage' if plan.stage else 'command'} failed in the scratch checkout: {_last_words(log)}",
            hint="Use --keep to look into the checkout and at output.txt.",
        )


def run_environment(
    environ: Mapping[str, str], variables: Mapping[str, str], scratch: Scratch, python: str
) -> dict[str, str]:
    """Return the environment of the rebuilt run: the recorded variables, and its store, cache and Python."""
    kept = {
        name: value
        for name, value in environ.items()
        if name not in _NOT_INHERITED and name not in RECORDED_VARIABLES and not name.startswith(_FOREIGN_PREFIXES)
    }
    programs = os.path.dirname(python)
    kept["PATH"] = os.pathsep.join(filter(None, [programs, environ.get("PATH", os.defpath)]))
    kept[ISOLATION_VARIABLE] = kept["SIGLUM_TRACKING_URI"] = kept["MLFLOW_TRACKING_URI"] = scratch.tracking_uri
    if python != sys.executable:
        kept["VIRTUAL_ENV"] = os.path.dirname(programs)
    return kept | dict(variables)


def _last_words(log: str) -> str:
    with open(log, encoding="utf-8", errors="replace") as file:
        lines = [line.strip() for line in file if line.strip()]
    return " | ".join(lines[-_LAST_LINES:]) or "it printed nothing."
