"""The commands that are broken off, each with the world that it starts from."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec

from siglum.cli import app

TREE: dict[str, bytes] = {
    "a.csv": b"a,b\n1,2\n",
    "b": b"second",
    "empty": b"",
    "same": b"second",
    "sub/deep/c": b"third" * 40,
    "sub/d": b"fourth",
    "sub-x": b"fifth",
    "ünï cödé/文 件": "é\n".encode(),
    "new\nline": b"sixth",
    "swap": b"a file that becomes a folder",
    "swop/file": b"a folder that becomes a file",
}
# The same folder later: changed, gone, new, a file where a folder was and the other way round.
LATER: dict[str, bytes | None] = {
    "a.csv": b"a,b\n3,4\n",
    "b": None,
    "sub/deep/c": b"changed" * 30,
    "sub/new": b"brand new",
    "swap": None,
    "swap/inside": b"now a folder",
    "swop/file": None,
    "swop": b"now a file",
}
BIG = bytes(range(256)) * 5000  # 1.3 MB: read and copied in more than one block


class Scenario(msgspec.Struct, frozen=True):
    """A command line, run in `project`, and what makes the world for it."""

    name: str
    command: tuple[str, ...]
    build: Callable[[Path], None]
    folder: str = "project"


def siglum(root: Path, *arguments: str) -> None:
    """Run a command in `project`; it must succeed."""
    os.chdir(root / "project")
    status = app.run(["--cd", str(root / "project"), *arguments])
    if status:
        raise AssertionError(f"siglum {' '.join(arguments)} ended with {status}")


def write(folder: Path, files: dict[str, bytes] | dict[str, bytes | None]) -> None:
    """Write files; None removes one."""
    for name, data in files.items():
        path = folder / name
        if data is None:
            path.unlink()
            if not any(path.parent.iterdir()):
                path.parent.rmdir()
    for name, data in files.items():
        if data is not None:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(data)


def _start(root: Path, *, links: str | None = None, git: bool = False) -> Path:
    project = root / "project"
    project.mkdir(parents=True)
    (root / "remote").mkdir()
    os.chdir(project)
    if git:
        os.system("git init -q --template= .")
        siglum(root, "init", "-q")
    else:
        siglum(root, "init", "-q", "--no-scm")
    siglum(root, "remote", "add", "-q", "-d", "store", "../remote")
    if links is not None:
        siglum(root, "config", "-q", "cache.type", links)
    return project


def _folder(root: Path, links: str | None = None) -> Path:
    project = _start(root, links=links)
    write(project / "d", dict(TREE))
    (project / "f").write_bytes(b"a file of its own")
    return project


def build_new(root: Path) -> None:
    """A folder and a file that are not tracked yet."""
    _folder(root)


def build_new_hardlink(root: Path) -> None:
    """The same where the cache shares its bytes with the workspace."""
    _folder(root, "hardlink,copy")


def build_new_git(root: Path) -> None:
    """Two files in a Git repository, one of them large."""
    project = _start(root, git=True)
    (project / "big").write_bytes(BIG)
    (project / "f").write_bytes(b"a file of its own")


def build_changed(root: Path, links: str | None = None) -> None:
    """A tracked folder and file, both changed since."""
    project = _folder(root, links)
    siglum(root, "add", "-q", "d", "f")
    if links is not None:
        siglum(root, "unprotect", "-q", "d", "f")
    write(project / "d", LATER)
    (project / "f").write_bytes(b"changed")


def build_changed_hardlink(root: Path) -> None:
    """The same with hard links."""
    build_changed(root, "hardlink,copy")


def build_switched(root: Path, links: str | None = None) -> None:
    """A workspace of one version, with pointers of another: what `git checkout` leaves behind."""
    build_changed(root, links)
    project = root / "project"
    pointers = {name: (project / name).read_bytes() for name in ("d.dvc", "f.dvc")}
    siglum(root, "commit", "-q", "-f")
    for name, data in pointers.items():
        (project / name).write_bytes(data)


def build_switched_hardlink(root: Path) -> None:
    """The same with hard links."""
    build_switched(root, "hardlink,copy")


def build_empty_workspace(root: Path) -> None:
    """Pointers and a full cache, and nothing in the workspace."""
    project = _folder(root)
    siglum(root, "add", "-q", "d", "f")
    shutil.rmtree(project / "d")
    (project / "f").unlink()


def build_kinds(root: Path) -> None:
    """A tracked file where the pointer wants a folder, and a folder where it wants a file."""
    project = _start(root)
    (project / "x").write_bytes(b"x as a file")
    write(project / "y", {"1": b"one", "2": b"two"})
    siglum(root, "add", "-q", "x", "y")
    pointers = {name: (project / name).read_bytes() for name in ("x.dvc", "y.dvc")}
    (project / "x").unlink()
    shutil.rmtree(project / "y")
    (project / "y").write_bytes(b"y as a file")
    write(project / "x", {"3": b"three", "4/5": b"five"})
    siglum(root, "add", "-q", "x", "y")
    for name, data in pointers.items():
        (project / name).write_bytes(data)


def build_unsent(root: Path) -> None:
    """A full cache and an empty remote."""
    _folder(root)
    siglum(root, "add", "-q", "d", "f")


def build_partly_sent(root: Path) -> None:
    """A remote that has an earlier version."""
    build_unsent(root)
    siglum(root, "push", "-q")
    write(root / "project/d", LATER)
    siglum(root, "add", "-q", "d")


def build_to_pull(root: Path) -> None:
    """A full remote, pointers, and nothing else."""
    build_unsent(root)
    siglum(root, "push", "-q")
    shutil.rmtree(root / "project/.dvc/cache")
    shutil.rmtree(root / "project/d")
    (root / "project/f").unlink()


def build_to_update(root: Path) -> None:
    """An earlier version in workspace and cache, a later one on the remote and in the pointers."""
    build_unsent(root)
    project = root / "project"
    shutil.copytree(project / ".dvc/cache", root / "earlier")
    write(project / "d", LATER)
    (project / "f").write_bytes(b"changed")
    siglum(root, "add", "-q", "d", "f")
    siglum(root, "push", "-q")
    back: dict[str, bytes | None] = dict(TREE)
    back |= {"swap/inside": None, "sub/new": None, "swop": None}
    write(project / "d", back)
    (project / "f").write_bytes(b"a file of its own")
    shutil.rmtree(project / ".dvc/cache")
    (root / "earlier").rename(project / ".dvc/cache")


def build_garbage(root: Path) -> None:
    """Two versions in the cache, of which the pointers want the later."""
    build_changed(root)
    siglum(root, "add", "-q", "d", "f")


def build_garbage_sent(root: Path) -> None:
    """The same, and both on the remote."""
    build_partly_sent(root)
    siglum(root, "push", "-q")


SCENARIOS: dict[str, tuple[Scenario, ...]] = {
    "add": (
        Scenario("add new", ("add", "d", "f"), build_new),
        Scenario("add hardlink", ("add", "d", "f"), build_new_hardlink),
        Scenario("add git", ("add", "big", "f"), build_new_git),
        Scenario("add again", ("add", "d", "f"), build_changed),
        Scenario("add inside", ("add", "d/sub"), build_changed),
        Scenario("add out", ("add", "d", "-o", "copy"), build_new),
    ),
    "commit": (
        Scenario("commit", ("commit", "-f"), build_changed),
        Scenario("commit hardlink", ("commit", "-f"), build_changed_hardlink),
    ),
    "checkout": (
        Scenario("checkout all", ("checkout",), build_empty_workspace),
        Scenario("checkout switch", ("checkout",), build_switched),
        Scenario("checkout switch hardlink", ("checkout",), build_switched_hardlink),
        Scenario("checkout kinds", ("checkout",), build_kinds),
    ),
    "push": (
        Scenario("push", ("push", "-j", "1"), build_unsent),
        Scenario("push parallel", ("push",), build_unsent),
        Scenario("push more", ("push",), build_partly_sent),
    ),
    "pull": (
        Scenario("pull", ("pull", "-j", "1"), build_to_pull),
        Scenario("pull parallel", ("pull",), build_to_pull),
        Scenario("pull update", ("pull",), build_to_update),
    ),
    "gc": (
        Scenario("gc", ("gc", "-w", "-f"), build_garbage),
        Scenario("gc cloud", ("gc", "-w", "-c", "-f"), build_garbage_sent),
    ),
}
