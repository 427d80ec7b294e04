"""`siglum runs plot`: the series of runs as line charts in the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import TYPE_CHECKING

import click

from siglum.cli.chart_lines import chart_width, say_chart
from siglum.cli.command import command, tracking_option
from siglum.cli.console import Console
from siglum.cli.run_lookup import full_id, history, open_stores
from siglum.core.errors import NotFoundError
from siglum.core.text import count, did_you_mean

if TYPE_CHECKING:
    from siglum.client.stores import Stores
    from siglum.pipeline.results.plots.chart import Chart
    from siglum.tracking.entities import Metric, Run

_POINTS = 2_000
"""Points of a line that are drawn at most."""


@command("plot")
@click.argument("run_ids", metavar="RUN_ID...", nargs=-1, required=True)
@click.option("--metric", "keys", metavar="KEY", multiple=True, help="Only this metric. May be given several times.")
@click.option(
    "--x",
    "x_axis",
    type=click.Choice(["step", "time"]),
    default="step",
    show_default=True,
    help="Over steps, or over seconds since the run began.",
)
@tracking_option
def plot_runs(
    console: Console, run_ids: tuple[str, ...], keys: tuple[str, ...], x_axis: str, tracking_uri: str | None
) -> None:
    """Draw the metrics of runs as lines, those of several runs in one chart for each metric.

    A metric with a single point in every run is no line: it is listed below. A word after a run that is a metric of it,
    and no run, stands for that metric.
    """
    with closing(open_stores(tracking_uri)) as stores:
        runs, named = _runs_and_metrics(stores, run_ids)
        keys = (*keys, *named)
        known = sorted({key for run in runs for key in run.data.metrics})
        for key in keys:
            if key not in known:
                there = f"There is: {', '.join(known[:8])}." if known else "They logged no metrics."
                raise NotFoundError(f"No run has a metric {key!r}.", hint=did_you_mean(key, known) or there)
        series = {
            key: {run.info.run_id: history(stores, run.info.run_id, key) for run in runs if key in run.data.metrics}
            for key in keys or known
        }
    console.result(
        {key: {run_id: [_as_dict(point) for point in points] for run_id, points in each.items()}
         for key, each in series.items()}
    )  # fmt: skip
    lines = {key: each for key, each in series.items() if keys or any(len(points) > 1 for points in each.values())}
    for number, (key, each) in enumerate(lines.items()):
        if number:
            console.say()
        say_chart(console, _chart(key, runs, each, x_axis), chart_width())
    single = [key for key in series if key not in lines]
    if not series:
        console.say("The runs logged no metrics.")
    elif single:
        console.say()
        console.say(f"{count(len(single), 'metric')} with one point: {', '.join(single)}")


def _runs_and_metrics(stores: Stores, words: Sequence[str]) -> tuple[list[Run], list[str]]:
    """Return the runs that words name, and the metrics. Raises NotFoundError for what is neither."""
    runs: list[Run] = []
    metrics = []
    for word in dict.fromkeys(words):
        try:
            runs.append(stores.tracking.get_run(full_id(stores, word)))
        except NotFoundError as missing:
            known = sorted({key for run in runs for key in run.data.metrics})
            if word not in known:
                near = did_you_mean(word, known)
                raise NotFoundError(
                    missing.message, hint=f"If it is a metric: {near}" if near else missing.hint
                ) from None
            metrics.append(word)
    return runs, metrics


def _chart(key: str, runs: Sequence[Run], series: Mapping[str, Sequence[Metric]], x_axis: str) -> Chart:
    from siglum.pipeline.results.plots.chart import Chart, ChartKind, Series
    from siglum.pipeline.results.plots.thinning import thinned

    drawn = []
    for number, run in enumerate(runs):
        points = series.get(run.info.run_id, ())
        began = run.info.start_time
        xs = [(each.timestamp - began) / 1000 if x_axis == "time" else float(each.step) for each in points]
        line = tuple(thinned(xs, [each.value for each in points], _POINTS))
        if line:
            drawn.append(Series(f"{run.info.run_name} {run.info.run_id[:8]}", number, 0, line))
    names = tuple(each.name for each in drawn)
    label = "seconds" if x_axis == "time" else "step"
    return Chart(ChartKind.LINES, key, label, "", names, ("",), tuple(drawn))


def _as_dict(point: Metric) -> dict[str, float]:
    return {"step": point.step, "timestamp": point.timestamp, "value": point.value}
