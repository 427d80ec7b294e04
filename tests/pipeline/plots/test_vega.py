"""Templates: how anchors are filled, and that those that come along are whole."""

from __future__ import annotations

from typing import Any

import pytest
from tests.pipeline.plots.samples import csv, sample

from siglum.core.errors import InvalidInputError
from siglum.pipeline.results.plots.built_in import TEMPLATES
from siglum.pipeline.results.plots.definitions import Look
from siglum.pipeline.results.plots.vega import anchor, check_template, fill, split

SIMPLE = csv("s", "l", rows=[(0, 1), (1, 2)])
TWO = {"d/a.csv": "l,m\n1,2\n", "d/b.csv": "l,m\n3,4\n"}


def test_dvcs_templates_are_there() -> None:
    assert list(TEMPLATES) == [
        "simple", "linear", "confusion", "confusion_normalized", "scatter", "scatter_jitter", "smooth",
        "bar_horizontal_sorted", "bar_horizontal",
    ]  # fmt: skip


@pytest.mark.parametrize("name", TEMPLATES)
def test_no_anchor_is_left(name: str) -> None:
    template = TEMPLATES[name]()
    check_template(template, name)
    for data in (sample(SIMPLE), sample(TWO, TWO, y=["l", "m"])):
        filled = fill(template, data)
        assert "<DVC_METRIC_" not in str(filled)
        assert filled["data"]["values"] == data.rows()
        assert filled["$schema"].endswith("/vega-lite/v5.json")
    assert template == TEMPLATES[name](), "filling changes no template"


def value_of(name: str, data: Any) -> Any:
    return fill({"d": anchor("DATA"), "v": [anchor(name)]}, data)["v"][0]


def test_what_anchors_stand_for_with_one_line() -> None:
    data = sample(SIMPLE, SIMPLE, x="s", look=Look(title="T", x_label="X"))
    found = {name: value_of(name, data) for name in ("TITLE", "X", "Y", "X_LABEL", "Y_LABEL", "PIVOT_FIELD")}
    assert found == {"TITLE": "T", "X": "s", "Y": "l", "X_LABEL": "X", "Y_LABEL": "l", "PIVOT_FIELD": "datum.rev"}
    colour = value_of("COLOR", data)
    assert colour["field"] == "rev"
    assert colour["scale"]["domain"] == ["v0", "v1"]
    assert len(set(colour["scale"]["range"])) == 2
    for name in ("STROKE_DASH", "SHAPE", "ROW", "COLUMN"):
        assert value_of(name, data) == {}
    assert value_of("GROUP_BY", data) == ["rev"]
    assert value_of("GROUP_BY_Y", data) == ["rev", "l"]
    assert value_of("TOOLTIP", data) == [{"field": "rev"}, {"field": "s"}, {"field": "l"}]


def test_what_anchors_stand_for_with_lines_of_several_files_and_fields() -> None:
    data = sample(TWO, y=["l", "m"])
    assert value_of("GROUP_BY", data) == ["rev", "filename::field"]
    assert value_of("GROUP_BY_X", data) == ["rev", "filename::field", "step"]
    assert value_of("PIVOT_FIELD", data) == "datum.rev + '::' + datum.filename + '::' + datum.field"
    assert value_of("ROW", data) == {"field": "filename::field", "sort": []}
    dash = value_of("STROKE_DASH", data)
    assert dash["scale"] == {
        "domain": ["a.csv::l", "a.csv::m", "b.csv::l", "b.csv::m"],
        "range": [[1, 0], [8, 8], [8, 4], [4, 4]],
    }
    assert value_of("SHAPE", data)["scale"]["range"] == ["circle", "square", "triangle", "diamond"]
    assert value_of("TOOLTIP", data)[-1] == {"field": "filename::field"}


def test_anchors_within_a_text_and_names_that_vega_would_take_apart() -> None:
    data = sample(csv("a.b", "c[0]", rows=[(1, 2)]), x="a.b")
    template = {"d": anchor("DATA"), "t": f"{anchor('Y')} of {anchor('TITLE')}", "n": 1, "x": anchor("X")}
    assert fill(template, data) == {"d": data.rows(keep=True), "t": r"c\[0\] of p", "n": 1, "x": r"a\.b"}
    assert value_of("X_LABEL", data) == "a.b"


def test_a_template_without_groups_gets_files_and_fields_apart() -> None:
    data = sample(TWO, y=["l", "m"])
    first = fill({"data": {"values": anchor("DATA")}}, data)["data"]["values"][0]
    assert (first["filename"], first["field"]) == ("a.csv", "l")
    assert "filename::field" not in first


def test_parts() -> None:
    data = sample(SIMPLE, x="s")
    content, parts = split(TEMPLATES["simple"](), data)
    assert content["data"]["values"] == anchor("DATA")
    assert content["encoding"]["x"] == {"field": "s", "type": "quantitative", "title": anchor("X_LABEL")}
    assert content["encoding"]["strokeDash"] == {}, "there is nothing to tell apart"
    assert parts[anchor("DATA")] == data.rows()
    assert set(parts) == {
        anchor(name)
        for name in (
            "COLOR", "DATA", "PLOT_HEIGHT", "PLOT_WIDTH", "TITLE", "TOOLTIP", "X_LABEL", "Y_LABEL", "ZOOM_AND_PAN",
        )
    }  # fmt: skip


def test_a_template_without_a_place_for_data() -> None:
    with pytest.raises(InvalidInputError, match=r"'mine' has no place for data. Write \"<DVC_METRIC_DATA>\""):
        check_template({"mark": "line", "title": "<DVC_METRIC_TITLE>"}, "mine")
