from __future__ import annotations

import json
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from siglum.core.errors import InvalidInputError, NotFoundError
from siglum.models.requirements import combine, infer_requirements, read_requirements, write_environment
from siglum.models.trust import ModelWarning


def install(monkeypatch: pytest.MonkeyPatch, site: Path, name: str, version: str, origin: Any = None) -> None:
    """Make a distribution with one module of its name, as an installer would leave it."""
    info = site / f"{name}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    (info / "RECORD").write_text(f"{name}.py,,\n")
    (site / f"{name}.py").write_text("")
    if origin is not None:
        (info / "direct_url.json").write_text(json.dumps(origin))
    monkeypatch.setattr(sys, "path", [str(site), *sys.path])


def test_modules_become_pinned_distributions() -> None:
    assert infer_requirements(["sklearn.tree._tree", "builtins", "collections", "__main__", "not_there.x"]) == [
        f"scikit-learn=={metadata.version('scikit-learn')}"
    ]


def test_a_local_version_is_pinned_by_its_public_part(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    install(monkeypatch, tmp_path, "madeup", "2.1+cu118")
    assert infer_requirements(["madeup"]) == ["madeup==2.1"]


def test_a_package_from_git_is_pinned_by_its_commit(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    origin = {"url": "https://example.org/x.git", "vcs_info": {"vcs": "git", "commit_id": "abc"}}
    install(monkeypatch, tmp_path, "madeup", "1", origin)
    assert infer_requirements(["madeup.sub"]) == ["madeup @ git+https://example.org/x.git@abc"]


def test_a_package_from_a_folder_is_left_out_with_a_warning(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    install(monkeypatch, tmp_path, "madeup", "1", {"url": "file:///x", "dir_info": {"editable": True}})
    with pytest.warns(ModelWarning, match="madeup"):
        assert infer_requirements(["madeup"]) == []


def test_lines_are_read_from_files_and_lists(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("x==1  # why\n-r b.txt\n")
    (tmp_path / "b.txt").write_text("y\n")
    assert read_requirements(str(tmp_path / "a.txt")) == ["x==1", "y"]
    with pytest.raises(NotFoundError, match="no requirements file"):
        read_requirements("nothing.txt")
    with pytest.raises(InvalidInputError, match="constraints"):
        read_requirements(["-c c.txt"])
    with pytest.raises(InvalidInputError, match="exclude each other"):
        combine([], ["a"], ["b"])


def test_a_conda_environment_is_kept_as_given(tmp_path: Path) -> None:
    environment = {"name": "mine", "dependencies": ["python=3.11", {"pip": ["a==1"]}]}
    write_environment(str(tmp_path), ["ignored"], environment)
    assert (tmp_path / "requirements.txt").read_text() == "a==1\n"
    assert "name: mine" in (tmp_path / "conda.yaml").read_text()
    with pytest.raises(InvalidInputError, match="dependencies"):
        write_environment(str(tmp_path), [], {"name": "x"})
