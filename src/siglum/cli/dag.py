"""`siglum dag`: which stage needs which, drawn."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING

import click

from siglum.cli.command import command
from siglum.cli.console import Console
from siglum.core.errors import UsageError

if TYPE_CHECKING:
    from siglum.pipeline.graph.dag import Dag
    from siglum.pipeline.graph.load import Pipeline
    from siglum.workspace.repository import Repository


@command("dag")
@click.argument("target", required=False)
@click.option("--dot", is_flag=True, help="Print the graph for Graphviz.")
@click.option("--mermaid", is_flag=True, help="Print it as a Mermaid flow chart.")
@click.option("--md", "markdown", is_flag=True, help="Print the flow chart as a block of Markdown.")
@click.option("--collapse-foreach-matrix", "collapse", is_flag=True, help="Draw one node for each foreach or matrix.")
@click.option("--full", is_flag=True, help="Draw all that has to do with TARGET, not only what it needs.")
@click.option("-o", "--outs", is_flag=True, help="Draw outputs instead of stages.")
def dag(
    console: Console,
    target: str | None,
    dot: bool,
    mermaid: bool,
    markdown: bool,
    collapse: bool,
    full: bool,
    outs: bool,
) -> None:
    """Draw which stage needs which: the whole graph, or what TARGET (a stage, a file or an output) needs.

    A line leads down from a stage to one that needs it; behind an arrow stands what it needs besides.
    """
    if outs and collapse:
        raise UsageError("--outs and --collapse-foreach-matrix exclude each other.")
    from siglum.pipeline.graph.dag import as_dot, as_markdown, as_mermaid
    from siglum.pipeline.graph.load import load_pipeline
    from siglum.workspace.repository import Repository

    repo = Repository.open()
    found = _graph(repo, load_pipeline(repo), target, full=full, outs=outs, collapse=collapse)
    console.result(
        {"nodes": found.nodes, "edges": [{"from": each, "to": to} for each in found.nodes for to in found.users[each]]}
    )
    if console.json:
        return
    if dot:
        console.say(as_dot(found))
    elif markdown:
        console.say(as_markdown(found))
    elif mermaid:
        console.say(as_mermaid(found))
    else:
        _say_drawing(console, found)


def _graph(repo: Repository, pipeline: Pipeline, target: str | None, *, full: bool, outs: bool, collapse: bool) -> Dag:
    from siglum.pipeline.graph.dag import output_dag, stage_dag
    from siglum.pipeline.graph.targets import find_stages
    from siglum.pipeline.inventory.selection import folder_of
    from siglum.pipeline.status.status import shown_address, shown_path

    folder = folder_of(repo)
    shown = {address: shown_address(stage, folder) for address, stage in pipeline.stages.items()}
    graph = pipeline.graph  # a pipeline that cannot be is refused whatever is drawn of it
    wanted = [] if target is None else [pipeline.stages[each] for each in find_stages(pipeline, [target], folder)]
    if outs:
        found = output_dag(pipeline.stages.values(), lambda key: shown_path(key, repo.root, folder))
        names = [shown_path(out.key, repo.root, folder) for stage in wanted for out in stage.outs]
    else:
        found = stage_dag(graph, shown)
        names = [shown[stage.address] for stage in wanted]
    if target is not None:
        found = found.within(found.connected(names) if full else found.upstream(names))
    if collapse:
        generated = {shown[address]: stage for address, stage in pipeline.stages.items() if "@" in stage.name}
        found = found.collapsed(lambda name: name.rpartition("@")[0] if name in generated else None)
    return found


def _say_drawing(console: Console, found: Dag) -> None:
    from siglum.pipeline.graph.dag_text import draw

    size = shutil.get_terminal_size()
    lines = draw(found, max(size.columns, 40))
    if not console.quiet and sys.stdout.isatty() and len(lines) >= size.lines:
        click.echo_via_pager("\n".join(lines) + "\n")
        return
    for line in lines or ["There are no stages here."]:
        console.say(line)
