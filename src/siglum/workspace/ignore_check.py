"""Why a path is ignored: the patterns of `.dvcignore` files that name it. What `siglum check-ignore` tells."""

from __future__ import annotations

import os
from collections.abc import Iterator

import msgspec

from siglum.workspace.ignore import IgnoreRules

_BUILT_IN = {".dvc": ".dvc/", ".hg": ".hg/", ".git": ".git"}


class NamedBy(msgspec.Struct, frozen=True):
    """A pattern that names a path: `file` from the root and `line`, both None for what is always ignored."""

    pattern: str
    file: str | None = None
    line: int | None = None
    repository: bool = False
    """The path is in another data repository, `pattern`, inside this one."""

    @property
    def ignores(self) -> bool:
        """Whether it hides the path; a pattern that begins with `!` shows it again."""
        return not self.pattern.startswith("!")

    def __str__(self) -> str:
        if self.repository:
            return f"in sub_repo:{self.pattern}"
        return f":{self.pattern}" if self.file is None else f"{self.file}:{self.line}:{self.pattern}"


class IgnoreCheck(msgspec.Struct, frozen=True):
    """A path as it was asked for, and the patterns that name it; the first one decides."""

    path: str
    named_by: tuple[NamedBy, ...]

    @property
    def ignored(self) -> bool:
        """Whether the path is ignored."""
        return bool(self.named_by) and self.named_by[0].ignores


def check_ignored(rules: IgnoreRules, root: str, path: str, folder: str) -> IgnoreCheck:
    """Return which patterns name `path`, relative to `folder` or absolute; it need not exist.

    A path outside the repository at `root` is named by none. Both folders are absolute.
    """
    if not path:
        return IgnoreCheck(path, ())
    relative = os.path.relpath(os.path.join(folder, path), root)
    if relative == os.curdir or relative.split(os.sep, 1)[0] == os.pardir:
        return IgnoreCheck(path, ())
    at_leaf: list[NamedBy] = []
    parts = relative.split(os.sep)
    current = root.rstrip("/")
    for number, name in enumerate(parts, 1):
        above, current = current, f"{current}/{name}"
        is_last = number == len(parts)
        is_dir = not is_last or path.endswith("/") or os.path.isdir(current)
        found = list(_named(rules, root, above, current, is_dir))
        if is_last or (found and found[0].ignores):
            at_leaf = found
            break
    return IgnoreCheck(path, tuple(at_leaf))


def _named(rules: IgnoreRules, root: str, above: str, current: str, is_dir: bool) -> Iterator[NamedBy]:
    name = os.path.basename(current)
    if name in _BUILT_IN and (is_dir or name == ".git"):
        yield NamedBy(_BUILT_IN[name])
    if is_dir and rules.is_repository(current):
        yield NamedBy(os.path.relpath(current, root), repository=True)
    for match in rules.patterns_for(above, current, is_dir):
        yield NamedBy(match.pattern, os.path.relpath(match.file, root), match.line)
