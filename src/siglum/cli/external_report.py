"""What the commands say that get data from elsewhere: how far they are, and what was left out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from siglum.cli.console import Console


def warn_left_out(console: Console, left_out: Sequence[str]) -> None:
    """Name the data repositories inside a folder that did not come with it."""
    if left_out:
        console.warn(
            f"{', '.join(left_out)} was left out: a data repository inside another is reached by its own path."
        )


def progress_of(console: Console) -> Any:
    """Return what shows how far a transfer is, on a terminal only."""
    if not console.interactive:
        return None
    import sys

    from siglum.core.text import count, size

    def show(objects: int, transferred: int) -> None:
        sys.stderr.write(f"\r{count(objects, 'object')}, {size(transferred)}\033[K")
        sys.stderr.flush()

    return show


def end_progress(console: Console) -> None:
    """Clear the line that shows how far a transfer is."""
    if console.interactive:
        import sys

        sys.stderr.write("\r\033[K")
