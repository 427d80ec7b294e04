"""Values as HTML for a notebook: tables whose texts are escaped, without anything from elsewhere. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

_LONGEST = 300
"""Characters of a value that are shown at most."""
_SHOWN = 50
"""Rows that are shown at most."""

_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#x27;"}
_CELL = "text-align:left;vertical-align:top;padding:2px 8px"


def escaped(text: object) -> str:
    """Return a text that means nothing to a browser but itself; a long one is cut."""
    shown = str(text)
    shown = shown if len(shown) <= _LONGEST else shown[:_LONGEST] + "…"
    return "".join(_ESCAPES.get(character, character) for character in shown)


def card(title: str, subtitle: str, sections: Mapping[str, Mapping[str, object]]) -> str:
    """Return a thing as HTML: its name, what it is, and tables of names and values; empty ones are left out."""
    parts = [f"<div><strong>{escaped(title)}</strong> <code>{escaped(subtitle)}</code>"]
    for name, values in sections.items():
        if values:
            parts.append(f"<div><em>{escaped(name)}</em></div>{table((), values.items())}")
    return "".join([*parts, "</div>"])


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return rows as an HTML table. Of very many, the first are shown and the others counted."""
    listed = list(rows)
    parts = ["<table>"]
    if header:
        parts.append(f"<thead><tr>{''.join(_cell('th', cell) for cell in header)}</tr></thead>")
    parts.append("<tbody>")
    parts += [f"<tr>{''.join(_cell('td', cell) for cell in row)}</tr>" for row in listed[:_SHOWN]]
    parts.append("</tbody></table>")
    if len(listed) > _SHOWN:
        parts.append(f"<div>… and {len(listed) - _SHOWN:,} more</div>")
    return "".join(parts)


def _cell(tag: str, text: object) -> str:
    return f'<{tag} style="{_CELL}">{escaped(text)}</{tag}>'
