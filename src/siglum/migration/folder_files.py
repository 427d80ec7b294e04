"""The files of MLflow's file store: `meta.yaml` of a record, a value in a file, lines of a series."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any, Final

import msgspec
import yaml

from siglum.core.errors import FileFormatError
from siglum.core.failures import file_errors

META: Final = "meta.yaml"


class Meta(msgspec.Struct, frozen=True):
    """What a `meta.yaml` says."""

    path: str
    values: dict[str, Any]

    def text(self, name: str) -> str:
        """Return a text; nothing is an empty one."""
        value = self.values.get(name)
        return "" if value is None else str(value)

    def number(self, name: str) -> int:
        """Return a whole number; nothing is 0. Raises FileFormatError."""
        value = self.values.get(name) or 0
        try:
            return int(value)
        except (TypeError, ValueError):
            raise FileFormatError(self.path, f"{name} is {value!r}, which is no whole number.") from None


def read_meta(folder: str) -> Meta:
    """Return what a record says of itself. Raises FileFormatError when it is damaged, or not there."""
    path = os.path.join(folder, META)
    if not os.path.isfile(path):
        raise FileFormatError(path, "this file is missing, so that nobody knows what the folder is.")
    try:
        values = yaml.load(read_text(path), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = None if mark is None else mark.line + 1
        raise FileFormatError(path, "this is no YAML.", line=line) from None
    if not isinstance(values, dict):
        raise FileFormatError(path, "this is empty, or no mapping.")
    return Meta(path, values)


def read_text(path: str) -> str:
    """Return what is in a file. Raises FileFormatError when it is no UTF-8."""
    with file_errors(path), open(path, "rb") as file:
        data = file.read()
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise FileFormatError(path, "this is not UTF-8.") from None


def subfolders(folder: str, name: str = "") -> list[str]:
    """Return the folders in a folder (or in one below it), by name; none when it is not there."""
    top = os.path.join(folder, name) if name else folder
    if not os.path.isdir(top):
        return []
    with file_errors(top), os.scandir(top) as entries:
        return sorted(entry.path for entry in entries if entry.is_dir() and not entry.name.startswith("."))


def values_below(folder: str) -> dict[str, str]:
    """Return the value in each file below a folder, by its path: keys may hold slashes."""
    found = {}
    for top, names, files in os.walk(folder):
        names.sort()
        for name in files:
            path = os.path.join(top, name)
            found[os.path.relpath(path, folder).replace(os.sep, "/")] = read_text(path)
    return dict(sorted(found.items()))


def lines_of(path: str) -> Iterator[tuple[int, list[str]]]:
    """Yield number and fields of each line that holds something."""
    with file_errors(path), open(path, encoding="utf-8", errors="replace") as file:
        for number, line in enumerate(file, 1):
            fields = line.split()
            if fields:
                yield number, fields
