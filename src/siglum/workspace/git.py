"""Git, through the `git` command: what a commit holds, what is tracked, what is not committed.

Paths go in and come out relative to the working tree's root, with `/` between names. They are passed literally (no
pathspec magic) and read NUL-separated, so any name works. Nothing here changes the user's index, branches or objects
except `add`, `fetch_from`, `keep`, `set_config`, `worktree_add` and `worktree_remove`.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import urlsplit, urlunsplit

import msgspec

from siglum.core.errors import NotFoundError, SiglumError, UnavailableError

# Set by Git for its hooks; they would point commands at another index or repository than the one at `root`.
_LOCAL_VARIABLES = (
    "GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR", "GIT_PREFIX",
    "GIT_NAMESPACE", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_QUARANTINE_PATH", "GIT_LITERAL_PATHSPECS",
    "GIT_GLOB_PATHSPECS", "GIT_NOGLOB_PATHSPECS", "GIT_ICASE_PATHSPECS", "GIT_EXTERNAL_DIFF", "GIT_DIFF_OPTS",
)  # fmt: skip
_ARGUMENTS_AT_ONCE = 1000
# How the line of Git's that says what is the matter begins; others are advice.
_TELLING = ("fatal:", "error:", "ssh:", "remote: error", "host key verification")
# In `git status --porcelain=v2`, by the kind of the line: changed, in conflict, untracked.
_FIELDS_BEFORE_PATH = {"1": 8, "u": 10, "?": 1}
_USER_INFO = re.compile(r"(?<=:)//[^/@\s']+@")


class TreeEntry(msgspec.Struct, frozen=True):
    """One file of a commit: its mode (`100644`, `100755`, `120000`, `160000`), its object's id and its path."""

    mode: str
    oid: str
    path: str


class AnnotatedTag(msgspec.Struct, frozen=True):
    """A tag that says who made it and when (seconds since the epoch), and the commit that it stands for."""

    name: str
    commit: str
    time: int


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


class Git:
    """One working tree. Every method runs `git` once or a few times, at some milliseconds each."""

    def __init__(self, root: str) -> None:
        self.root = root

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

    def head_commit(self) -> str | None:
        """Return the commit that is checked out, or None before the first commit."""
        return self.resolve("HEAD")

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
            raise _failed("check-ignore", done)
        return {os.fsdecode(name[2:]) for name in done.stdout.split(b"\0") if name}

    def visible(self, patterns: Iterable[str]) -> list[str]:
        """Return the files that match glob patterns (`**/` for any folders) and that no ignore rule hides."""
        globs = [f":(top,glob){pattern}" for pattern in patterns]
        magic = {"GIT_LITERAL_PATHSPECS": "0"}
        out = self._out("ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *globs, extra=magic)
        return sorted({os.fsdecode(name) for name in out.split(b"\0") if name})

    # What a revision holds

    def resolve(self, rev: str) -> str | None:
        """Return the commit that `rev` (branch, tag, commit, `HEAD~1`, …) names, or None."""
        if rev.startswith("-"):
            return None
        done = self._run("rev-parse", "--verify", "-q", f"{rev}^{{commit}}")
        return done.stdout.decode().strip() if done.returncode == 0 else None

    def read_file(self, rev: str, path: str) -> bytes | None:
        """Return a file's bytes at `rev`, or None when `rev` or the file is not there."""
        commit = self.resolve(rev)
        if commit is None:
            return None
        done = self._run("cat-file", "blob", f"{commit}:{path}")
        return done.stdout if done.returncode == 0 else None

    def tree(self, rev: str) -> tuple[TreeEntry, ...]:
        """Return all files of a commit in Git's order. Raises NotFoundError when `rev` is not there."""
        commit = self.resolve(rev)
        if commit is None:
            raise NotFoundError(f"Git has no revision {rev!r}.", hint="See 'git log --all' and 'git tag'.")
        entries = []
        for record in self._out("ls-tree", "-r", "-z", "--full-tree", commit).split(b"\0"):
            if record:
                facts, _, name = record.partition(b"\t")
                mode, _, oid = facts.decode().split(" ")
                entries.append(TreeEntry(mode, oid, os.fsdecode(name)))
        return tuple(entries)

    def blobs(self, oids: Iterable[str]) -> dict[str, bytes]:
        """Return the bytes of many blobs, read by one process."""
        wanted = list(dict.fromkeys(oids))
        if not wanted:
            return {}
        done = self._run("cat-file", "--batch", stdin="".join(f"{oid}\n" for oid in wanted).encode())
        if done.returncode != 0:
            raise _failed("cat-file", done)
        found, data, start = {}, done.stdout, 0
        for _ in wanted:
            end = data.index(b"\n", start)
            oid, kind, *length = data[start:end].decode().split(" ")
            if kind == "missing":
                raise NotFoundError(f"Git has no object {oid}.", hint="Fetch the repository's whole history.")
            size = int(length[0])
            found[oid] = data[end + 1 : end + 1 + size]
            start = end + size + 2
        return found

    def sizes(self, oids: Iterable[str]) -> dict[str, int]:
        """Return the sizes in bytes of many objects, read by one process; what is not there is left out."""
        wanted = list(dict.fromkeys(oids))
        if not wanted:
            return {}
        stdin = "".join(f"{oid}\n" for oid in wanted).encode()
        lines = self._out("cat-file", "--batch-check=%(objectname) %(objectsize)", stdin=stdin).decode().splitlines()
        found = (line.split(" ") for line in lines)
        return {oid: int(size) for oid, size in found if size.isdecimal()}

    def log_of(self, path: str) -> list[str]:
        """Return the commits that changed `path` and that HEAD can reach, newest first."""
        if self.head_commit() is None:
            return []
        return self._out("log", "--format=%H", "HEAD", "--", path).decode().split()

    def tags_at(self, commit: str) -> list[str]:
        """Return the names of the tags that point at a commit, sorted."""
        return sorted(os.fsdecode(self._out("tag", "--points-at", commit)).splitlines())

    def branches(self) -> list[str]:
        """Return the names of all local branches."""
        return os.fsdecode(self._out("for-each-ref", "--format=%(refname:short)", "refs/heads")).splitlines()

    def tags(self) -> list[str]:
        """Return the names of all tags."""
        return os.fsdecode(self._out("for-each-ref", "--format=%(refname:short)", "refs/tags")).splitlines()

    def tips(self, prefix: str) -> list[tuple[str, str]]:
        """Return what refs below `prefix` (`refs/tags/`) are called there, sorted, and the commits they lead to.

        A ref that leads to something else than a commit is left out.
        """
        form = "--format=%(refname)%00%(objecttype)%00%(objectname)%00%(*objecttype)%00%(*objectname)"
        found = []
        for line in os.fsdecode(self._out("for-each-ref", form, prefix)).splitlines():
            name, kind, oid, inner_kind, inner = line.split("\0")
            if "commit" in (kind, inner_kind):
                found.append((name.removeprefix(prefix), oid if kind == "commit" else inner))
        return found

    def annotated_tags(self) -> list[AnnotatedTag]:
        """Return the annotated tags of commits, in no order."""
        form = "--format=%(refname:strip=2)%00%(*objecttype)%00%(*objectname)%00%(taggerdate:unix)"
        found = []
        for line in os.fsdecode(self._out("for-each-ref", form, "refs/tags")).splitlines():
            name, kind, commit, time = line.split("\0")
            if kind == "commit":
                found.append(AnnotatedTag(name, commit, int(time or 0)))
        return found

    def commits(self) -> list[str]:
        """Return every commit that a branch, tag, remote branch or HEAD reaches, newest first."""
        reach = ["--branches", "--tags", "--remotes"] + (["HEAD"] if self.head_commit() else [])
        return self._out("rev-list", *reach).decode().split()

    def ancestors(self, rev: str, number: int) -> list[str]:
        """Return a commit and its first parents, `number` commits in all; all when it is below zero.

        Raises NotFoundError when `rev` is not there.
        """
        commit = self.resolve(rev)
        if commit is None:
            raise NotFoundError(f"Git has no revision {rev!r}.", hint="See 'git log --all' and 'git tag'.")
        limit = [] if number < 0 else [f"--max-count={number}"]
        return self._out("rev-list", "--first-parent", *limit, commit).decode().split()

    def committed_since(self, seconds: float) -> list[str]:
        """Return those of `commits` that were made at or after a time, in seconds since the epoch."""
        reach = ["--branches", "--tags", "--remotes"] + (["HEAD"] if self.head_commit() else [])
        lines = self._out("rev-list", "--timestamp", *reach).decode().splitlines()
        return [commit for made, commit in map(str.split, lines) if int(made) >= seconds]

    def refs(self, prefix: str) -> list[str]:
        """Return the commits that refs below `prefix` point at."""
        return self._out("for-each-ref", "--format=%(objectname)", prefix).decode().split()

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
                f"Cannot get the repository {without_password(url)}: {_reason(done)}",
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

    # Running

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start a `git` that answers on its standard output what is asked on its standard input."""
        try:
            return subprocess.Popen(
                ["git", "-C", self.root, *arguments],
                env=_environment(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
        except FileNotFoundError:
            raise _no_git() from None

    def _absolute(self, output: bytes) -> str:
        return os.path.join(self.root, os.fsdecode(output.rstrip(b"\n")))

    def _out(self, *arguments: str, extra: Mapping[str, str] | None = None, stdin: bytes | None = None) -> bytes:
        done = self._run(*arguments, extra=extra, stdin=stdin)
        if done.returncode != 0:
            raise _failed(next(a for a in arguments if not a.startswith("-") and "=" not in a), done)
        return done.stdout

    def _run(
        self, *arguments: str, extra: Mapping[str, str] | None = None, stdin: bytes | None = None
    ) -> subprocess.CompletedProcess[bytes]:
        return run_git(["-C", self.root, *arguments], _environment() | dict(extra or {}), stdin)


def _environment() -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if key not in _LOCAL_VARIABLES} | {
        "GIT_LITERAL_PATHSPECS": "1",
        "GIT_OPTIONAL_LOCKS": "0",
        "LC_ALL": "C",
        "GIT_TERMINAL_PROMPT": "0",
    }


def run_git(
    arguments: Sequence[str], environment: Mapping[str, str] | None = None, stdin: bytes | None = None
) -> subprocess.CompletedProcess[bytes]:
    """Run `git` with these arguments and return what came of it, whatever its exit status."""
    try:
        if stdin is None:
            return subprocess.run(
                ["git", *arguments], env=environment, stdin=subprocess.DEVNULL, capture_output=True, check=False
            )
        return subprocess.run(["git", *arguments], env=environment, input=stdin, capture_output=True, check=False)
    except FileNotFoundError:
        raise _no_git() from None


def _no_git() -> UnavailableError:
    return UnavailableError("The command 'git' was not found.", hint="Install Git, or put it on the PATH.")


def init_bare(target: str) -> Git:
    """Make an empty repository without a working tree in the new folder `target`."""
    environment = {key: value for key, value in os.environ.items() if key not in _LOCAL_VARIABLES}
    done = run_git(["init", "-q", "--bare", "--", target], environment | {"LC_ALL": "C"})
    if done.returncode != 0:
        raise _failed("init", done)
    return Git(target)


def _failed(command: str, done: subprocess.CompletedProcess[bytes]) -> SiglumError:
    return SiglumError(f"git {command} failed: {_reason(done)}")


def _reason(done: subprocess.CompletedProcess[bytes]) -> str:
    """Return what Git gave as the reason, as one sentence, with no password in it."""
    lines = [line.strip() for line in os.fsdecode(done.stderr).splitlines() if line.strip()]
    telling = [line for line in lines if line.lower().startswith(_TELLING)] or lines[-1:]
    if not telling:
        return f"exit status {done.returncode}."
    reason = telling[0].removeprefix("fatal: ").removeprefix("error: ")
    return _USER_INFO.sub("//", reason).rstrip(".") + "."


def _is_below(path: str, folders: Sequence[str]) -> bool:
    return any(path == folder or path.startswith(folder + "/") for folder in folders)


def _chunks(items: Sequence[str]) -> Iterable[Sequence[str]]:
    for start in range(0, len(items), _ARGUMENTS_AT_ONCE):
        yield items[start : start + _ARGUMENTS_AT_ONCE]


def _quoted(path: str) -> str:
    # Git splits the variable at colons unless an element is quoted as a C string.
    return '"' + path.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def without_password(url: str) -> str:
    """Return a URL as it may be shown: without a password, and without a user that is a token."""
    parts = urlsplit(url) if "://" in url else None
    if parts is None or (parts.password is None and not (parts.username and parts.scheme.startswith("http"))):
        return url
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=host))
