"""Pictures, series of pictures and tables that runs log."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy
import pandas
import pytest
from PIL import Image

import siglum
import siglum.artifacts
from siglum.core.errors import FileFormatError, InvalidInputError, NotFoundError

PIXELS = numpy.zeros((300, 600, 3), dtype="uint8")


def test_pictures_by_step(project: Path) -> None:
    with siglum.start_run() as run:
        siglum.log_image(PIXELS, "plain.png")
        siglum.log_image(PIXELS, key="val/sample", step=3, timestamp=1_700_000_000_000)
        siglum.log_image(Image.new("RGB", (4, 4)), key="dog", synchronous=False)
        for wrong in (
            {"artifact_file": "x.png", "key": "k"},
            {"artifact_file": "x.png", "step": 1},
            {},
            {"key": "a+b"},
        ):
            with pytest.raises(InvalidInputError):
                siglum.log_image(PIXELS, **wrong)
        siglum.MlflowClient().log_image(run.info.run_id, PIXELS, key="dog", step=7)
    assert siglum.get_run(run.info.run_id).data.tags["mlflow.loggedImages"] == "True"
    names = [entry.path for entry in siglum.artifacts.list_artifacts(f"runs:/{run.info.run_id}/images")]
    shape = re.compile(r"images/(.+)\+step\+(\d+)\+timestamp\+\d{13}\+[0-9a-f-]{36}(\.png|\+compressed\.webp)")
    found = sorted(match.groups() for match in map(shape.fullmatch, names) if match)
    assert len(found) == len(names) == 6
    assert {(key, step) for key, step, _ in found} == {("val~sample", "3"), ("dog", "0"), ("dog", "7")}
    (whole,) = [name for name in names if name.startswith("images/val") and name.endswith(".png")]
    assert siglum.artifacts.load_image(f"runs:/{run.info.run_id}/{whole}").size == (600, 300)
    preview = whole.removesuffix(".png") + "+compressed.webp"
    assert siglum.artifacts.load_image(f"runs:/{run.info.run_id}/{preview}").size == (256, 128)
    with pytest.raises(FileFormatError, match="not a picture"):
        siglum.artifacts.load_image(f"runs:/{run.info.run_id}/siglum/recipe.json")


def test_a_table_grows(project: Path) -> None:
    with siglum.start_run() as run:
        siglum.log_param("depth", 3)
        siglum.log_table({"a": [1, 2], "b": ["x", "y"]}, "out/t.json")
        siglum.log_table(pandas.DataFrame({"a": [3], "b": ["z"]}), "out/t.json")
        siglum.log_table({"a": 4, "c": "one row"}, "out/t.json")
        siglum.log_table({"n": numpy.arange(3)}, "t.parquet")
        siglum.log_table({"n": [9]}, "t.parquet")
        for wrong, name in (({"a": [1]}, "t.csv"), ([1], "x.json"), ({"a": [1], "b": [1, 2]}, "x.json")):
            with pytest.raises(InvalidInputError):
                siglum.log_table(wrong, name)  # type: ignore[arg-type]
        table = siglum.load_table("out/t.json", extra_columns=["run_id", "params.depth", "start_time"])
    assert siglum.artifacts.load_dict(f"runs:/{run.info.run_id}/out/t.json") == {
        "columns": ["a", "b", "c"],
        "data": [[1, "x", None], [2, "y", None], [3, "z", None], [4, None, "one row"]],
    }
    assert json.loads(siglum.get_run(run.info.run_id).data.tags["mlflow.loggedArtifacts"]) == [
        {"path": "out/t.json", "type": "table"}, {"path": "t.parquet", "type": "table"},
    ]  # fmt: skip
    assert list(table["a"]) == [1, 2, 3, 4]
    assert set(table["run_id"]) == {run.info.run_id}
    assert set(table["params.depth"]) == {"3"}
    assert list(siglum.load_table("t.parquet", [run.info.run_id])["n"]) == [0, 1, 2, 9]


def test_tables_of_several_runs(project: Path) -> None:
    for number in range(3):
        with siglum.start_run():
            siglum.log_table({"n": [number]}, 'it\'s "so".json' if number == 2 else "n.json")
    assert sorted(siglum.load_table("n.json")["n"]) == [0, 1]
    assert list(siglum.load_table('it\'s "so".json')["n"]) == [2]
    with pytest.raises(NotFoundError, match=r"nope\.json"):
        siglum.load_table("nope.json")
    with pytest.raises(InvalidInputError, match="no column 'metric'"):
        siglum.load_table("n.json", extra_columns=["metric"])


def test_pictures_in_a_table(project: Path) -> None:
    picture = Image.new("L", (2, 2), 7)
    with siglum.start_run() as run:
        siglum.log_table({"name": ["a", "b"], "image": [picture, picture]}, "seen.json")
        siglum.log_table(pandas.DataFrame({"name": ["c"], "image": [picture]}), "seen.json")
    rows = siglum.artifacts.load_dict(f"runs:/{run.info.run_id}/seen.json")["data"]
    assert [row[0] for row in rows] == ["a", "b", "c"]
    for _, cell in rows:
        assert cell["type"] == "image"
        for place in (cell["filepath"], cell["compressed_filepath"]):
            assert place.startswith("table_images/seen/")
            assert siglum.artifacts.load_image(f"runs:/{run.info.run_id}/{place}").size == (2, 2)


def test_figures(project: Path) -> None:
    figure = pytest.importorskip("matplotlib.figure").Figure()
    figure.subplots().plot([1, 2])
    graph = pytest.importorskip("plotly.graph_objects").Figure(data=[{"y": [1, 2]}])
    with siglum.start_run() as run:
        siglum.log_figure(figure, "plots/line.svg", save_kwargs={"dpi": 50})
        siglum.log_figure(figure, "line.png")
        siglum.log_figure(graph, "line.html")
        with pytest.raises(InvalidInputError, match="not a figure"):
            siglum.log_figure("figure", "x.png")
    uri = f"runs:/{run.info.run_id}"
    assert "<svg" in siglum.artifacts.load_text(f"{uri}/plots/line.svg")
    assert siglum.artifacts.load_image(f"{uri}/line.png").format == "PNG"
    assert "plotly" in siglum.artifacts.load_text(f"{uri}/line.html")
