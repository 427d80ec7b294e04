"""Parameters files as plain values: YAML, JSON, TOML, Python, told apart by suffix; and dotted keys into them. Pure."""

from __future__ import annotations

import ast
import json
import re
import tomllib
from collections.abc import Iterable, Mapping
from typing import Any

from siglum.core.errors import FileFormatError, InvalidInputError
from siglum.workspace.document import kind_of
from siglum.workspace.documents import decoded, load_yaml

_TOML_PLACE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)")


def parse_params(data: bytes, where: str) -> dict[str, Any]:
    """Read a parameters file; `where` is its path, whose suffix says the format (anything unknown is YAML).

    Raises FileFormatError with line and column.
    """
    values = parse_value(data, where)
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise FileFormatError(where, f"expected keys and values at the top, not {kind_of(values)}", line=1)
    return values


def parse_value(data: bytes, where: str) -> Any:
    """Do as `parse_params` for a file that may be one value alone."""
    suffix = where.rpartition(".")[2].lower()
    parsers = {"json": _parse_json, "toml": _parse_toml, "py": _parse_python}
    return parsers.get(suffix, load_yaml)(data, where)


def select(values: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """Return the values of dotted keys, flat; missing keys are left out. Without names, all top-level keys.

    A value is the very object that stands in `values`: what is written to a lock file says so by an anchor, as DVC's.
    """
    wanted = tuple(names)
    if not wanted:
        return dict(values)
    found: dict[str, Any] = {}
    for name in wanted:
        missing = object()
        value = _descend(values, name.split("."), missing)
        if value is not missing:
            found[name] = value
    return found


def check_recordable(values: Mapping[str, Any], where: str) -> None:
    """Refuse parameters that a lock file cannot hold so that they come back equal: dates, times, sets, bytes.

    Raises InvalidInputError that names the key.
    """
    for name, value in values.items():
        kind = _unrecordable(value)
        if kind is not None:
            raise InvalidInputError(
                f"The parameter {name!r} in {where} is a {kind}, which cannot be recorded.",
                hint="Write it as text, in quotes, or as a list.",
            )


def _descend(value: Any, parts: list[str], missing: object) -> Any:
    for part in parts:
        if isinstance(value, Mapping):
            key: Any = part
            if key not in value:
                key = next((k for k in value if str(k) == part), missing)
            if key is missing:
                return missing
            value = value[key]
        elif isinstance(value, list | tuple) and part.isdecimal() and int(part) < len(value):
            value = value[int(part)]
        else:
            return missing
    return value


def _unrecordable(value: Any) -> str | None:
    if value is None or isinstance(value, bool | int | float | str):
        return None
    if isinstance(value, Mapping):
        return next((kind for kind in map(_unrecordable, value.values()) if kind), None)
    if isinstance(value, list | tuple):
        return next((kind for kind in map(_unrecordable, value) if kind), None)
    return type(value).__name__


def _parse_json(data: bytes, where: str) -> Any:
    # Not msgspec, which has no `NaN` and no integers of any size; DVC's files may hold both.
    try:
        return json.loads(decoded(data, where))
    except json.JSONDecodeError as error:
        raise FileFormatError(where, f"not JSON: {error.msg}", line=error.lineno, column=error.colno) from None
    except (ValueError, RecursionError) as error:
        raise FileFormatError(where, f"not JSON: {error}") from None


def _parse_toml(data: bytes, where: str) -> Any:
    text = decoded(data, where)
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        said = str(error)
        place = _TOML_PLACE.search(said)
        line = None if place is None else int(place[1] or len(text.splitlines()) or 1)
        column = None if place is None or place[2] is None else int(place[2])
        raise FileFormatError(where, f"not TOML: {_TOML_PLACE.sub('', said)}", line=line, column=column) from None


def _parse_python(data: bytes, where: str) -> Any:
    try:
        module = ast.parse(data)
    except SyntaxError as error:
        raise FileFormatError(where, f"not Python: {error.msg}", line=error.lineno, column=error.offset) from None
    except ValueError as error:
        raise FileFormatError(where, f"not Python: {error}") from None
    return _literals(module.body, of_self=False)


def _literals(body: Iterable[ast.stmt], *, of_self: bool) -> dict[str, Any]:
    """Collect literal assignments, annotated ones, class attributes, and `self.x = …` in `__init__`.

    What is not a literal is left out: nothing of the file is run.
    """
    values: dict[str, Any] = {}
    for statement in body:
        if isinstance(statement, ast.ClassDef):
            values[statement.name] = _literals(statement.body, of_self=False)
        elif isinstance(statement, ast.FunctionDef) and statement.name == "__init__":
            values.update(_literals(statement.body, of_self=True))
        elif isinstance(statement, ast.Assign | ast.AnnAssign):
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            name = _target_name(targets[0], of_self=of_self) if len(targets) == 1 else None
            if name is None or statement.value is None:
                continue
            try:
                values[name] = _with_lists(ast.literal_eval(statement.value))
            except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
                continue
    return values


def _with_lists(value: Any) -> Any:
    """Return a value with lists for tuples: a lock file, which the value is compared with, has no other sequence."""
    if isinstance(value, dict):
        return {key: _with_lists(item) for key, item in value.items()}
    return [_with_lists(item) for item in value] if isinstance(value, list | tuple) else value


def _target_name(target: ast.expr, *, of_self: bool) -> str | None:
    if isinstance(target, ast.Name) and not of_self:
        return target.id
    if isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name) and target.value.id == "self":
        return target.attr
    return None
