"""Files that runs log through the fluent API and MlflowClient, and reading them back."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

import siglum
import siglum.artifacts
from siglum.core.errors import FileFormatError, InvalidInputError, NotFoundError, SiglumError


def test_files_and_folders(project: Path) -> None:
    (project / "out" / "deep").mkdir(parents=True)
    (project / "out" / "a.txt").write_text("a")
    (project / "out" / "deep" / "b.txt").write_text("b")
    with siglum.start_run() as run:
        siglum.log_artifact("out/a.txt")
        siglum.log_artifact(project / "out" / "a.txt", "some/place")
        siglum.log_artifact("out")
        siglum.log_artifacts("out", "all")
        with pytest.raises(NotFoundError):
            siglum.log_artifact("missing.txt")
        with pytest.raises(NotFoundError):
            siglum.log_artifacts("out/a.txt")
    local = Path(siglum.artifacts.download_artifacts(run_id=run.info.run_id))
    found = {str(path.relative_to(local)) for path in local.rglob("*") if path.is_file()}
    assert found - {"siglum/recipe.json", "siglum/environment.json", "siglum/uncommitted.diff"} == {
        "a.txt", "some/place/a.txt", "out/a.txt", "out/deep/b.txt", "all/a.txt", "all/deep/b.txt",
    }  # fmt: skip


def test_texts_and_documents(project: Path) -> None:
    with siglum.start_run() as run:
        siglum.log_text("grün", "notes/a.txt")
        siglum.log_dict({"b": 1, "a": [1, 2]}, "a.json")
        siglum.log_dict({"b": 1, "a": "ü"}, "a.yaml")
        siglum.log_stream(io.BytesIO(b"\0\1"), "raw.bin")
        for bad in ("", "folder/", "../up", "/abs"):
            with pytest.raises(SiglumError):
                siglum.log_text("x", bad)
    uri = f"runs:/{run.info.run_id}"
    assert siglum.artifacts.load_text(f"{uri}/notes/a.txt") == "grün"
    assert siglum.artifacts.load_dict(f"{uri}/a.json") == {"b": 1, "a": [1, 2]}
    assert siglum.artifacts.load_text(f"{uri}/a.yaml") == "b: 1\na: ü\n"
    with pytest.raises(FileFormatError):
        siglum.artifacts.load_dict(f"{uri}/a.yaml")
    listed = siglum.artifacts.list_artifacts(uri)
    assert [(entry.path, entry.is_dir) for entry in listed] == [
        ("a.json", False), ("a.yaml", False), ("notes", True), ("raw.bin", False), ("siglum", True),
    ]  # fmt: skip


def test_numbers_of_numpy_in_documents(project: Path) -> None:
    numpy = pytest.importorskip("numpy")
    with siglum.start_run() as run:
        siglum.log_dict({"a": numpy.float64(0.5), "b": numpy.arange(2)}, "a.json")
        siglum.log_dict({"a": numpy.int64(3)}, "a.yml")
    assert siglum.artifacts.load_dict(f"runs:/{run.info.run_id}/a.json") == {"a": 0.5, "b": [0, 1]}
    assert siglum.artifacts.load_text(f"runs:/{run.info.run_id}/a.yml") == "a: 3\n"


def test_pictures(project: Path) -> None:
    numpy = pytest.importorskip("numpy")
    pillow = pytest.importorskip("PIL.Image")
    with siglum.start_run() as run:
        siglum.log_image(numpy.zeros((4, 5, 3), dtype="uint8"), "a.png")
        siglum.log_image(numpy.full((4, 5), 0.5), "b.png")
        siglum.log_image(pillow.new("RGB", (2, 3)), "c.jpg")
        for wrong in (numpy.zeros((4, 5, 7)), numpy.full((2, 2), 3.5), numpy.full((2, 2), 300)):
            with pytest.raises(InvalidInputError):
                siglum.log_image(wrong, "d.png")
        with pytest.raises(InvalidInputError, match="picture format"):
            siglum.log_image(numpy.zeros((4, 5)), "a.xyz")
    for name, size in {"a.png": (5, 4), "b.png": (5, 4), "c.jpg": (2, 3)}.items():
        local = siglum.artifacts.download_artifacts(f"runs:/{run.info.run_id}/{name}")
        with pillow.open(local) as picture:
            assert picture.size == size


def test_a_figure(project: Path) -> None:
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    from matplotlib.figure import Figure

    figure = Figure()
    figure.subplots().plot([1, 2, 3])
    with siglum.start_run() as run:
        siglum.log_figure(figure, "plots/a.png")
        siglum.log_figure(figure, "plots/a.svg", save_kwargs={"transparent": True})
        with pytest.raises(InvalidInputError):
            siglum.log_figure("no figure", "a.png")
    png = Path(siglum.artifacts.download_artifacts(f"runs:/{run.info.run_id}/plots/a.png"))
    assert png.read_bytes().startswith(b"\x89PNG")
    assert "<svg" in siglum.artifacts.load_text(f"runs:/{run.info.run_id}/plots/a.svg")


def test_the_client_by_id(project: Path, tmp_path: Path) -> None:
    client = siglum.MlflowClient()
    run_id = client.create_run("0").info.run_id
    (project / "f.txt").write_text("f")
    client.log_artifact(run_id, "f.txt", "x")
    client.log_artifacts(run_id, ".git/hooks", "hooks")
    client.log_text(run_id, "t", "t.txt")
    client.log_dict(run_id, {"a": 1}, "d.json")
    assert [entry.path for entry in client.list_artifacts(run_id)] == ["d.json", "hooks", "t.txt", "x"]
    assert [(entry.path, entry.file_size) for entry in client.list_artifacts(run_id, "x")] == [("x/f.txt", 1)]
    local = client.download_artifacts(run_id, "x/f.txt", str(tmp_path / "down"))
    assert Path(local).read_text() == "f"
    with pytest.raises(NotFoundError, match=r"Did you mean 't\.txt'"):
        client.download_artifacts(run_id, "t.tx")


def test_where_files_are(project: Path) -> None:
    with siglum.start_run() as run:
        assert siglum.get_artifact_uri() == run.info.artifact_uri
        siglum.log_text("x", "a/b.txt")
        uri = siglum.get_artifact_uri("a/b.txt")
    assert uri == f"mlflow-artifacts:/0/{run.info.run_id}/artifacts/a/b.txt"
    assert siglum.artifacts.load_text(uri) == "x"


def test_an_experiment_with_a_folder_of_its_own(project: Path, tmp_path: Path) -> None:
    siglum.create_experiment("here", artifact_location="files")
    siglum.set_experiment("here")
    with siglum.start_run() as run:
        siglum.log_text("x", "a.txt")
    assert run.info.artifact_uri.startswith("file:///")
    assert (project / "files" / run.info.run_id / "artifacts" / "a.txt").read_text() == "x"
    assert json.loads((project / "files" / run.info.run_id / "artifacts/siglum/recipe.json").read_text())["command"]


def test_which_artifact_is_meant(project: Path) -> None:
    with pytest.raises(InvalidInputError):
        siglum.artifacts.download_artifacts()
    with pytest.raises(InvalidInputError):
        siglum.artifacts.list_artifacts("runs:/a/b", "c")
    with pytest.raises(NotFoundError):
        siglum.artifacts.list_artifacts(run_id="f" * 32)


def test_a_second_download_replaces_the_first(project: Path, tmp_path: Path) -> None:
    with siglum.start_run() as run:
        siglum.log_text("old", "notes/a.txt")
        where = Path(siglum.artifacts.download_artifacts(run_id=run.info.run_id, dst_path=str(tmp_path)))
        siglum.log_text("new", "notes/a.txt")
    siglum.artifacts.download_artifacts(run_id=run.info.run_id, artifact_path="notes", dst_path=str(tmp_path))
    assert (where / "notes" / "a.txt").read_text() == "new"
    assert [each.name for each in (where / "notes").iterdir()] == ["a.txt"]


def test_what_is_not_there_is_what_python_says_of_it(tmp_path: Path) -> None:
    with siglum.start_run():
        for log in (siglum.log_artifact, siglum.log_artifacts):
            with pytest.raises(FileNotFoundError, match="to log"):
                log(str(tmp_path / "none"))
