"""A data repository: the folder with `.dvc` in it, its cache, its settings, and the Git repository around it."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from functools import cached_property
from typing import Final

from siglum.core.errors import AlreadyExistsError, InvalidInputError, NotFoundError
from siglum.core.hashes import DataHash
from siglum.storage.durability import discard
from siglum.storage.index import StatIndex
from siglum.storage.links import LinkType, parse_link_types
from siglum.storage.objects import ObjectStore
from siglum.workspace.cache_lock import cache_lock
from siglum.workspace.config import Config
from siglum.workspace.documents import write_atomic
from siglum.workspace.git import Git
from siglum.workspace.ignore import IGNORE_FILE, IgnoreRules
from siglum.workspace.locking import repository_lock
from siglum.workspace.placed import Placed
from siglum.workspace.pointers import Pointer, is_pointer, read_pointer

DVC_DIR: Final = ".dvc"
PIPELINE_FILE: Final = "dvc.yaml"
_INTERNAL_IGNORES = "/config.local\n/tmp\n/cache\n"
_IGNORE_FILE_TEXT = (
    "# Add patterns of files dvc should ignore, which could improve\n"
    "# the performance. Learn more at\n"
    "# https://dvc.org/doc/user-guide/dvcignore\n"
)


def find_root(start: str | None = None) -> str | None:
    """Return the nearest folder at or above `start` (the current one when None) that holds `.dvc`, or None."""
    folder = os.path.abspath(start or os.getcwd())
    while True:
        if os.path.isdir(os.path.join(folder, DVC_DIR)):
            return folder
        parent = os.path.dirname(folder)
        if parent == folder:
            return None
        folder = parent


class Repository:
    """A data repository at `root`. Cheap to make: settings, index and Git are looked at when first used."""

    def __init__(self, root: str) -> None:
        self.root = root
        self.dvc_dir = os.path.join(root, DVC_DIR)
        self.tmp_dir = os.path.join(self.dvc_dir, "tmp")

    @classmethod
    def open(cls, start: str | None = None) -> Repository:
        """Return the repository that `start` (the current folder when None) lies in. Raises NotFoundError."""
        root = find_root(start)
        if root is None:
            raise NotFoundError(
                f"{os.path.abspath(start or os.getcwd())} is not in a data repository.", hint="Run 'siglum init' first."
            )
        return cls(root)

    @classmethod
    def init(cls, root: str, *, scm: bool = True, subdir: bool = False, force: bool = False) -> Repository:
        """Make a data repository in an existing folder, and put its files into Git's index.

        With `force`, settings of a repository that is there give way to fresh ones; its cache stays, and settings of
        this copy alone, which no Git has, are kept in `.dvc/tmp`. What an interrupted `init` left does not count.

        Raises AlreadyExistsError without `force`, NotFoundError for a folder that is not there, InvalidInputError
        where Git's root is another folder (without `subdir`) or there is no Git repository (without `scm=False`).
        """
        root = os.path.abspath(root)
        if not scm and subdir:
            raise InvalidInputError("Without Git there is no root that a repository could be below: drop --subdir.")
        if not os.path.isdir(root):
            raise NotFoundError(f"The folder {root} does not exist.", hint="Make it first.")
        git = Git.find(root) if scm else None
        if scm and git is None:
            raise InvalidInputError(
                f"{root} is not in a Git repository.", hint="Run 'git init' first, or 'siglum init --no-scm'."
            )
        if git is not None and os.path.realpath(git.root) != os.path.realpath(root) and not subdir:
            raise InvalidInputError(
                f"{root} is below the root of a Git repository, {git.root}.",
                hint="Run 'siglum init' there, or 'siglum init --subdir' here.",
            )
        repo = cls(root)
        settings = os.path.join(repo.dvc_dir, "config")
        if os.path.lexists(settings) and not force:
            raise AlreadyExistsError(f"{repo.dvc_dir} exists already.", hint="Use -f to start with fresh settings.")
        os.makedirs(repo.tmp_dir, exist_ok=True)
        repo._set_old_settings_aside()
        ignore_file = os.path.join(root, IGNORE_FILE)
        if not os.path.exists(ignore_file):
            write_atomic(ignore_file, _IGNORE_FILE_TEXT.encode())
        with open(os.path.join(repo.tmp_dir, "btime"), "ab"):
            pass
        if git is not None:
            write_atomic(os.path.join(repo.dvc_dir, ".gitignore"), _INTERNAL_IGNORES.encode())
        write_atomic(settings, b"" if scm else b"[core]\n    no_scm = True\n")  # last: it says that all is there
        if git is not None:
            added = [settings, os.path.join(repo.dvc_dir, ".gitignore"), ignore_file]
            git.add(os.path.relpath(path, os.path.realpath(git.root)) for path in map(os.path.realpath, added))
        return repo

    def _set_old_settings_aside(self) -> None:
        """Keep settings that Git does not have where no command reads them, and drop what `init` writes itself."""
        local = os.path.join(self.dvc_dir, "config.local")
        if os.path.lexists(local):
            os.replace(local, os.path.join(self.tmp_dir, "config.local.before-init"))
        discard(os.path.join(self.dvc_dir, ".gitignore"))

    @cached_property
    def config(self) -> Config:
        """The settings of all levels."""
        return Config.load(self.dvc_dir)

    @cached_property
    def index(self) -> StatIndex:
        """What is known of files without reading them. Save it when a command is done."""
        return StatIndex(os.path.join(self.tmp_dir, "siglum", "index"))

    @cached_property
    def placed(self) -> Placed:
        """Which data earlier commands put into the workspace. Saved with the index."""
        return Placed(os.path.join(self.tmp_dir, "siglum", "placed"))

    @cached_property
    def cache_dir(self) -> str:
        """The folder of the local cache, `.dvc/cache` unless `cache.dir` says otherwise."""
        return self.config.get("cache.dir") or os.path.join(self.dvc_dir, "cache")

    @cached_property
    def cache(self) -> ObjectStore:
        """The local cache."""
        return ObjectStore(os.path.join(self.cache_dir, "files", "md5"), self.index)

    @cached_property
    def legacy_cache(self) -> ObjectStore:
        """What the local cache has from DVC 2. It is read, and never added to but by `fetch`."""
        # Imported where it is used: few repositories are that old, and every command starts here.
        from siglum.storage.legacy import LegacyStore

        return LegacyStore(self.cache_dir, self.index)

    def store_of(self, data: DataHash) -> ObjectStore:
        """Return the part of the cache that has content with this kind of hash."""
        return self.legacy_cache if data.legacy else self.cache

    @property
    def run_cache_dir(self) -> str:
        """The folder that remembers what stages produced."""
        return os.path.join(self.cache_dir, "runs")

    @cached_property
    def link_types(self) -> tuple[LinkType, ...]:
        """How files come from the cache into the workspace, in order of preference."""
        return parse_link_types(self.config.get("cache.type"))

    @cached_property
    def git(self) -> Git | None:
        """The Git repository around this one; None when there is none or `core.no_scm` is set."""
        return None if self.config.is_true("core.no_scm") else Git.find(self.root)

    @cached_property
    def git_prefix(self) -> str:
        """Where the root is in the Git repository: "" at its root, else a posix path that ends in a slash."""
        if self.git is None:
            return ""
        below = os.path.relpath(os.path.realpath(self.root), os.path.realpath(self.git.root))
        return "" if below == "." else below.replace(os.sep, "/") + "/"

    @cached_property
    def ignore(self) -> IgnoreRules:
        """The rules of `.dvcignore` files."""
        return IgnoreRules(self.root)

    @contextlib.contextmanager
    def lock(self, *, shared: bool = False) -> Iterator[None]:
        """Keep other commands (also DVC's) from changing this repository, and garbage collection from its cache.

        With `shared`, others that only read may go on at the same time. The index is saved at the end.
        """
        with self.exclusive(shared=shared):
            yield
            self.index.save()
            self.placed.save()

    @contextlib.contextmanager
    def exclusive(self, *, shared: bool = False) -> Iterator[None]:
        """Hold the locks as `lock` does, and save nothing: for who takes them many times, and saves in the end."""
        with repository_lock(os.path.join(self.tmp_dir, "lock"), shared=shared), cache_lock(self.cache_dir):
            if not shared:
                self._clear_staging()
            yield

    def staging_for(self, folder: str) -> str | None:
        """Return where files that are to be renamed into `folder` are made; None if that is another file system.

        Only for those who hold the lock: whoever takes it next removes what is left there by a command that was killed.
        """
        try:
            device = os.stat(folder).st_dev
        except FileNotFoundError:
            device = os.stat(self.root).st_dev
        path, own_device = self._staging
        return path if device == own_device else None

    @cached_property
    def _staging(self) -> tuple[str, int]:
        path = os.path.join(self.tmp_dir, "siglum", "staging")
        os.makedirs(path, exist_ok=True)
        return path, os.stat(path).st_dev

    def _clear_staging(self) -> None:
        with contextlib.suppress(OSError):  # nothing there, or not ours to remove: it is in nobody's way
            for name in os.listdir(os.path.join(self.tmp_dir, "siglum", "staging")):
                path = os.path.join(self.tmp_dir, "siglum", "staging", name)
                if os.path.isdir(path) and not os.path.islink(path):
                    shutil.rmtree(path, ignore_errors=True)
                else:
                    os.unlink(path)

    def key_of(self, path: str) -> str:
        """Return an absolute path relative to the root, posix. Raises InvalidInputError for one outside."""
        relative = os.path.relpath(path, self.root)
        if relative == ".." or relative.startswith(f"..{os.sep}"):
            raise InvalidInputError(f"{path} is outside the repository {self.root}.")
        return relative.replace(os.sep, "/")

    def shown(self, key: str) -> str:
        """Return a path of the repository as people should see it, relative to the current folder."""
        return os.path.relpath(os.path.join(self.root, key))

    def metafiles(self) -> list[str]:
        """Return all `.dvc` and `dvc.yaml` files that neither Git nor `.dvcignore` hides, from the root, sorted."""
        found = self._listed_by_git() if self.git is not None else self._walked()
        return sorted(path for path in found if self._is_visible(path))

    def has_pipelines(self) -> bool:
        """Whether there is a dvc.yaml: commands on plain data start the faster when they need no pipelines."""
        return any(os.path.basename(path) == PIPELINE_FILE for path in self.metafiles())

    def pointers(self) -> list[Pointer]:
        """Read all `.dvc` files. Raises FileFormatError for the first that is damaged."""
        return [
            Pointer(path, read_pointer(os.path.join(self.root, path), self.shown(path)))
            for path in self.metafiles()
            if is_pointer(path)
        ]

    def _listed_by_git(self) -> list[str]:
        assert self.git is not None
        prefix = self.git_prefix
        listed = self.git.visible([f"{prefix}**/*{DVC_DIR}", f"{prefix}**/{PIPELINE_FILE}"])
        return [path[len(prefix) :] for path in listed if path.startswith(prefix)]

    def _walked(self) -> list[str]:
        """Find metafiles without Git, not looking into the outputs of the `.dvc` files met on the way."""
        found: list[str] = []
        pending = [self.root]
        while pending:
            folder = pending.pop()
            folders, outputs = [], set()
            with os.scandir(folder) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
                    elif is_pointer(entry.name) or entry.name == PIPELINE_FILE:
                        found.append(os.path.relpath(entry.path, self.root).replace(os.sep, "/"))
                        outputs.add(entry.path.removesuffix(DVC_DIR))
            pending += [path for path in folders if path not in outputs and not self.ignore.is_ignored(path, True)]
        return found

    def _is_visible(self, path: str) -> bool:
        name = os.path.basename(path)
        if name != PIPELINE_FILE and not is_pointer(path):
            return False
        full = os.path.join(self.root, path)
        return os.path.isfile(full) and self.ignore.match(full) is None
