"""What `siglum version` tells: this program, the machine, and where a repository keeps what.

Nothing is changed; files that are made to try out links are taken away again.
"""

from __future__ import annotations

import contextlib
import os
import platform
from importlib import metadata

import msgspec

from siglum import __version__
from siglum.core.errors import SiglumError
from siglum.storage.durability import discard, temporary_name
from siglum.storage.links import LinkType, make_file
from siglum.workspace.config import Level, level_path
from siglum.workspace.git_process import run_git
from siglum.workspace.repository import Repository, find_root

_OPTIONAL = {
    "s3, gs, azure": ("obstore",),
    "ssh": ("asyncssh",),
    "fsspec": ("fsspec",),
    "sklearn models": ("scikit-learn", "skops"),
}
"""What needs packages that a base installation does not have."""


class Mount(msgspec.Struct, frozen=True):
    """Where a folder is kept: the kind of file system, and the device that holds it."""

    path: str
    type: str | None
    device: str | None

    def __str__(self) -> str:
        return self.path if self.type is None else f"{self.path} ({self.type} on {self.device})"


class AboutRepository(msgspec.Struct, frozen=True):
    """A repository: `link_types` are those that work from its cache to its workspace, of those that save space."""

    root: str
    kind: str
    workspace: Mount
    cache: Mount
    link_types: tuple[str, ...]
    configured_link_types: tuple[str, ...]
    remotes: dict[str, str]
    state: str


class About(msgspec.Struct, frozen=True):
    """This program and the machine; `repository` is None outside of one."""

    version: str
    python: str
    platform: str
    git: str | None
    packages: dict[str, str]
    configuration: dict[str, str]
    repository: AboutRepository | None


def about(folder: str) -> About:
    """Return what there is to tell in `folder`. Raises what reading a damaged configuration raises."""
    root = find_root(folder)
    return About(
        version=__version__,
        python=platform.python_version(),
        platform=platform.platform(),
        git=_git_version(),
        packages=_packages(),
        configuration={level.value: level_path(level, None) for level in (Level.GLOBAL, Level.SYSTEM)},
        repository=None if root is None else _about_repository(Repository(root)),
    )


def _about_repository(repo: Repository) -> AboutRepository:
    below = "" if not repo.git_prefix else f", below the root of Git ({repo.git_prefix.rstrip('/')})"
    urls = {name: options["url"] for name, options in repo.config.remotes().items()}
    return AboutRepository(
        root=repo.root,
        kind=f"git{below}" if repo.git is not None else "no Git",
        workspace=mount_of(repo.root),
        cache=mount_of(repo.cache_dir),
        link_types=tuple(kind.value for kind in working_links(repo.cache_dir, repo.tmp_dir)),
        configured_link_types=tuple(kind.value for kind in repo.link_types),
        remotes={name: url.partition("://")[0] if "://" in url else "local" for name, url in urls.items()},
        state=os.path.join(repo.tmp_dir, "siglum"),
    )


def working_links(source: str, target: str) -> list[LinkType]:
    """Return which links, of those that take no room, can be made from files in `source` to names in `target`.

    None where either is not there or cannot be written to.
    """
    found: list[LinkType] = []
    origin = os.path.join(source, temporary_name())
    try:
        with open(origin, "xb") as file:
            file.write(b"x")
        for kind in (LinkType.REFLINK, LinkType.HARDLINK, LinkType.SYMLINK):
            name = os.path.join(target, temporary_name())
            with contextlib.suppress(OSError):
                make_file(kind, origin, name, executable=False)
                found.append(kind)
            discard(name)
    except OSError:
        return []
    finally:
        with contextlib.suppress(OSError):
            discard(origin)
    return found


def mount_of(path: str) -> Mount:
    """Return what holds a path, or the nearest folder above it that exists; as Linux tells in /proc."""
    real = os.path.realpath(path)
    while not os.path.exists(real):
        real = os.path.dirname(real)
    best: tuple[str, str | None, str | None] = ("", None, None)
    with contextlib.suppress(OSError), open("/proc/self/mountinfo", encoding="utf-8", errors="replace") as file:
        for line in file:
            fields, _, rest = line.partition(" - ")
            point = _unescaped(fields.split(" ")[4])
            inside = real == point or real.startswith(point.rstrip("/") + "/")
            if inside and len(point) >= len(best[0]):
                kind, device = rest.split(" ")[:2]
                best = (point, kind, _unescaped(device))
    return Mount(path, best[1], best[2])


def _unescaped(text: str) -> str:
    """Undo what the kernel writes for blanks, tabs, line ends and backslashes in names."""
    for code, character in ((r"\040", " "), (r"\011", "\t"), (r"\012", "\n"), (r"\134", "\\")):
        text = text.replace(code, character)
    return text


def _git_version() -> str | None:
    try:
        done = run_git(["--version"])
    except SiglumError:
        return None
    return os.fsdecode(done.stdout).strip().removeprefix("git version ") or None


def _packages() -> dict[str, str]:
    """Return what is installed of the optional packages, by what they are for."""
    found = {}
    for purpose, names in _OPTIONAL.items():
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[purpose] = ", ".join(f"{name} {metadata.version(name)}" for name in names)
    return found
