"""From rows to the points of a plot: which field is x and y, what lines are called, what templates get."""

from __future__ import annotations

import pytest

from siglum.core.errors import FileFormatError, InvalidInputError
from siglum.pipeline.results.plots.definitions import Look, PlotDefinition
from siglum.pipeline.results.plots.fields import ANY_X, ANY_Y, PlotData, lines_of, plot_data
from siglum.pipeline.results.plots.rows import parse_table
from siglum.pipeline.results.plots.table import Table

A, B = "r/a.csv", "r/b.csv"


def tables(**texts: str) -> dict[str, Table]:
    return {f"r/{name}.csv": parse_table(text.encode(), f"{name}.csv") for name, text in texts.items()}


def data_of(definition: PlotDefinition, *states: dict[str, Table]) -> PlotData:
    lines = [line for i, state in enumerate(states) for line in lines_of(definition, f"v{i}", state)]
    return plot_data(definition.name, definition, lines)


def test_one_field_of_one_file() -> None:
    data = data_of(PlotDefinition(A, "", {A: ()}), tables(a="s,l\n5,1\n6,2\n"))
    assert (data.x, data.y, data.x_label, data.y_label, data.title, data.group) == ("step", "l", "step", "l", A, None)
    assert data.rows() == [
        {"s": "5", "l": "1", "step": 0, "rev": "v0"},
        {"s": "6", "l": "2", "step": 1, "rev": "v0"},
    ]
    named = data_of(PlotDefinition(A, "", {A: ("l",)}, {"": "s"}, Look(title="T", y_label="Y")), tables(a="s,l\n5,1\n"))
    assert (named.x, named.x_label, named.y_label, named.title) == ("s", "s", "Y", "T")
    assert named.rows() == [{"s": "5", "l": "1", "rev": "v0"}]
    assert named.rows(keep=True) == [{"s": "5", "l": "1", "rev": "v0", "filename": A, "field": "l"}]


def test_several_fields_get_one_column() -> None:
    data = data_of(PlotDefinition("p", "", {A: ("l", "m")}), tables(a="l,m\n1,2\n"))
    assert (data.y, data.y_label, data.group) == (ANY_Y, "y", "field")
    assert data.rows() == [
        {"l": "1", "m": "2", ANY_Y: "1", "step": 0, "rev": "v0", "field": "l"},
        {"l": "1", "m": "2", ANY_Y: "2", "step": 0, "rev": "v0", "field": "m"},
    ]


def test_several_files_and_fields_of_two_revisions() -> None:
    definition = PlotDefinition("p", "", {A: ("l",), B: ("l", "m")}, {A: "s", B: "t"}, is_composed=True)
    state = tables(a="s,l\n1,2\n", b="t,l,m\n3,4,5\n")
    data = data_of(definition, state, tables(a="s,l\n6,7\n"))
    assert (data.x, data.x_label, data.group, data.revisions) == (ANY_X, "x", "filename::field", ("v0", "v1"))
    assert list(data.names.values()) == ["a.csv::l", "b.csv::l", "b.csv::m"]
    assert data.rows()[2:] == [
        {"t": "3", "l": "4", "m": "5", ANY_Y: "5", ANY_X: "3", "rev": "v0", "filename::field": "b.csv::m"},
        {"s": "6", "l": "7", ANY_Y: "7", ANY_X: "6", "rev": "v1", "filename::field": "a.csv::l"},
    ]


def test_x_of_another_file() -> None:
    both = tables(a="s,l\n1,2\n2,3\n", b="m\n4\n5\n")
    data = data_of(PlotDefinition("p", "", {A: ("l",), B: ("m",)}, {A: "s"}, is_composed=True), both)
    assert [row["s"] for row in data.rows()] == ["1", "2", "1", "2"]
    in_order = PlotDefinition("p", "", {B: ("m",), A: ("l",)}, {A: "s", "r/c.csv": "u"}, is_composed=True)
    data = data_of(in_order, both | tables(c="u\n8\n9\n"))
    assert [(line.file, line.x_field) for line in data.lines] == [(B, "s"), (A, "s")]
    with pytest.raises(InvalidInputError, match=r"r/a.csv has 2 rows and r/b.csv has 1"):
        data_of(PlotDefinition("p", "", {B: ("m",)}, {A: "s"}, is_composed=True), both | tables(b="m\n4\n"))


def test_a_file_that_is_not_there_takes_its_lines_away_only() -> None:
    definition = PlotDefinition("p", "", {A: ("l",), B: ("l",)}, is_composed=True)
    data = data_of(definition, tables(a="l\n1\n"))
    assert [line.file for line in data.lines] == [A]
    assert data.names == {(A, "l"): "a.csv", (B, "l"): "b.csv"}
    only_x = PlotDefinition("p", "", {A: ("l",)}, {B: "s"}, is_composed=True)
    assert lines_of(only_x, "v0", tables(a="l\n1\n")) == []


def test_a_field_that_is_not_there() -> None:
    with pytest.raises(FileFormatError) as caught:
        data_of(PlotDefinition(A, "", {A: ("acuracy",)}), tables(a="step,accuracy\n1,2\n"))
    assert str(caught.value) == (
        "r/a.csv: there is no field 'acuracy'. Did you mean 'accuracy'? It has 'step', 'accuracy'."
    )
    wide = ",".join(map(str, range(40)))
    with pytest.raises(FileFormatError, match=r"no field 'q'. It has '0', .*'11', …"):
        data_of(PlotDefinition(A, "", {A: ("0",)}, {"": "q"}), tables(a=f"{wide}\n{wide}\n"))
