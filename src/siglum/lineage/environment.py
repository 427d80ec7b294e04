"""The environment of a run: Python, platform, packages, and the variables that change numerical results.

Read from the installed metadata, without starting a process. The host's name and the rest of its environment are
left out: they do not change a result, and do not belong on a server that others read.
"""

from __future__ import annotations

import fnmatch
import os
import platform
import re
import sys
import sysconfig
import threading
import urllib.parse
from collections.abc import Mapping, Sequence

import msgspec

from siglum.core.hashes import canonical_json, sha256_hex
from siglum.core.secrets import mask_arguments
from siglum.lineage.hardware import Hardware, capture_hardware

RECORDED_VARIABLES = (
    "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS", "PYTHONHASHSEED", "CUBLAS_WORKSPACE_CONFIG", "CUDA_VISIBLE_DEVICES",
    "TF_DETERMINISTIC_OPS", "TZ", "LC_ALL", "LANG",
)  # fmt: skip

_NAME = re.compile(r"^Name:\s*(.+?)\s*$", re.MULTILINE | re.IGNORECASE)
_VERSION = re.compile(r"^Version:\s*(.+?)\s*$", re.MULTILINE | re.IGNORECASE)


class Package(msgspec.Struct, frozen=True, order=True, omit_defaults=True):
    """An installed distribution under its normalised name. `origin` says where one not from an index came from."""

    name: str
    version: str
    origin: str | None = None
    editable: bool = False


class Environment(msgspec.Struct, frozen=True, kw_only=True):
    """What a run ran in. `variables` holds those of `RECORDED_VARIABLES` that were set, and those asked for."""

    python: str
    implementation: str
    platform: str
    platform_detail: str
    machine: str
    cpu_count: int
    variables: dict[str, str]
    packages: tuple[Package, ...]
    hardware: Hardware | None = None

    @property
    def digest(self) -> str:
        """`sha256:<hex>` over packages, Python version and platform; see `environment_digest`."""
        return environment_digest(self.packages, self.python, self.platform)


def environment_digest(packages: tuple[Package, ...], python: str, platform_tag: str) -> str:
    """Return the identity of an environment: `sha256:<hex>` over what decides which code runs.

    Kernel, variables and processor count are left out: they change from host to host and with every update.
    """
    listed = [[p.name, p.version, p.origin] for p in sorted(packages)]
    return "sha256:" + sha256_hex(canonical_json(["siglum.environment.v1", listed, python, platform_tag]))


def capture_environment(environ: Mapping[str, str], also: Sequence[str] = ()) -> Environment:
    """Return the environment of this process. Takes some 50 ms the first time, next to nothing after that.

    Args:
        environ: The environment variables.
        also: Names and patterns (`SLURM_*`) of variables to record beside those that change results.
    """
    return Environment(
        python=platform.python_version(),
        implementation=sys.implementation.name,
        platform=sysconfig.get_platform(),
        platform_detail=platform.platform(),
        machine=platform.machine(),
        cpu_count=os.cpu_count() or 0,
        variables=_allowed(environ, also),
        packages=installed_packages(),
        hardware=capture_hardware(),
    )


def _allowed(environ: Mapping[str, str], also: Sequence[str]) -> dict[str, str]:
    """Return the variables that may go on record, without secrets."""
    found = {name: environ[name] for name in RECORDED_VARIABLES if environ.get(name)}
    for name in sorted(environ):
        if name not in found and environ[name] and any(fnmatch.fnmatchcase(name, pattern) for pattern in also):
            (shown,) = mask_arguments([f"{name}={environ[name]}"])
            found[name] = shown.partition("=")[2]
    return found


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
    # Imported here: it brings the whole of `email`, half of what a repro imports before its first command starts.
    from importlib.metadata import distributions

    for distribution in distributions():
        metadata = distribution.read_text("METADATA") or distribution.read_text("PKG-INFO") or ""
        name, version = _NAME.search(metadata), _VERSION.search(metadata)
        if name is None or version is None:
            continue  # a left-over folder without metadata: nothing that can be named
        normalised = re.sub(r"[-_.]+", "-", name[1]).lower()
        if normalised not in found:
            origin, editable = _origin(distribution.read_text("direct_url.json"))
            found[normalised] = Package(normalised, version[1], origin, editable)
    return tuple(sorted(found.values()))


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
