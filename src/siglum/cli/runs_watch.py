"""`siglum runs watch`: a run while it goes on."""

from __future__ import annotations

import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

import click

from siglum.cli.command import command, tracking_option
from siglum.cli.console import Console
from siglum.cli.run_lookup import full_id, history, open_stores
from siglum.cli.sparkline import sparkline
from siglum.cli.tables import table_lines
from siglum.core.errors import SiglumError, UnavailableError
from siglum.core.text import timestamp

if TYPE_CHECKING:
    from siglum.client.stores import Stores
    from siglum.tracking.entities import Metric, Run

_SPARK = 40
_UP = "\033[{lines}A\033[J"


@command("watch")
@click.argument("run_id")
@click.option(
    "--interval",
    metavar="SECONDS",
    type=click.FloatRange(0.1),
    default=2.0,
    show_default=True,
    help="How often to look.",
)
@tracking_option
def watch_run(console: Console, run_id: str, interval: float, tracking_uri: str | None) -> None:
    """Show a run's metrics as they come, until it ends. Ctrl-C ends the watching, not the run.

    On a terminal the picture is drawn anew each time; elsewhere, and under --json, a change is a new line. A server
    that does not answer is asked again.
    """
    with closing(open_stores(tracking_uri)) as stores:
        found = full_id(stores, run_id)
        view = _View(console)
        while True:
            try:
                run = stores.tracking.get_run(found)
                view.show(run, _series(stores, run))
            except UnavailableError as error:
                view.trouble(error)
            else:
                if run.info.status.is_final:
                    return
            time.sleep(interval)


def _series(stores: Stores, run: Run) -> dict[str, list[Metric]]:
    return {key: history(stores, run.info.run_id, key) for key in sorted(run.data.metrics)}


class _View:
    """What was shown last: on a terminal it is drawn over."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = console.room is not None and not (console.json or console.quiet)
        self._lines = 0
        self._last: Any = None

    def show(self, run: Run, series: dict[str, list[Metric]]) -> None:
        """Show the state of a run, unless it is what is shown already."""
        now = {key: (len(points), points[-1].step, points[-1].value) for key, points in series.items() if points}
        state = (str(run.info.status), repr(now))
        if state == self._last:
            return
        self._last = state
        self._console.result(
            {"run_id": run.info.run_id, "status": run.info.status,
             "metrics": {key: {"points": n, "step": step, "value": value} for key, (n, step, value) in now.items()}}
        )  # fmt: skip
        if self._live:
            self._draw(_picture(run, series))
        else:
            self._console.say(_line(run, now))

    def trouble(self, error: SiglumError) -> None:
        """Say once that the server does not answer."""
        if self._last != error.message:
            self._last = error.message
            self._console.notice(f"{error.message} Trying again.")
            self._lines = 0

    def _draw(self, rows: list[list[str]]) -> None:
        lines = table_lines(rows, self._console.room)
        self._console.say((_UP.format(lines=self._lines) if self._lines else "") + "\n".join(lines))
        self._lines = len(lines)


def _picture(run: Run, series: dict[str, list[Metric]]) -> list[list[str]]:
    rows = [[f"{run.info.run_name} {run.info.run_id[:12]}", str(run.info.status), timestamp(run.info.start_time), ""]]
    for key, points in series.items():
        if points:
            drawn = sparkline([point.value for point in points], _SPARK)
            rows.append([f"  {key}", f"{points[-1].value:.6g}", f"step {points[-1].step}", drawn])
    return rows


def _line(run: Run, now: dict[str, tuple[int, int, float]]) -> str:
    values = ", ".join(f"{key} {value:.6g} at step {step}" for key, (_, step, value) in now.items())
    return f"{run.info.run_id[:12]} {run.info.status}" + (f": {values}" if values else "")
