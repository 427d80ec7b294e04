"""`.dvcignore`: which files of the workspace are invisible. Gitignore's syntax, in any folder, deeper files win."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

IGNORE_FILE: Final = ".dvcignore"
_ALWAYS = frozenset({".git", ".hg", ".dvc"})


class IgnoreMatch(msgspec.Struct, frozen=True):
    """The rule that hides a path."""

    file: str
    line: int
    pattern: str


class IgnoreRules:
    """The rules below one root. Each folder's file is read once; a folder that is ignored hides all below it."""

    def __init__(self, root: str) -> None:
        self._root = root.rstrip("/")
        self._own: dict[str, GitIgnoreSpec | None] = {}
        self._repositories: dict[str, bool] = {}
        self._chains: dict[str, tuple[tuple[str, GitIgnoreSpec], ...]] = {}

    def is_ignored(self, path: str, is_dir: bool) -> bool:
        """Whether the absolute `path` is hidden, given that its folder is not (the walker prunes)."""
        folder, _, name = path.rpartition("/")
        if name in _ALWAYS and (is_dir or name == ".git"):
            return True
        if is_dir and self._is_repository(path):
            return True
        return self._match(folder, path, is_dir) is not None

    def may_ignore_files(self, folder: str) -> bool:
        """Whether a file directly in the absolute `folder` could be hidden by a rule."""
        return bool(self._chain(folder)) or os.path.exists(f"{folder}/.git")

    def match(self, path: str) -> IgnoreMatch | None:
        """Return the rule that hides an absolute path or a folder above it, or None."""
        if path.rstrip("/") == self._root:
            return None
        relative = os.path.relpath(path, self._root).split(os.sep)
        current = self._root
        for i, name in enumerate(relative):
            folder, current = current, f"{current}/{name}"
            is_dir = i < len(relative) - 1 or os.path.isdir(current)
            if name in _ALWAYS and (is_dir or name == ".git"):
                return IgnoreMatch("built in", 1, f"{name}/")
            if is_dir and current != self._root and self._is_repository(current):
                return IgnoreMatch("built in", 1, f"{name}/, another data repository")
            found = self._match(folder, current, is_dir)
            if found is not None:
                return found
        return None

    def patterns_for(self, folder: str, path: str, is_dir: bool) -> Iterator[IgnoreMatch]:
        """Yield every pattern that names the absolute `path` in `folder`, also negated ones; the first one decides."""
        for base, spec in self._chain(folder):
            relative = path[len(base) + 1 :] + ("/" if is_dir else "")
            for index in reversed(range(len(spec.patterns))):
                pattern = spec.patterns[index]
                if pattern.include is not None and pattern.match_file(relative) is not None:
                    yield IgnoreMatch(f"{base}/{IGNORE_FILE}", index + 1, str(getattr(pattern, "pattern", "")))

    def is_repository(self, path: str) -> bool:
        """Whether an absolute path is that of another data repository inside this one."""
        return path != self._root and self._is_repository(path)

    def _is_repository(self, folder: str) -> bool:
        """Whether a folder is another data repository inside this one."""
        known = self._repositories.get(folder)
        if known is None:
            known = self._repositories[folder] = os.path.isdir(f"{folder}/.dvc")
        return known

    def _match(self, folder: str, path: str, is_dir: bool) -> IgnoreMatch | None:
        for base, spec in self._chain(folder):
            relative = path[len(base) + 1 :] + ("/" if is_dir else "")
            result = spec.check_file(relative)
            if result.include is not None:
                if not result.include or result.index is None:
                    return None
                pattern = str(getattr(spec.patterns[result.index], "pattern", ""))
                return IgnoreMatch(f"{base}/{IGNORE_FILE}", result.index + 1, pattern)
        return None

    def _chain(self, folder: str) -> tuple[tuple[str, GitIgnoreSpec], ...]:
        """Return the rules that apply in a folder, the deepest first."""
        chain = self._chains.get(folder)
        if chain is None:
            inside = folder == self._root or folder.startswith(self._root + "/")
            above = self._chain(folder.rpartition("/")[0]) if inside and folder != self._root else ()
            own = self._read(folder) if inside else None
            chain = self._chains[folder] = ((folder, own), *above) if own is not None else above
        return chain

    def _lines(self, folder: str) -> list[str]:
        """Return the lines of a folder's own rules, none where it has no file of them."""
        try:
            with open(f"{folder}/{IGNORE_FILE}", encoding="utf-8", errors="surrogateescape") as file:
                return [line.strip() for line in file]
        except (FileNotFoundError, NotADirectoryError):
            return []

    def _read(self, folder: str) -> GitIgnoreSpec | None:
        lines = self._lines(folder)
        if not any(line and not line.startswith("#") for line in lines):
            return None
        # Imported here: most repositories have no rules, and their commands start the faster for it.
        from pathspec import GitIgnoreSpec

        # Empty lines would be left out, and patterns counted by another number than that of their line.
        return GitIgnoreSpec.from_lines(line or "#" for line in lines)
