"""What changed of a stage, in columns: what kind of thing, its name, from what to what. Values in, lines out."""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec
from msgspec import UNSET

from siglum.core.text import count
from siglum.pipeline.records.lock import PARAMS_FILE
from siglum.pipeline.status.explain import Difference, Explanation, FileDifference, Missing
from siglum.pipeline.status.staleness import Cause, Change

_FILES_SHOWN = 5
_LINES_SHOWN = 10
_DIFFERENCES_SHOWN = 12
_KIND_WIDTH = 7
_LONGEST_NAME = 40
_KEPT_OF_PREFIX = 12
_HASH_DIGITS = 8
_KINDS = {Cause.COMMAND: "command", Cause.PARAMETER: "param", Cause.DEPENDENCY: "depends", Cause.OUTPUT: "output"}
_SIGNS = {Change.NEW: "+", Change.DELETED: "-"}


class Names(msgspec.Struct, frozen=True):
    """How stages (by address) and paths (from the root) are called where the reader stands."""

    stage: Callable[[str], str]
    path: Callable[[str], str]


class _Row(msgspec.Struct, frozen=True):
    """One thing that changed: from `old` to `new`, or as `old` says alone. `below` stand on lines of their own."""

    kind: str
    what: str
    old: str = ""
    new: str | None = None
    below: tuple[str, ...] = ()


def block_lines(explanation: Explanation, names: Names, room: int | None) -> list[str]:
    """Return the lines that say what changed, in columns: what kind of thing, its name, from what to what."""
    longest = _LONGEST_NAME if room is None else min(_LONGEST_NAME, room // 2)
    rows = list(_rows(explanation, names))
    width = min(max((len(row.what) for row in rows if row.old), default=0), longest)
    lines = []
    for row in rows:
        start = f"  {row.kind:{_KIND_WIDTH}} {row.what}"
        if row.old:
            # Of a long path the end says most; where nothing is to be cut it stands out of its column.
            what = row.what if room is None or len(row.what) <= width else f"…{row.what[1 - width :]}"
            start = f"  {row.kind:{_KIND_WIDTH}} {what:{width}}  "
        left = None if room is None else room - len(start)
        change = row.old if row.new is None else " → ".join(_fit_pair(row.old, row.new, left))
        lines.append(_cut(start + change, room))
        lines += [_cut(f"  {'':{_KIND_WIDTH}}   {line}", room) for line in row.below]
    return lines


def _rows(explanation: Explanation, names: Names) -> Iterator[_Row]:
    if explanation.hit is not None:
        run = explanation.hit.run_id
        yield _Row(
            "result", f"of run {run}" if run else f"{explanation.hit.entry[:12]} of the run cache; no run on record"
        )
    differences = [each for each in explanation.differences if not _goes_without_saying(each, explanation)]
    yield from (_missing_row(each, names) for each in explanation.missing)
    named = {(each.path, each.name) for each in explanation.missing}
    differences = [each for each in differences if (each.path, each.name) not in named]
    shown = differences if len(differences) <= _DIFFERENCES_SHOWN else differences[: _DIFFERENCES_SHOWN - 1]
    for each in shown:
        yield _row(each, names)
    if len(shown) < len(differences):
        yield _Row("and", f"{len(differences) - len(shown)} more; --json has all")


def _missing_row(missing: Missing, names: Names) -> _Row:
    if missing.name is not None:
        return _Row("missing", _parameter(missing.path, missing.name, names), "not in the file")
    return _Row("missing", names.path(missing.path), "no stage makes it")


def _goes_without_saying(difference: Difference, explanation: Explanation) -> bool:
    """Everything is new to a stage that never ran; and what comes before it is said in the heading."""
    if difference.cause is Cause.UPSTREAM:
        return True
    return not explanation.recorded and difference.cause not in (Cause.ALWAYS, Cause.FORCED)


def _row(difference: Difference, names: Names) -> _Row:
    match difference.cause:
        case Cause.ALWAYS:
            return _Row("always", "it is declared to run every time")
        case Cause.FORCED:
            return _Row("forced", "changed or not")
        case Cause.COMMAND:
            old, new = _command_lines(difference.old), _command_lines(difference.new)
            first, *rest = _limited(command_diff(old, new), _LINES_SHOWN, "line") or ["the same, split otherwise"]
            return _Row("command", first, below=tuple(rest))
        case Cause.PARAMETER:
            return _parameter_row(difference, names)
    return _path_row(difference, names)


def _parameter_row(difference: Difference, names: Names) -> _Row:
    path = difference.path or ""
    if difference.name is None:
        return _Row("param", names.path(path), "the file is missing")
    return _Row("param", _parameter(path, difference.name, names), _value(difference.old), _value(difference.new))


def _parameter(path: str, name: str, names: Names) -> str:
    shown = names.path(path)
    return name if shown == PARAMS_FILE else f"{shown}:{name}"


def _path_row(difference: Difference, names: Names) -> _Row:
    kind, path = _KINDS[difference.cause], names.path(difference.path or "")
    old = _hash(difference.old)
    match difference.change:
        case Change.NOT_IN_CACHE:
            return _Row(kind, path, f"{old} is not in the cache")
        case Change.DELETED:
            return _Row(kind, path, old, "missing")
    if difference.new is UNSET:
        return _Row(kind, path, "changed", old)  # it is back to what is recorded
    if not difference.files:
        return _Row(kind, path, old, _hash(difference.new))
    files = [_file_line(each) for each in difference.files]
    return _Row(kind, path, _files_in_short(difference.files), below=tuple(_limited(files, _FILES_SHOWN, "file")))


def _files_in_short(files: Sequence[FileDifference]) -> str:
    counts = {
        said: sum(each.change is change for each in files)
        for change, said in ((Change.MODIFIED, "changed"), (Change.NEW, "new"), (Change.DELETED, "gone"))
    }
    first, *rest = [(number, said) for said, number in counts.items() if number]
    return ", ".join([f"{count(first[0], 'file')} {first[1]}", *(f"{number} {said}" for number, said in rest)])


def _file_line(file: FileDifference) -> str:
    sign = _SIGNS.get(file.change, "~")
    return f"{sign} {file.path}" + (f"  {_hash(file.old)} → {_hash(file.new)}" if sign == "~" else "")


def command_diff(old: Sequence[str], new: Sequence[str]) -> list[str]:
    """Return the lines of a command that are gone and those that are new, unchanged ones between them left out."""
    found = []
    for tag, i1, i2, j1, j2 in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag != "equal":
            found += [f"- {line}" for line in old[i1:i2]] + [f"+ {line}" for line in new[j1:j2]]
    return found


def _command_lines(command: Any) -> list[str]:
    commands = [command] if isinstance(command, str) else command if isinstance(command, list) else []
    return [line.strip() for each in commands for line in str(each).splitlines()]


def _limited(lines: list[str], limit: int, noun: str) -> list[str]:
    if len(lines) <= limit:
        return lines
    left = len(lines) - limit + 1
    return [*lines[: limit - 1], f"and {count(left, f'more {noun}')}"]


def _value(value: Any) -> str:
    return "none" if value is UNSET else json.dumps(value, ensure_ascii=False, default=str)


def _hash(value: Any) -> str:
    """Return a hash as people read it."""
    return value[:_HASH_DIGITS] if isinstance(value, str) else "none"


def _fit_pair(old: str, new: str, room: int | None) -> tuple[str, str]:
    """Shorten two texts so that both fit a line and still show where they differ."""
    if room is None or len(old) + len(new) + 3 <= room:
        return old, new
    half = max((room - 3) // 2, 1)
    kept = min(_KEPT_OF_PREFIX, half // 3)
    same = next((i for i, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)))
    if same > kept:
        old, new = f"…{old[same - kept :]}", f"…{new[same - kept :]}"
    old = _cut(old, max(half, room - 3 - len(new)))
    return old, _cut(new, max(half, room - 3 - len(old)))


def _cut(line: str, room: int | None) -> str:
    line = line.replace("\n", "\\n")
    return line if room is None or len(line) <= room else line[: room - 1] + "…"
