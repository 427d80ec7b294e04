"""Git, through the `git` command: what a commit holds, what is tracked, what is not committed.

Paths go in and come out relative to the working tree's root, with `/` between names. They are passed literally (no
pathspec magic) and read NUL-separated, so any name works. Nothing here changes the user's index, branches or objects
except `add`, `fetch_from`, `keep`, `set_config`, `worktree_add` and `worktree_remove`.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Sequence

import msgspec

from siglum.core.errors import UnavailableError
from siglum.workspace.git_history import GitHistory
from siglum.workspace.git_process import failed, reason_of, without_password

_ARGUMENTS_AT_ONCE = 1000
# In `git status --porcelain=v2`, by the kind of the line: changed, in conflict, untracked.
_FIELDS_BEFORE_PATH = {"1": 8, "u": 10, "?": 1}


class CheckedOut(msgspec.Struct, frozen=True):
    """What a working tree shows: the commit (None before the first), the branch, and the paths that differ from it.

    The branch is None when HEAD is detached. Untracked files that are not ignored count as different.
    """

    commit: str | None
    branch: str | None
    changed: tuple[str, ...]

    def is_dirty(self, exclude: Iterable[str] = ()) -> bool:
        """Return whether anything but `exclude` differs from the commit."""
        skipped = [path.rstrip("/") for path in exclude]
        return any(not _is_below(path, skipped) for path in self.changed)


class Git(GitHistory):
    """One working tree. Every method runs `git` once or a few times, at some milliseconds each."""

    @classmethod
    def find(cls, start: str) -> Git | None:
        """Return the working tree that `start` lies in; its `.git` may be a folder, or a file (worktree, submodule)."""
        folder = os.path.abspath(start)
        while True:
            if os.path.exists(os.path.join(folder, ".git")):
                return cls(folder)
            parent = os.path.dirname(folder)
            if parent == folder:
                return None
            folder = parent

    # What is checked out

    def branch(self) -> str | None:
        """Return the branch's short name (also before its first commit), or None when HEAD is detached."""
        done = self._run("symbolic-ref", "-q", "--short", "HEAD")
        return os.fsdecode(done.stdout).strip() if done.returncode == 0 else None

    def remote_url(self) -> str | None:
        """Return the URL of `origin`, else of the first remote, without any password in it; None without a remote."""
        done = self._run("config", "-z", "--get-regexp", r"^remote\..*\.url$")
        urls: dict[str, str] = {}
        for record in os.fsdecode(done.stdout).split("\0"):
            key, _, url = record.partition("\n")
            if key:
                urls.setdefault(key, url)
        found = urls.get("remote.origin.url") or next(iter(urls.values()), None)
        return without_password(found) if found else None

    def path_of(self, name: str) -> str:
        """Return where Git keeps something of its own, as `hooks` or `info/attributes`; "." for its own folder."""
        if name == ".":
            return self._absolute(self._out("rev-parse", "--git-common-dir"))
        return self._absolute(self._out("rev-parse", "--git-path", name))

    def checked_out(self) -> CheckedOut:
        """Return what is checked out, and what was changed since: one moment, seen by one process."""
        out = self._out("status", "--porcelain=v2", "--branch", "-z", "--untracked-files=all", "--no-renames")
        headers: dict[str, str] = {}
        changed = []
        for record in map(os.fsdecode, out.split(b"\0")):
            kind = record[:1]
            if kind == "#":
                _, name, value = record.split(" ", 2)
                headers[name] = value
            elif kind:
                changed.append(record.split(" ", _FIELDS_BEFORE_PATH[kind])[-1])
        commit, branch = headers["branch.oid"], headers["branch.head"]
        return CheckedOut(
            None if commit == "(initial)" else commit, None if branch == "(detached)" else branch, tuple(changed)
        )

    def changes(self, *, untracked: bool) -> tuple[list[str], list[str]]:
        """Return the tracked files that differ from HEAD, and, if asked for, those neither tracked nor ignored."""
        files = "--untracked-files=all" if untracked else "--untracked-files=no"
        out = self._out("status", "--porcelain=v1", "-z", files, "--no-renames")
        records = [os.fsdecode(record) for record in out.split(b"\0") if record]
        changed = [record[3:] for record in records if not record.startswith("??")]
        return changed, [record[3:] for record in records if record.startswith("??")]

    def tracked(self, paths: Iterable[str]) -> set[str]:
        """Return those of `paths` that are in the index; a folder is when a file in it is."""
        wanted = {path.rstrip("/"): path for path in paths}
        found: set[str] = set()
        for chunk in _chunks(list(wanted)):
            for name in self._out("ls-files", "-z", "--cached", "--", *chunk).split(b"\0"):
                path = os.fsdecode(name)
                while path:
                    if path in wanted:
                        found.add(wanted[path])
                    path = path.rpartition("/")[0]
        return found

    def unmerged(self) -> dict[str, dict[int, str]]:
        """Return the files that a merge left in conflict: blobs by 1 (the common state), 2 (ours) and 3 (theirs)."""
        found: dict[str, dict[int, str]] = {}
        for record in self._out("ls-files", "-z", "--unmerged").split(b"\0"):
            if record:
                about, _, name = record.partition(b"\t")
                _, oid, number = about.decode().split(" ")
                found.setdefault(os.fsdecode(name), {})[int(number)] = oid
        return found

    def untracked(self) -> list[str]:
        """Return the files that Git neither tracks nor ignores; repositories inside this one are left out."""
        out = self._out("ls-files", "-z", "--others", "--exclude-standard")
        return [os.fsdecode(name) for name in out.split(b"\0") if name and not name.endswith(b"/")]

    def ignored(self, paths: Iterable[str]) -> set[str]:
        """Return those of `paths` that Git's ignore rules name, tracked or not. A folder ends in `/` or exists."""
        listed = list(paths)
        if not listed:
            return set()
        # `./` keeps a name that begins with a colon from being read as magic, which this command takes no other way.
        data = b"".join(b"./" + os.fsencode(path) + b"\0" for path in listed)
        magic = {"GIT_LITERAL_PATHSPECS": "0"}
        done = self._run("check-ignore", "-z", "--stdin", "--no-index", extra=magic, stdin=data)
        if done.returncode not in (0, 1):
            raise failed("check-ignore", done)
        return {os.fsdecode(name[2:]) for name in done.stdout.split(b"\0") if name}

    def visible(self, patterns: Iterable[str]) -> list[str]:
        """Return the files that match glob patterns (`**/` for any folders) and that no ignore rule hides."""
        globs = [f":(top,glob){pattern}" for pattern in patterns]
        magic = {"GIT_LITERAL_PATHSPECS": "0"}
        out = self._out("ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *globs, extra=magic)
        return sorted({os.fsdecode(name) for name in out.split(b"\0") if name})

    # What is not committed

    def diff_with_untracked(self, exclude: Iterable[str] = ()) -> bytes:
        """Return one patch from HEAD to the working tree, untracked but not ignored files and binary files included.

        The same state gives the same bytes, whatever the user's diff settings. `git apply` takes the patch. Works
        in a temporary index and object folder: the user's own are only read. Without a commit, the patch is against
        the empty tree.
        """
        # Imported here: it costs every other command some milliseconds.
        import tempfile

        skipped = [path.rstrip("/") for path in exclude]
        with tempfile.TemporaryDirectory(prefix="siglum-diff-") as scratch:
            index, objects = os.path.join(scratch, "index"), os.path.join(scratch, "objects")
            os.mkdir(objects)
            own_index = self._absolute(self._out("rev-parse", "--git-path", "index"))
            own_objects = self._absolute(self._out("rev-parse", "--git-path", "objects"))
            if os.path.exists(own_index):
                # Its stat cache spares reading unchanged files again. Its time comes along: by that Git knows which
                # files may have changed after they were looked at, within one tick of the clock.
                shutil.copy2(own_index, index)
            there = {
                "GIT_INDEX_FILE": index,
                "GIT_OBJECT_DIRECTORY": objects,
                "GIT_ALTERNATE_OBJECT_DIRECTORIES": _quoted(own_objects),
            }
            kept_out = [f":(top,exclude,literal){path}" for path in sorted(self.tracked(skipped))]
            scope = ["--", ":(top)", *kept_out]
            there_magic = there | {"GIT_LITERAL_PATHSPECS": "0"}
            self._out("-c", "core.safecrlf=false", "add", "-u", *scope, extra=there_magic)
            untracked = [
                name
                for name in self._out("ls-files", "-z", "--others", "--exclude-standard", extra=there).split(b"\0")
                # A name that ends in a slash is a repository inside this one: not ours to record.
                if name and not name.endswith(b"/") and not _is_below(os.fsdecode(name), skipped)
            ]
            if untracked:
                update = ("-c", "core.safecrlf=false", "update-index", "--add", "--replace", "-z", "--stdin")
                self._out(*update, extra=there, stdin=b"".join(name + b"\0" for name in untracked))
            base = self.head_commit() or self._out("hash-object", "-t", "tree", "--stdin", stdin=b"").decode().strip()
            # diff-index is plumbing: it does not look at the settings that shape what people see.
            return self._out(
                "-c", "core.quotePath=true", "-c", "core.compression=6", "-c", "diff.suppressBlankEmpty=false",
                "diff-index", "--cached", "--binary", "--full-index", "--no-renames", "--no-color", "--no-ext-diff",
                "--no-textconv", "--submodule=short", "--src-prefix=a/", "--dst-prefix=b/", "--unified=3",
                "--diff-algorithm=myers", "-p", base, *scope,
                extra=there_magic,
            )  # fmt: skip

    # What changes the repository

    def add(self, paths: Iterable[str]) -> None:
        """Put files into the index."""
        for chunk in _chunks(list(paths)):
            self._out("add", "--", *chunk)

    def fetch_from(self, url: str, refspecs: Sequence[str], *, prune: bool = False) -> None:
        """Get what `refspecs` name from a repository elsewhere. Raises UnavailableError when that cannot be done.

        The URL goes on no disk: it may hold a password.
        """
        options = ["--prune"] if prune else []
        done = self._run("fetch", "-q", "--force", "--no-tags", "--no-write-fetch-head", *options, "--", url, *refspecs)
        if done.returncode != 0:
            raise UnavailableError(
                f"Cannot get the repository {without_password(url)}: {reason_of(done)}",
                hint="Check its URL, the network, and that Git may read it.",
            )

    def keep(self, ref: str, commit: str) -> None:
        """Have a ref point at a commit."""
        self._out("update-ref", ref, commit)

    def set_config(self, name: str, value: str) -> None:
        """Set an option of this repository's own configuration."""
        self._out("config", "--local", "--replace-all", name, value)

    def worktree_add(self, path: str, commit: str) -> None:
        """Check a commit out, detached, into the new folder `path`, which shares this repository's objects."""
        self._out("worktree", "add", "--detach", "-q", path, commit)

    def worktree_remove(self, path: str) -> None:
        """Remove a folder that `worktree_add` made, with whatever is in it."""
        self._out("worktree", "remove", "--force", path)


def _is_below(path: str, folders: Sequence[str]) -> bool:
    return any(path == folder or path.startswith(folder + "/") for folder in folders)


def _chunks(items: Sequence[str]) -> Iterable[Sequence[str]]:
    for start in range(0, len(items), _ARGUMENTS_AT_ONCE):
        yield items[start : start + _ARGUMENTS_AT_ONCE]


def _quoted(path: str) -> str:
    # Git splits the variable at colons unless an element is quoted as a C string.
    return '"' + path.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
