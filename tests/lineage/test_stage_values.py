"""What parameters, metrics files and plots files are on a run's record."""

from __future__ import annotations

import datetime

import pytest

from siglum.core import limits
from siglum.lineage.stage_values import FileContent, flat_params, metric_points, plot_points, recordable_key

NOW = 1_700_000_000_000


def test_params_are_flat_and_texts() -> None:
    values = {"train": {"lr": 0.1, "layers": [1, 2]}, "seed": None, "name": "a", "on": True}
    assert flat_params({"params.yaml": values}) == {
        "train.lr": "0.1",
        "train.layers": "[1, 2]",
        "seed": "None",
        "name": "a",
        "on": "True",
    }  # fmt: skip


def test_params_of_the_same_name_in_two_files_are_told_apart() -> None:
    assert flat_params({"params.yaml": {"lr": 1, "a": 2}, "sub/p.json": {"lr": 3}}) == {
        "params.yaml:lr": "1",
        "a": "2",
        "sub/p.json:lr": "3",
    }


def test_params_of_any_kind() -> None:
    found = flat_params({"p": {"day": datetime.date(2024, 1, 2), "long": "x" * (limits.PARAM_VALUE + 1), "empty": {}}})
    assert found == {"day": "2024-01-02", "empty": "{}"}


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("m.json", '{"a": 1, "b": {"c": 0.5, "d": "text"}, "e": true, "f": [1], "g": null}', {"a": 1.0, "b.c": 0.5}),
        ("m.yaml", "a: 1e-3\nb: .inf\n", {"a": 0.001, "b": float("inf")}),
        ("m.toml", "a = 2\n", {"a": 2.0}),
        ("m.json", "{broken", {}),
        ("m.json", "[1, 2]", {}),
        ("m.json", '{"acc (%)": 1, "/x/": 2}', {"acc ___": 1.0, "x": 2.0}),
        ("m.json", '{"n": 1' + "0" * 400 + "}", {}),
    ],
)
def test_numbers_in_metrics_files(name: str, text: str, found: dict[str, float]) -> None:
    points = metric_points([FileContent(name, text.encode())], NOW)
    assert {point.key: point.value for point in points} == found
    assert {point.timestamp for point in points} <= {NOW}


def test_metrics_of_the_same_name_in_two_files_are_told_apart() -> None:
    files = [FileContent("a/m.json", b'{"x": 1, "y": 1}'), FileContent("b/m.json", b'{"x": 2}')]
    points = metric_points(files, NOW)
    assert {point.key: point.value for point in points} == {"a/m.json:x": 1, "y": 1, "b/m.json:x": 2}


@pytest.mark.parametrize(
    ("file", "series"),
    [
        (FileContent("p.csv", b"epoch,loss,acc\n0,1,a\n5,0.5,0.9\n"), {"loss": [(0, 1), (5, 0.5)], "acc": [(5, 0.9)]}),
        (FileContent("p.tsv", b"step\tloss\n1\t2\n"), {"loss": [(1, 2)]}),
        (FileContent("p.json", b'{"a": [{"step": 0, "loss": 1}, {"step": 1, "loss": 2}]}'), {"loss": [(0, 1), (1, 2)]}),
        (FileContent("p.yaml", b"- {iter: 3, loss: 1}\n"), {"loss": [(3, 1)]}),
        (FileContent("p.csv", b"n,loss,acc\n1,2,3\n", x="n", y=("loss",)), {"loss": [(1, 2)]}),
        (FileContent("roc.csv", b"fpr,tpr\n0,0\n0.5,1\n", x="fpr", y=("tpr",)), {}),
        (FileContent("p.csv", b"step,loss\n0.5,1\n", ), {}),
        (FileContent("p.csv", b"step,loss\n,1\n"), {}),
        (FileContent("classes.csv", b"actual,predicted\na,b\n"), {}),
        (FileContent("p.csv", b"x,loss\n1,1\n", x="gone"), {}),
        (FileContent("p.png", b"\x89PNG"), {}),
        (FileContent("p.csv", b"\xff\xfe\x00"), {}),
        (FileContent("p.json", b"3"), {}),
        (FileContent("p.csv", b""), {}),
    ],
)  # fmt: skip
def test_series_in_plots_files(file: FileContent, series: dict[str, list[tuple[int, float]]]) -> None:
    found: dict[str, list[tuple[int, float]]] = {}
    for point in plot_points([file], NOW):
        found.setdefault(point.key, []).append((point.step, point.value))
    assert found == series


def test_keys_that_cannot_be() -> None:
    assert recordable_key("a/../../b") is None
    assert recordable_key("x" * 300) == "x" * limits.KEY
    assert recordable_key("loss[1]") == "loss_1_"
