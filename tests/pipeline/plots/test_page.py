"""The page of plots: it needs no network, and nothing in a file becomes markup."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from xml.etree import ElementTree

import pytest
from tests.pipeline.plots.samples import csv, sample

from siglum.core.errors import InvalidInputError
from siglum.pipeline.results.plots.chart import Chart, ChartKind
from siglum.pipeline.results.plots.charting import chart_of
from siglum.pipeline.results.plots.definitions import Look
from siglum.pipeline.results.plots.page import ChartCard, PictureCard, filled_template, page
from siglum.pipeline.results.plots.svg import svg_of

LINES = csv("s", "l", rows=[(i, i * i) for i in range(40)])
NASTY = '</script><img src=x onerror=alert(1)>&"\x1b[31m'


def chart(kind: ChartKind, title: str = "T") -> Chart:
    if kind in (ChartKind.MATRIX, ChartKind.NORMALIZED_MATRIX):
        rows = [("cat", "a rather long name of a class"), ("dog", "cat"), ("cat", "cat")]
        return chart_of(sample(csv("a", "p", rows=rows), x="p", y=["a"], look=Look(title=title)), kind)
    if kind in (ChartKind.BARS, ChartKind.SORTED_BARS):
        bars = csv("v", "n", rows=[(-1, "x"), (2, "y")])
        return chart_of(sample(bars, bars, x="v", y=["n"], look=Look(title=title)), kind)
    return chart_of(sample(LINES, LINES, x="s", look=Look(title=title)), kind)


@pytest.mark.parametrize("kind", ChartKind)
def test_drawings_are_well_formed(kind: ChartKind) -> None:
    drawn = svg_of(chart(kind, NASTY))
    root = ElementTree.fromstring(f"<d>{drawn}</d>")
    assert {child.tag for child in root} == {"svg"}
    assert "nan" not in drawn
    assert "\x1b" not in drawn


def test_every_point_of_a_line_is_drawn_inside() -> None:
    drawn = svg_of(chart(ChartKind.LINES))
    path = re.findall(r' d="(M[^"]*)"', drawn)[0]
    places = [tuple(map(float, part.split())) for part in re.split("[ML]", path)[1:]]
    assert len(places) == 40
    assert all(0 <= x <= 520 and 0 <= y <= 340 for x, y in places)
    assert [y for _, y in places] == sorted((y for _, y in places), reverse=True), "what grows goes up"


def test_values_come_along_for_who_points_at_them() -> None:
    drawn = svg_of(chart(ChartKind.LINES))
    root = ElementTree.fromstring(drawn)
    assert json.loads(root.attrib["data-frame"])[4:] == [0, 40, 0, 2000]
    found = [path.attrib for path in root.iter("path") if "data-values" in path.attrib]
    assert [each["data-name"] for each in found] == ["v0", "v1"]
    assert json.loads(found[0]["data-values"])[-4:] == [38, 1444, 39, 1521]
    names = csv("d", "l", rows=[("mo&n", 1), ("tue", "nan"), ("wed", 3)])
    root = ElementTree.fromstring(svg_of(chart_of(sample(names, x="d"), ChartKind.POINTS)))
    assert json.loads(root.attrib["data-names"]) == ["mo&n", "tue", "wed"]
    [group] = [each.attrib for each in root.iter("g") if "data-values" in each.attrib]
    assert (group["data-name"], json.loads(group["data-values"])) == ("", [0, 1, 2, 3])


def test_the_only_script_that_may_run_is_the_pages_own() -> None:
    made = page("Plots", "", [ChartCard("c", chart(ChartKind.LINES), {"a": 1})], [])
    scripts = [body for kind, body in re.findall(r"<script([^>]*)>(.*?)</script>", made, re.DOTALL) if not kind]
    [script] = scripts
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert re.findall(r"script-src ([^;]*);", made) == [f"'sha256-{digest}'"]


def test_a_page_needs_nothing_from_elsewhere() -> None:
    spec = {"title": NASTY, "n": [1, "<b>"]}
    cards: list[ChartCard | PictureCard] = [
        ChartCard("c", chart(ChartKind.LINES), spec),
        PictureCard("p.png", (("workspace", "p.png", b"\x89PNG"), ("HEAD", "p.png", b"\x89PNG2"))),
    ]
    made = page("Plots", "workspace", cards, [NASTY])
    assert not re.findall(r"""(?:src|href)=["'](?!data:)""", made)
    assert "://" not in made
    assert "default-src 'none'" in made
    assert "<img src=x" not in made
    assert made.count("data:image/png;base64,") == 2
    [shown] = re.findall(r'<script type="application/json" class="vega-lite">(.*?)</script>', made)
    assert json.loads(shown) == spec


def test_a_large_plot_comes_without_its_vega_lite() -> None:
    made = page("Plots", "", [ChartCard("c", chart(ChartKind.LINES))], [])
    assert "application/json" not in made
    assert "<svg" in made
    assert "Not shown" not in made


def test_a_page_of_ones_own() -> None:
    cards = [ChartCard("c", chart(ChartKind.LINES))]
    made = filled_template("<head>{refresh_tag}{scripts}</head><p>{x}</p>{plot_divs}!", "t.html", cards)
    assert made.startswith("<head><style>")
    assert "<p>{x}</p><figure" in made
    assert made.endswith("!")
    with pytest.raises(InvalidInputError, match=r"t.html has no place for plots. Write {plot_divs} in it."):
        filled_template("<body></body>", "t.html", cards)
