"""`siglum stage`: put stages into a pipeline, and list those that are in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from siglum.cli.command import group
from siglum.cli.console import Console

if TYPE_CHECKING:
    from collections.abc import Sequence

    from siglum.pipeline.definition.schema import OutputKind
    from siglum.pipeline.definition.stage_entry import NewOutput
    from siglum.pipeline.definition.stages import Stage

_COMMAND_IS_THE_REST = {"allow_interspersed_args": False}


@group("stage")
def stage() -> None:
    """Put stages into a pipeline, and list those that are in it."""


@stage.command("add", context_settings=_COMMAND_IS_THE_REST)
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
@click.option("-n", "--name", required=True, help="What the stage is called.")
@click.option("-f", "--force", is_flag=True, help="Replace a stage of this name.")
@click.option("-d", "--deps", multiple=True, metavar="PATH", help="A file or folder that the command reads.")
@click.option("-p", "--params", multiple=True, metavar="[FILE:]KEYS", help="Parameters it reads: a,b or file.yaml:a,b")
@click.option("-o", "--outs", multiple=True, metavar="PATH", help="A file or folder that it writes.")
@click.option("-O", "--outs-no-cache", multiple=True, metavar="PATH", help="The same, left to Git.")
@click.option("--outs-persist", multiple=True, metavar="PATH", help="The same, not removed before the command runs.")
@click.option("--outs-persist-no-cache", multiple=True, metavar="PATH", help="Not removed, and left to Git.")
@click.option("-m", "--metrics", multiple=True, metavar="PATH", help="A metrics file that it writes.")
@click.option("-M", "--metrics-no-cache", multiple=True, metavar="PATH", help="The same, left to Git.")
@click.option("--plots", multiple=True, metavar="PATH", help="A file to plot that it writes.")
@click.option("--plots-no-cache", multiple=True, metavar="PATH", help="The same, left to Git.")
@click.option("-w", "--wdir", metavar="PATH", help="The folder to run in; other paths are relative to it.")
@click.option("--always-changed", is_flag=True, help="Run it every time, whether something changed or not.")
@click.option("--desc", metavar="TEXT", help="What it does, in words.")
@click.option("--run", "run_it", is_flag=True, help="Run it at once.")
def add(
    console: Console,
    command: tuple[str, ...],
    name: str,
    force: bool,
    deps: tuple[str, ...],
    params: tuple[str, ...],
    outs: tuple[str, ...],
    outs_no_cache: tuple[str, ...],
    outs_persist: tuple[str, ...],
    outs_persist_no_cache: tuple[str, ...],
    metrics: tuple[str, ...],
    metrics_no_cache: tuple[str, ...],
    plots: tuple[str, ...],
    plots_no_cache: tuple[str, ...],
    wdir: str | None,
    always_changed: bool,
    desc: str | None,
    run_it: bool,
) -> None:
    """Write a stage that runs COMMAND into the dvc.yaml of this folder.

    All words behind the options are the command. Nothing is written if the pipeline could not be with it.
    """
    from siglum.cli.git_hint import say_git_hint
    from siglum.pipeline.definition.schema import OutputKind
    from siglum.pipeline.definition.stage_entry import NewStage, command_text
    from siglum.pipeline.editing.stage_add import add_stage
    from siglum.workspace.repository import Repository

    new = NewStage(
        name,
        command_text(command) if command else "",
        deps,
        params,
        (
            *_outputs(OutputKind.OUTS, outs, outs_no_cache),
            *_outputs(OutputKind.OUTS, outs_persist, outs_persist_no_cache, persist=True),
            *_outputs(OutputKind.METRICS, metrics, metrics_no_cache),
            *_outputs(OutputKind.PLOTS, plots, plots_no_cache),
        ),
        wdir,
        always_changed,
        desc,
    )
    repo = Repository.open()
    with repo.lock():
        done = add_stage(repo, new, force=force)
    files = [repo.shown(key) for key in done.git_files]
    console.say(f"{'Replaced' if done.replaced else 'Added'} the stage '{name}' in {repo.shown(done.file)}.")
    say_git_hint(console, repo, files)
    if run_it:
        _run(console, name)
        return
    console.result(
        {"stage": done.address, "file": repo.shown(done.file), "replaced": done.replaced, "git_files": files}
    )


def _run(console: Console, name: str) -> None:
    """Run the stage alone, as `siglum repro -s` does: what is printed from here on is its own, JSON included."""
    from siglum.cli.pipeline import repro

    said = [option for option, given in (("--json", console.json), ("--quiet", console.quiet)) if given]
    repro.main(["--single-item", *said, "--", name], prog_name="siglum repro", standalone_mode=False)


def _outputs(
    kind: OutputKind, cached: Sequence[str], uncached: Sequence[str], *, persist: bool = False
) -> list[NewOutput]:
    from siglum.pipeline.definition.stage_entry import NewOutput

    return [
        *(NewOutput(path, kind, persist=persist) for path in cached),
        *(NewOutput(path, kind, cache=False, persist=persist) for path in uncached),
    ]


@stage.command("list")
@click.argument("targets", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="List the stages of all folders.")
@click.option("-R", "--recursive", is_flag=True, help="Let a folder stand for all stages below it.")
@click.option("--name-only", "--names-only", is_flag=True, help="Print the names only.")
@click.option("--fail", "strict", is_flag=True, help="Fail on the first file that cannot be read.")
def list_stages(
    console: Console, targets: tuple[str, ...], everything: bool, recursive: bool, name_only: bool, strict: bool
) -> None:
    """List stages: those of the dvc.yaml here, or of TARGETS (stages, dvc.yaml and .dvc files; with -R folders)."""
    from siglum.cli.tables import plain_table
    from siglum.pipeline.definition.stage_words import stage_line
    from siglum.pipeline.editing.stage_list import list_stages as find
    from siglum.pipeline.inventory.selection import folder_of
    from siglum.pipeline.status.status import shown_address
    from siglum.workspace.repository import Repository

    repo = Repository.open()
    found = find(repo, targets, everything=everything, recursive=recursive, strict=strict)
    folder = folder_of(repo)
    names = [shown_address(each, folder) for each in found.stages]
    console.result(names if name_only else [_value(n, each) for n, each in zip(names, found.stages, strict=True)])
    rows = [[n] if name_only else [n, stage_line(each)] for n, each in zip(names, found.stages, strict=True)]
    for line in plain_table(rows) if rows else ():
        console.say(line)
    for problem in found.problems:
        console.warn(str(problem))


def _value(name: str, stage: Stage) -> dict[str, Any]:
    """Return a stage as programs read it; paths are as written, relative to its working folder."""
    from siglum.pipeline.definition.schema import OutputKind
    from siglum.pipeline.definition.stage_words import stage_line

    return {
        "name": name,
        "summary": stage_line(stage),
        "cmd": stage.command,
        "wdir": stage.wdir or ".",
        "deps": [dep.path for dep in stage.deps],
        "params": [{dep.path: list(dep.names)} for dep in stage.params],
        **{str(kind): [out.path for out in stage.outs if out.kind is kind] for kind in OutputKind},
        "frozen": stage.frozen,
        "always_changed": stage.always_changed,
        "desc": stage.desc,
        "meta": stage.meta,
    }
