"""Plots as one HTML page that works offline: pictures are embedded, charts drawn as SVG. Pure.

The page forbids itself, by its own content policy, all that it does not need: requests, frames, forms, and scripts
other than the one below. Each chart's Vega-Lite stands beside it as data, for those who want to draw it themselves.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from typing import Any

import msgspec

from siglum.core.errors import InvalidInputError
from siglum.pipeline.results.plots.chart import Chart
from siglum.pipeline.results.plots.markup import text
from siglum.pipeline.results.plots.page_style import SCRIPT, STYLE
from siglum.pipeline.results.plots.svg import legend_of, svg_of

MEDIA_TYPES = {
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "gif": "image/gif",
    "svg": "image/svg+xml",
    "webp": "image/webp",
    "bmp": "image/bmp",
}
_SLOT = "{plot_divs}"


class ChartCard(msgspec.Struct, frozen=True):
    """A chart of a page, and its Vega-Lite, if it is to come along."""

    name: str
    chart: Chart
    spec: Any = None


class PictureCard(msgspec.Struct, frozen=True):
    """A picture of a page as (revision, file's path, bytes), one for each revision."""

    name: str
    pictures: tuple[tuple[str, str, bytes], ...]


def page(title: str, subtitle: str, cards: Sequence[ChartCard | PictureCard], problems: Sequence[str]) -> str:
    """Return the whole page."""
    allowed = f"img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{_digest(SCRIPT)}'"
    policy = f"default-src 'none'; {allowed}; base-uri 'none'; form-action 'none'"
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{text(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        f"<header><h1>{text(title)}</h1><p>{text(subtitle)}</p></header>\n{_problems(problems)}"
        f"<main>\n{figures(cards)}</main>\n<script>{SCRIPT}</script>\n</body>\n</html>\n"
    )


def filled_template(template: str, where: str, cards: Sequence[ChartCard | PictureCard]) -> str:
    """Return a page of the user's own making with the plots in it, in place of `{plot_divs}`.

    `{scripts}` becomes what the charts need, `{refresh_tag}` nothing. Raises InvalidInputError without a place.
    """
    if _SLOT not in template:
        raise InvalidInputError(f"The page template {where} has no place for plots.", hint=f"Write {_SLOT} in it.")
    before, _, after = template.partition(_SLOT)
    made = [
        part.replace("{scripts}", f"<style>{STYLE}</style><script>{SCRIPT}</script>").replace("{refresh_tag}", "")
        for part in (before, after)
    ]
    return figures(cards).join(made)


def figures(cards: Sequence[ChartCard | PictureCard]) -> str:
    """Return the plots as HTML, one element each."""
    return "".join(_chart(card) if isinstance(card, ChartCard) else _pictures(card) for card in cards)


def script_json(value: Any) -> str:
    """Return JSON that may stand in a `<script>` element: no character in it means anything to HTML."""
    made = json.dumps(value)
    return made.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _chart(card: ChartCard) -> str:
    notes = "".join(f'<p class="note">{text(note)}</p>' for note in card.chart.notes)
    spec = ""
    if card.spec is not None:
        spec = (
            f'<script type="application/json" class="vega-lite">{script_json(card.spec)}</script>'
            '<button type="button" class="copy" hidden>Copy Vega-Lite</button>'
        )
    return (
        f'<figure data-plot="{text(card.name)}"><figcaption>{text(card.chart.title)}</figcaption>'
        f'{legend_of(card.chart)}<div class="drawing">{svg_of(card.chart)}</div>{notes}{spec}</figure>\n'
    )


def _pictures(card: PictureCard) -> str:
    shown = []
    for revision, path, data in card.pictures:
        kind = MEDIA_TYPES[path.rpartition(".")[2].lower()]
        encoded = base64.b64encode(data).decode()
        caption = f"<p>{text(revision)}</p>" if len(card.pictures) > 1 else ""
        image = f'<img alt="{text(f"{path}, {revision}")}" src="data:{kind};base64,{encoded}">'
        shown.append(f'<div class="picture">{caption}{image}</div>')
    return (
        f'<figure class="pictures" data-plot="{text(card.name)}"><figcaption>{text(card.name)}</figcaption>'
        f'<div class="row">{"".join(shown)}</div></figure>\n'
    )


def _problems(problems: Sequence[str]) -> str:
    if not problems:
        return ""
    items = "".join(f"<li>{text(problem)}</li>" for problem in problems)
    return f'<section class="problems"><h2>Not shown</h2><ul>{items}</ul></section>\n'


def _digest(content: str) -> str:
    return base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
