"""`meta.siglum`: what it may say, and where an error in it is."""

from __future__ import annotations

from typing import Any

import pytest
from tests.pipeline.project import Project

from siglum.core.errors import FileFormatError
from siglum.pipeline.definition.stage_settings import StageSettings, read_settings
from siglum.pipeline.graph.load import load_pipeline
from siglum.workspace.document import Document


def read(section: Any) -> StageSettings:
    return read_settings(Document("dvc.yaml", "", {}), ("stages", "s"), {"siglum": section})


@pytest.mark.parametrize("meta", [None, {}, "text", ["siglum"], {"other": {"cores": 2}}, {"siglum": None}])
def test_without_it_all_is_as_usual(meta: Any) -> None:
    assert read_settings(Document("dvc.yaml", "", {}), ("stages", "s"), meta) == StageSettings()


def test_all_of_it() -> None:
    section = {"cores": 4, "memory": "8GiB", "gpus": 1, "mutex": ["db", "net"], "retries": 2, "timeout": "15m"}
    assert read(section) == StageSettings(4, 8 * 1024**3, 1, ("db", "net"), 2, 900.0)


@pytest.mark.parametrize(
    ("memory", "found"),
    [(5, 5), ("5", 5), ("1kB", 1000), ("1.5 MB", 1_500_000), ("2g", 2 * 10**9), ("1KiB", 1024), ("1Ti", 1024**4)],
)
def test_memory(memory: Any, found: int) -> None:
    assert read({"memory": memory}).memory == found


@pytest.mark.parametrize(
    ("timeout", "found"), [(5, 5.0), (0.5, 0.5), ("90s", 90.0), ("2h", 7200.0), ("1.5 min", 90.0), ("1d", 86400.0)]
)
def test_timeouts(timeout: Any, found: float) -> None:
    assert read({"timeout": timeout}).timeout == found


def test_one_mutex_may_be_named_alone() -> None:
    assert read({"mutex": "db"}).mutex == ("db",)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("cores: 0", "expected a whole number, 1 or more, not 0"),
        ("cores: true", "expected a whole number, 1 or more, not true or false"),
        ("gpus: -1", "expected a whole number, 0 or more, not -1"),
        ("memory: 1 XB", "expected bytes, or a text like '500MB' or '4GiB', not '1 XB'"),
        ("mutex: [1]", "expected a name or a list of names, not a list"),
        ("retries: 1.5", "expected a whole number, 0 or more, not 1.5"),
        ("timeout: 0", "expected seconds, or a text like '90s', '15m' or '2h', not 0"),
        ("timeout: .inf", "expected seconds"),
        ("timeout: soon", "not 'soon'"),
        ("core: 1", "there is no such key here. Did you mean 'cores'"),
    ],
)
def test_an_error_names_file_line_and_key(project: Project, line: str, said: str) -> None:
    project.write("dvc.yaml", f"stages:\n  s:\n    cmd: x\n    meta:\n      siglum:\n        {line}\n")
    with pytest.raises(FileFormatError) as caught:
        load_pipeline(project.open())
    assert str(caught.value).startswith(f"dvc.yaml:6:9: stages.s.meta.siglum.{line.split(':')[0]}: ")
    assert said in str(caught.value)


def test_it_is_a_mapping(project: Project) -> None:
    project.write("dvc.yaml", "stages:\n  s:\n    cmd: x\n    meta: {siglum: 4}\n")
    with pytest.raises(
        FileFormatError, match=r"^dvc\.yaml:4:12: stages\.s\.meta\.siglum: expected a mapping, not a num"
    ):
        load_pipeline(project.open())
