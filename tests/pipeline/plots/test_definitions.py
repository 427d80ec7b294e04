"""What dvc.yaml says of plots, what a command line changes of it, and which plots targets mean."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from siglum.core.errors import FileFormatError
from siglum.pipeline.definition.expressions import FlagStyle
from siglum.pipeline.graph.load import read_pipeline
from siglum.pipeline.results.plots.choice import Target, choose
from siglum.pipeline.results.plots.definitions import (
    Look,
    Overrides,
    PlotDefinition,
    definitions_of,
    merged,
    overridden,
    shown_names,
)


class Texts:
    """Files that are texts. Implements `Files`."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = texts

    def read(self, path: str) -> bytes | None:
        text = self._texts.get(path)
        return None if text is None else text.encode()

    def metafiles(self) -> list[str]:
        return list(self._texts)


def defined(text: str) -> list[PlotDefinition]:
    return definitions_of(read_pipeline(Texts({"dvc.yaml": text}), FlagStyle()))


def test_stages_say_how_their_outputs_are_plotted() -> None:
    found = defined(
        "stages: {a: {cmd: e, wdir: w, plots: [l.csv: {x: s, y: l, title: T, header: false}, "
        "m.csv: [{y: a}, {y: b}], plain.json]}}"
    )
    assert found == [
        PlotDefinition("w/l.csv", "", {"w/l.csv": ("l",)}, {"": "s"}, Look(title="T", header=False)),
        PlotDefinition("w/m.csv", "", {"w/m.csv": ("a",)}),
        PlotDefinition("w/m.csv", "", {"w/m.csv": ("b",)}),
        PlotDefinition("w/plain.json", "", {"w/plain.json": ()}),
    ]


def test_plots_beside_stages() -> None:
    top = (
        "plots: [a.csv, b.csv: {x: s, y: [l, m]}, both: {x: {../a.csv: s}, y: {../a.csv: l, b.csv: [l, m]}, "
        "x_label: X, y_label: Y, template: t}, gone: ]"
    )
    found = definitions_of(read_pipeline(Texts({"sub/dvc.yaml": top}), FlagStyle()))
    assert found == [
        PlotDefinition("sub/a.csv", "sub/dvc.yaml", {"sub/a.csv": ()}),
        PlotDefinition("sub/b.csv", "sub/dvc.yaml", {"sub/b.csv": ("l", "m")}, {"": "s"}),
        PlotDefinition(
            "both", "sub/dvc.yaml", {"a.csv": ("l",), "sub/b.csv": ("l", "m")}, {"a.csv": "s"},
            Look(x_label="X", y_label="Y", template="t"), is_composed=True,
        ),
        PlotDefinition("sub/gone", "sub/dvc.yaml", {"sub/gone": ()}),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ("{y: 5}", "y: expected a field's name, not a number"),
        ("{y: {f.csv: [1]}}", "y: expected a field's name, not a number"),
        ("{y: {}}", "y names no file"),
        ("{y: {1: a}}", "y: the path 1 is not text"),
        ("{x: {f.csv: [a]}}", "x: expected a field"),
        ("{title: [a]}", "title: expected text, not a list"),
    ],
)
def test_definitions_that_cannot_be(settings: str, problem: str) -> None:
    with pytest.raises(FileFormatError) as caught:
        defined(f"plots: [p: {settings}]")
    assert str(caught.value).startswith(f"dvc.yaml: plots: p: {problem}")


def test_a_command_line_goes_before_definitions() -> None:
    base = PlotDefinition("p", "", {"f": ("a",), "g": ()}, {"f": "s"}, Look(title="T", template="t"))
    said = overridden(base, Overrides(x="x", y="y", title="N", no_header=True))
    assert said.files == {"f": ("y",), "g": ("y",)}
    assert said.x == {"": "x"}
    assert said.look == Look(title="N", template="t", header=False)
    assert overridden(base, Overrides()) == base


def test_the_first_revision_says_how_a_plot_looks_and_later_ones_add_to_it() -> None:
    new = PlotDefinition("p", "", {"p": ()}, look=Look(title="new"))
    old = PlotDefinition("p", "", {"p": ("y",)}, {"": "x"}, Look(title="old", template="t"))
    assert merged([new, old]) == PlotDefinition("p", "", {"p": ("y",)}, {"": "x"}, Look(title="new", template="t"))
    assert merged([old, new]) == old
    composed = PlotDefinition("p", "dvc.yaml", {"a": ("y",)}, is_composed=True)
    assert merged([new, composed]) == new


def test_names_tell_two_plots_of_one_name_apart() -> None:
    listed = [
        PlotDefinition("f.csv", "", {}),
        PlotDefinition("f.csv", "dvc.yaml", {}),
        PlotDefinition("one", "dvc.yaml", {}, is_composed=True),
        PlotDefinition("g.csv", "", {}),
        PlotDefinition("g.csv", "", {}),
    ]
    assert shown_names(listed, lambda path: f"../{path}") == [
        "../f.csv", "../dvc.yaml::../f.csv", "one", "../g.csv", "../g.csv",
    ]  # fmt: skip


def chosen(declared: list[PlotDefinition], *targets: str, there: tuple[str, ...] = ()) -> list[str]:
    def files(path: str) -> list[str] | None:
        return sorted(each for each in there if each == path or each.startswith(f"{path}/")) or None

    return [each.name for each in choose(declared, files, [Target(text, text) for text in targets]).plots]


def test_a_folder_is_its_files_and_the_nearest_folder_says_how_they_look() -> None:
    declared = [
        PlotDefinition("d", "dvc.yaml", {"d": ("a",)}, {"": "x"}),
        PlotDefinition("d/sub", "dvc.yaml", {"d/sub": ("b",)}),
        PlotDefinition("d", "", {"d": ()}),
    ]
    there = ("d/1.csv", "d/sub/2.csv")
    found = choose(declared, lambda path: [each for each in there if each.startswith(f"{path}/")] or None, []).plots
    assert [(each.name, each.origin, each.files) for each in found] == [
        ("d/1.csv", "dvc.yaml", {"d/1.csv": ("a",)}),
        ("d/sub/2.csv", "dvc.yaml", {"d/sub/2.csv": ("b",)}),
        ("d/1.csv", "", {"d/1.csv": ()}),
        ("d/sub/2.csv", "", {"d/sub/2.csv": ()}),
    ]
    assert found[0].x == {"": "x"}


def test_targets() -> None:
    declared = [
        PlotDefinition("loss", "dvc.yaml", {"f.csv": ("l",)}, is_composed=True),
        PlotDefinition("f.csv", "", {"f.csv": ()}),
        PlotDefinition("d/1.csv", "", {"d/1.csv": ()}),
        PlotDefinition("gone.csv", "", {"gone.csv": ()}),
    ]
    there = ("f.csv", "d/1.csv", "other/x.csv", "other/y.csv")
    assert chosen(declared) == ["loss", "f.csv", "d/1.csv", "gone.csv"]
    assert chosen(declared, "loss") == ["loss"]
    assert chosen(declared, "dvc.yaml::loss") == ["loss"]
    assert chosen(declared, "d", "f.csv") == ["f.csv", "d/1.csv"]
    assert chosen(declared, "other", there=there) == ["other/x.csv", "other/y.csv"]
    assert chosen(declared, "gone.csv", there=there) == ["gone.csv"]
    assert chosen(declared, "lo") == ["loss"], "what is no name may be how names start, as in DVC"
    assert chosen(declared, "[") == []
    assert chosen(declared, "nothing", there=there) == []
