"""The words of SVG that charts are written in: escaped text, labels, lines. Pure.

Whatever comes from files is escaped here, where it enters the markup, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

CHARACTER = 6.6
"""The mean width of a character of tick labels, in pixels."""
_LONGEST_NAME = 24


def text(value: str) -> str:
    """Return text as it may stand in HTML: escaped, control characters replaced by their pictures."""
    shown = "".join(
        chr(0x2400 + ord(c)) if c < " " else "\ufffd" if "\ud800" <= c <= "\udfff" or c == "\x7f" else c for c in value
    )
    return escape(shown)


def picture(title: str, width: float, height: float, body: str, data: Mapping[str, str] | None = None) -> str:
    """Return a whole `<svg>` element; `data` is what it tells the page's script."""
    told = "".join(f' data-{name}="{text(value)}"' for name, value in (data or {}).items())
    return (
        f'<svg class="chart" role="img" viewBox="0 0 {width:g} {height:g}" width="{width:g}" height="{height:g}" '
        f'aria-label="{text(title)}"{told}>{body}</svg>'
    )


def line(kind: str, x1: float, y1: float, x2: float, y2: float) -> str:
    """Return a straight line of a class."""
    return f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def label(x: float, y: float, words: str, anchor: str, kind: str = "tick", full: str | None = None) -> str:
    """Return words at a place; `full` is what a pointer over them shows."""
    title = f"<title>{text(full)}</title>" if full is not None and full != words else ""
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{text(words)}{title}</text>'


def upright(x: float, y: float, words: str) -> str:
    """Return words turned to read upwards."""
    return (
        f'<text class="name" text-anchor="middle" transform="translate({x:g} {y:.1f}) rotate(-90)">{text(words)}</text>'
    )


def short(name: str, limit: int = _LONGEST_NAME) -> str:
    """Return a name cut to fit beside an axis."""
    return name if len(name) <= limit else name[: limit - 1] + "…"
