"""What a command prints with: results as text or JSON on standard output, everything else on standard error."""

from __future__ import annotations

import math
import os
import shutil
import sys
from collections.abc import Sequence
from operator import is_
from typing import Any, TextIO

import msgspec

from siglum.cli.tables import table_lines
from siglum.core.errors import SiglumError

_PLAIN = frozenset({str, int, bool, type(None)})


def finite(value: Any) -> Any:
    """Replace NaN and infinities by their names, which JSON has no numbers for; an encoder would make them null.

    What holds none is returned as it is, not as a copy: results may be large.
    """
    if isinstance(value, float):
        return (
            value if math.isfinite(value) else "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
        )
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, dict):
        if _PLAIN.issuperset(map(type, value.values())):
            return value
        changed = {key: made for key, each in value.items() if (made := finite(each)) is not each}
        return {**value, **changed} if changed else value
    if isinstance(value, list | tuple):
        if _PLAIN.issuperset(map(type, value)):
            return value
        listed = [finite(each) for each in value]
        return value if all(map(is_, listed, value)) else listed
    return finite(msgspec.to_builtins(value))


_STYLES = {
    "bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "blue": "34", "magenta": "35", "cyan": "36",
}  # fmt: skip


class Console:
    """Where a command's words go.

    A command calls `say` for what happened and `result` once with its outcome as a value; under `--json` only the
    value is printed, as one line, and under `--quiet` nothing is. Errors and warnings always reach standard error.
    """

    def __init__(self, *, json: bool = False, quiet: bool = False, out: TextIO | None = None) -> None:
        self.json = json
        self.quiet = quiet
        self._out = out if out is not None else sys.stdout

    @property
    def interactive(self) -> bool:
        """Whether a person watches: progress bars make sense."""
        return not (self.json or self.quiet) and sys.stderr.isatty()

    @property
    def room(self) -> int | None:
        """How many columns a line may have: those of the terminal. None elsewhere, where nothing is ever cut."""
        return shutil.get_terminal_size().columns if self._out.isatty() else None

    def say(self, text: str = "") -> None:
        """Print a line for a person; nothing under `--json` or `--quiet`."""
        if not (self.json or self.quiet):
            print(text, file=self._out, flush=True)

    def result(self, value: Any) -> None:
        """Print the outcome as one line of JSON under `--json`; nothing otherwise."""
        if self.json:
            print(msgspec.json.encode(finite(value)).decode(), file=self._out, flush=True)

    def table(self, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Print rows in aligned columns under a header; nothing under `--json` or `--quiet`.

        On a terminal that is too narrow the widest cells are cut, with an ellipsis, what names a row last; elsewhere
        nothing ever is. What a terminal would act on is spelled out: cells hold what anybody has logged.
        """
        cells = [[one_line(cell) for cell in row] for row in rows]
        for i, line in enumerate(table_lines([header, *cells], self.room)):
            self.say(self.style(line, "bold") if i == 0 else line)

    def warn(self, text: str) -> None:
        """Print a warning on standard error."""
        print(f"{self.style('warning:', 'yellow', sys.stderr)} {one_line(text)}", file=sys.stderr)  # noqa: T201

    def notice(self, text: str) -> None:
        """Print what explains a delay, on standard error; nothing under `--json`, where that is for errors."""
        if not self.json:
            print(text, file=sys.stderr, flush=True)  # noqa: T201

    def error(self, error: SiglumError) -> None:
        """Print an error as one line on standard error: text, or under `--json` the one JSON error shape."""
        if self.json:
            body = {"error": {"code": error.code, "message": error.message, "hint": error.hint}}
            print(msgspec.json.encode(body).decode(), file=sys.stderr)  # noqa: T201
        else:
            print(f"{self.style('error:', 'red', sys.stderr)} {one_line(str(error))}", file=sys.stderr)  # noqa: T201

    def style(self, text: str, style: str, stream: TextIO | None = None) -> str:
        """Return `text` in a colour or weight where the stream is a terminal and NO_COLOR is not set."""
        if "NO_COLOR" in os.environ or not (stream or self._out).isatty():
            return text
        return f"\033[{_STYLES[style]}m{text}\033[0m"


def one_line(text: str) -> str:
    """Return text for a terminal: line breaks become blanks, and what a terminal would act on is spelled out."""
    if text.isprintable():
        return text
    parts = (c if c.isprintable() else " " if c == "\n" else c.encode("unicode_escape").decode() for c in text)
    return "".join(parts)
