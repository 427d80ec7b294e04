"""What is installed: names and versions of the distributions that an import finds.

Read from the names of their metadata folders, which the packaging standards fix; only what is older than these, or in
an archive, is asked of `importlib.metadata`. No process is started.
"""

from __future__ import annotations

import os
import re
import sys
import threading
import urllib.parse
from collections.abc import Iterator

import msgspec

_NAME = re.compile(r"^Name:\s*(.+?)\s*$", re.MULTILINE | re.IGNORECASE)
_VERSION = re.compile(r"^Version:\s*(.+?)\s*$", re.MULTILINE | re.IGNORECASE)


class Package(msgspec.Struct, frozen=True, order=True, omit_defaults=True):
    """An installed distribution under its normalised name. `origin` says where one not from an index came from."""

    name: str
    version: str
    origin: str | None = None
    editable: bool = False


_lock = threading.Lock()
_listed: dict[tuple[tuple[str, int], ...], tuple[Package, ...]] = {}
"""The last list, by the folders that were looked into and their times: these change with what is installed."""


def installed_packages() -> tuple[Package, ...]:
    """Return what is installed on `sys.path`, by name; of several copies the one that an import finds."""
    folders = tuple((folder, _modified(folder)) for folder in sys.path)
    with _lock:
        if folders not in _listed:
            _listed.clear()
            _listed[folders] = _list_packages()
        return _listed[folders]


def _modified(folder: str) -> int:
    try:
        return os.stat(folder or ".").st_mtime_ns
    except OSError:
        return -1


def _list_packages() -> tuple[Package, ...]:
    found: dict[str, Package] = {}
    for folder in sys.path:
        for package in _in_folder(folder or "."):
            found.setdefault(package.name, package)
    return tuple(sorted(found.values()))


def _in_folder(folder: str) -> Iterator[Package]:
    """Yield what is installed in a folder, by the names of its `.dist-info` folders where it has no older kind."""
    try:
        names = os.listdir(folder)
    except NotADirectoryError:
        yield from _by_metadata(folder)  # an archive
        return
    except OSError:
        return
    if any(name.endswith((".egg-info", ".egg")) for name in names):
        yield from _by_metadata(folder)
        return
    for name in names:
        stem = name.removesuffix(".dist-info")
        if stem == name:
            continue
        project, dash, version = stem.rpartition("-")
        place = os.path.join(folder, name)
        if dash and os.path.exists(os.path.join(place, "METADATA")):
            yield _package(project, version, _text(os.path.join(place, "direct_url.json")))


def _by_metadata(folder: str) -> Iterator[Package]:
    # Seldom, and it brings the whole of `email`, half of what a repro imports before its first command starts.
    from importlib.metadata import distributions

    for distribution in distributions(path=[folder]):
        metadata = distribution.read_text("METADATA") or distribution.read_text("PKG-INFO") or ""
        name, version = _NAME.search(metadata), _VERSION.search(metadata)
        if name is not None and version is not None:  # else a left-over folder: nothing that can be named
            yield _package(name[1], version[1], distribution.read_text("direct_url.json"))


def _package(project: str, version: str, direct_url: str | None) -> Package:
    origin, editable = _origin(direct_url)
    return Package(re.sub(r"[-_.]+", "-", project).lower(), version, origin, editable)


def _text(path: str) -> str | None:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except OSError:
        return None


class _DirectUrl(msgspec.Struct):
    """PEP 610's record of a distribution that was not taken from an index."""

    url: str = ""
    dir_info: dict[str, bool] | None = None
    vcs_info: dict[str, str] | None = None


def _origin(text: str | None) -> tuple[str | None, bool]:
    if not text:
        return None, False
    try:
        direct = msgspec.json.decode(text.encode(), type=_DirectUrl)
    except msgspec.MsgspecError:
        return None, False
    commit = (direct.vcs_info or {}).get("commit_id")
    url = without_credentials(direct.url)
    return (f"{url}@{commit}" if commit else url), bool((direct.dir_info or {}).get("editable"))


def without_credentials(url: str) -> str:
    """Return a URL without user name, password, query and fragment: what may be shown to others.

    The user of `git@host:path` and `ssh://git@host/path` stays: it is part of the address, and no secret.
    """
    parts = urllib.parse.urlsplit(url)
    if not parts.scheme or not parts.netloc:
        return url
    user, at, host = parts.netloc.rpartition("@")
    keep = user + at if parts.scheme in ("ssh", "git+ssh") and ":" not in user else ""
    return urllib.parse.urlunsplit((parts.scheme, keep + host, parts.path, "", ""))
