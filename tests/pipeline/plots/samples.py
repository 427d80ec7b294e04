"""Plots to draw, made from text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from siglum.pipeline.results.plots.definitions import Look, PlotDefinition
from siglum.pipeline.results.plots.fields import PlotData, lines_of, plot_data
from siglum.pipeline.results.plots.rows import parse_table


def sample(
    *states: Mapping[str, str], y: Sequence[str] = (), x: str | None = None, look: Look | None = None, name: str = "p"
) -> PlotData:
    """Return a plot of files of CSV, at as many revisions as there are states: v0, v1, …"""
    files = dict.fromkeys(states[0], tuple(y))
    definition = PlotDefinition(name, "", files, {"": x} if x else {}, look or Look(), is_composed=len(files) > 1)
    lines = [
        line
        for i, state in enumerate(states)
        for line in lines_of(
            definition, f"v{i}", {path: parse_table(text.encode(), path) for path, text in state.items()}
        )
    ]
    return plot_data(name, definition, lines)


def csv(*columns: str, rows: Sequence[Sequence[object]]) -> dict[str, str]:
    """Return one file of CSV."""
    return {"f.csv": "\n".join(",".join(map(str, row)) for row in [columns, *rows]) + "\n"}
