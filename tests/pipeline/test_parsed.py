"""YAML files remembered by their bytes: what comes back is what parsing gives, and damage is noticed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.pipeline.project import Project

from siglum.core.errors import FileFormatError
from siglum.pipeline.definition import parsed
from siglum.pipeline.definition.parsed import ParsedFiles
from siglum.workspace.documents import load_yaml

PADDING = "# padding\n" * 2000


@pytest.fixture
def parses(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that were really parsed."""
    seen: list[str] = []

    def counting(data: bytes, where: str) -> Any:
        seen.append(where)
        return load_yaml(data, where)

    monkeypatch.setattr(parsed, "load_yaml", counting)
    return seen


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("a: 1\nb: [x, {c: null}]\nz: 1.5\nt: true\n1: one\n'1': text\n", True),
        ("z: 1\na: .inf\nempty: {}\nlist: []\n", True),
        ("big: 123456789012345678901234567890\n", False),
        ("day: 2020-01-01\n", False),
        ("n: .nan\n", False),
        ("a: &x {k: 1}\nb: *x\n", False),
        ("cmd: a && b > c 2>&1\n", True),
    ],
)
def test_what_comes_back_is_what_parsing_gives(project: Project, parses: list[str], text: str, kept: bool) -> None:
    data = (PADDING + text).encode()
    first, second = (repr(ParsedFiles(project.open()).load(data, "f")) for _ in range(2))
    assert first == second == repr(load_yaml(data, "f"))
    assert parses == ["f"] * (1 if kept else 2)


def test_small_files_are_not_kept(project: Project, parses: list[str]) -> None:
    for _ in range(2):
        assert ParsedFiles(project.open()).load(b"a: 1\n", "f") == {"a": 1}
    assert parses == ["f", "f"]


def entries(project: Project) -> list[Path]:
    return list((project.root / ".dvc/tmp/siglum/parsed").iterdir())


def test_a_damaged_entry_is_made_again(project: Project, parses: list[str]) -> None:
    data = (PADDING + "a: 1\n").encode()
    files = ParsedFiles(project.open())
    files.load(data, "f")
    (entry,) = entries(project)
    for damage in (b"", entry.read_bytes()[:-1], entry.read_bytes()[:-1] + b"\7"):
        entry.write_bytes(damage)
        assert files.load(data, "f") == {"a": 1}
    assert len(parses) == 4


def test_errors_are_those_of_parsing(project: Project) -> None:
    with pytest.raises(FileFormatError, match=r"^f:2002:1: "):
        ParsedFiles(project.open()).load((PADDING + "a: [\n").encode(), "f")


def test_only_so_many_are_kept(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parsed, "_KEPT", 3)
    for number in range(6):
        ParsedFiles(project.open()).load(f"{PADDING}a: {number}\n".encode(), "f")
    assert len(entries(project)) == 3


def test_where_nothing_can_be_written_all_goes_on(project: Project) -> None:
    project.write(".dvc/tmp/siglum", "in the way")
    data = (PADDING + "a: 1\n").encode()
    assert ParsedFiles(project.open()).load(data, "f") == {"a": 1}
