"""The environment of a run: Python, platform, packages, and the variables that change numerical results.

Read from the installed metadata, without starting a process. The host's name and the rest of its environment are
left out: they do not change a result, and do not belong on a server that others read.
"""

from __future__ import annotations

import fnmatch
import os
import platform
import sys
import sysconfig
from collections.abc import Mapping, Sequence

import msgspec

from siglum.core.hashes import canonical_json, sha256_hex
from siglum.core.secrets import mask_arguments
from siglum.lineage.hardware import Hardware, capture_hardware
from siglum.lineage.packages import Package, installed_packages

RECORDED_VARIABLES = (
    "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS", "PYTHONHASHSEED", "CUBLAS_WORKSPACE_CONFIG", "CUDA_VISIBLE_DEVICES",
    "TF_DETERMINISTIC_OPS", "TZ", "LC_ALL", "LANG",
)  # fmt: skip


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
    """Return the environment of this process. Takes some 10 ms the first time, next to nothing after that.

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
