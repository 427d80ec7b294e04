"""`siglum runs compare`: runs side by side, and what differs between them."""

from __future__ import annotations

import csv
import io
from contextlib import closing

import click

from siglum.cli.command import command, tracking_option
from siglum.cli.console import Console
from siglum.cli.run_lookup import full_id, open_stores
from siglum.core.errors import UsageError
from siglum.core.text import count


@command("compare")
@click.argument("run_ids", metavar="RUN_ID RUN_ID...", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Also what is the same in all of them.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV.")
@tracking_option
def compare_runs(
    console: Console, run_ids: tuple[str, ...], everything: bool, as_csv: bool, tracking_uri: str | None
) -> None:
    """Show runs side by side: the parameters, metrics, inputs and tags in which they differ.

    Behind a metric stands by how much it is more or less than in the first run.
    """
    from siglum.client.run_comparison import RunComparison

    if len(run_ids) < 2:
        raise UsageError("A comparison takes at least two runs.", hint="See 'siglum runs list' for their ids.")
    with closing(open_stores(tracking_uri)) as stores:
        runs = [stores.tracking.get_run(full_id(stores, each)) for each in run_ids]
    compared = RunComparison(runs)
    rows = compared.rows
    shown = [row for row in rows if everything or row.differs]
    console.result({"runs": [run.info.run_id for run in runs], "rows": shown, "same": len(rows) - len(shown)})
    header = ["", *compared.header()]
    if as_csv:
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["section", "key", *(run.info.run_id for run in runs)])
        writer.writerows([row.section, row.key, *(value or "" for value in row.values)] for row in shown)
        console.say(text.getvalue().rstrip("\n"))
        return
    cells = []
    section = ""
    for row in shown:
        if row.section != section:
            cells.append([row.section, *("" for _ in runs)])
            section = row.section
        cells.append([f"  {row.key}", *row.cells()])
    console.table(header, cells)
    if not everything and len(rows) > len(shown):
        console.say(f"{count(len(rows) - len(shown), 'more value')} are the same in all: see them with --all.")
