"""Charts in the terminal: as wide as it is, in colours where it has them, in plain characters where it must be."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from siglum.cli.console import Console
    from siglum.pipeline.results.plots.canvas import Spans
    from siglum.pipeline.results.plots.chart import Chart

_COLOURS = ("cyan", "yellow", "green", "magenta", "red", "blue")
_LEAST_WIDTH, _MOST_WIDTH = 40, 100


def chart_width() -> int:
    """Return how wide charts are."""
    return min(_MOST_WIDTH, max(_LEAST_WIDTH, shutil.get_terminal_size().columns - 1))


def say_chart(console: Console, chart: Chart, width: int) -> None:
    """Print a chart."""
    from siglum.pipeline.results.plots.terminal import lines_of_chart

    for line in lines_of_chart(chart, width, fine=can_print("⣿●┤")):
        console.say(_styled(console, line))


def can_print(characters: str) -> bool:
    """Whether standard output takes these characters."""
    try:
        characters.encode(sys.stdout.encoding or "utf-8")  # none: a stream in memory, which holds any text
    except UnicodeEncodeError:
        return False
    return True


def _styled(console: Console, line: Spans) -> str:
    parts = []
    for span in line:
        text = span.text
        if span.strong:
            text = console.style(text, "bold")
        elif span.colour is not None:
            text = console.style(text, _COLOURS[span.colour % len(_COLOURS)])
        parts.append(text)
    return "".join(parts)
