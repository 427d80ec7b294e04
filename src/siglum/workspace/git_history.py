"""What the commits of a repository hold, and what branches, tags and other refs lead to."""

from __future__ import annotations

import os
from collections.abc import Iterable

import msgspec

from siglum.core.errors import NotFoundError
from siglum.workspace.git_process import GitProcess, failed


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


class GitHistory(GitProcess):
    """A repository's commits. Nothing here changes any."""

    def head_commit(self) -> str | None:
        """Return the commit that is checked out, or None before the first commit."""
        return self.resolve("HEAD")

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
            raise failed("cat-file", done)
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
