"""The demo, walked whole, and how it refuses."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from siglum.cli import app

STEPS = (
    "1. Data",
    "2. Pipeline",
    "3. Run",
    "4. Remote",
    "5. A second",
    "6. Trace",
    "7. Diff",
    "8. Reproduce",
    "9. Look",
)


@pytest.mark.slow
def test_the_whole_road(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "siglum.cli", "demo", "demo-project"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    printed = done.stdout
    assert done.returncode == 0, printed + done.stderr
    assert done.stderr == ""
    places = [printed.index(step) for step in STEPS]
    assert places == sorted(places)
    for said in (
        "$ siglum add data/cancer.csv",
        "569 rows",
        "$ git tag v1.0",
        "$ siglum repro",
        "$ siglum push",
        "$ siglum pull",
        "cancer-classifier@champion: version 2 → version 1",
        "$ siglum trace cancer-classifier@1",
        "in v1.0, behind data/prepared",
        "v2.0",
        "cancer-classifier@1 reproduced: level L6, bit-identical model",
        "http://127.0.0.1:5000",
    ):
        assert said in printed, f"{said!r} not in\n{printed}"
    project = tmp_path / "demo-project"
    assert (project / "metrics.json").exists()
    status = subprocess.run(["git", "status", "--porcelain"], cwd=project, capture_output=True, text=True, check=True)
    assert status.stdout == ""
    assert list((tmp_path / "demo-project").rglob("confusion_matrix.png"))


def test_it_overwrites_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    mine = tmp_path / "demo-project"
    mine.mkdir()
    (mine / "kept").write_text("x")
    assert app.run(["demo"]) == 1
    said = capsys.readouterr().err
    assert "rm -r demo-project" in said
    assert said.count("\n") == 1
    assert [path.name for path in mine.iterdir()] == ["kept"]


def test_what_is_missing_is_named_with_its_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "matplotlib" else found(name))
    monkeypatch.chdir(tmp_path)
    assert app.run(["demo"]) == 1
    said = capsys.readouterr().err
    assert "matplotlib" in said
    assert "pip install 'siglum[demo]'" in said
    assert not (tmp_path / "demo-project").exists()


@pytest.mark.parametrize("package", ["sklearn", "skops", "pandas", "matplotlib"])
def test_without_a_package_one_line_says_how_to_install(tmp_path: Path, package: str) -> None:
    """In a process in which it cannot be imported, as in a plain installation."""
    code = f"import sys\nsys.modules[{package!r}] = None\nfrom siglum.cli.app import run\nsys.exit(run(['demo']))"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stdout == ""
    name = "scikit-learn" if package == "sklearn" else package
    assert done.stderr == (f"error: The demo needs {name}, which is not installed. Run: pip install 'siglum[demo]'\n")
    assert list(tmp_path.iterdir()) == []
