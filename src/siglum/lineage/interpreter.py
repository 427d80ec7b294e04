"""The Python that a reproduction runs with: this one if it is the recorded one, else one built from the record."""

from __future__ import annotations

import enum
import glob
import importlib.metadata
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence

import msgspec

import siglum
from siglum.core.errors import ConflictError, NotFoundError, SiglumError
from siglum.lineage.compare import FieldChange, compare_environments
from siglum.lineage.environment import Environment
from siglum.lineage.packages import Package
from siglum.lineage.record import EnvironmentRecord

OWN_NAME = "siglum"


class EnvironmentMode(enum.StrEnum):
    """What `--env` takes."""

    AUTO = "auto"
    CURRENT = "current"
    REBUILD = "rebuild"


class EnvironmentPlan(msgspec.Struct, frozen=True, kw_only=True):
    """Whether to run with this Python or with a new environment, and in what this one differs from the record."""

    rebuild: bool
    reason: str
    python: str | None = None
    requirements: tuple[str, ...] = ()
    differences: tuple[FieldChange, ...] = ()


def plan_environment(
    recorded: EnvironmentRecord | None, running: Environment, mode: EnvironmentMode
) -> EnvironmentPlan:
    """Decide what to run with.

    Raises:
        NotFoundError: `--env rebuild`, and the record does not say what was installed.
    """
    detail = recorded.detail if recorded else None
    if detail is None:
        if mode is EnvironmentMode.REBUILD:
            raise NotFoundError(
                "The run's package list is not on record: its environment cannot be rebuilt.",
                hint="Use --env current to run with this Python.",
            )
        return EnvironmentPlan(rebuild=False, reason="this Python: the recorded package list is not kept")
    here = EnvironmentRecord(digest=running.digest, detail=running)
    place, packages = compare_environments(recorded, here)
    # Variables are set for the run as recorded; they do not decide which packages are used.
    differences = tuple(c for c in place if c.name in ("python", "platform")) + packages
    if detail.digest == running.digest and mode is not EnvironmentMode.REBUILD:
        return EnvironmentPlan(rebuild=False, reason="this Python: its packages are those on record")
    if mode is EnvironmentMode.CURRENT:
        return EnvironmentPlan(rebuild=False, reason="this Python, as asked for", differences=differences)
    return EnvironmentPlan(
        rebuild=True,
        reason="a new environment from the recorded package list",
        python=detail.python,
        requirements=requirements(detail.packages),
        differences=differences,
    )


def requirements(packages: Sequence[Package]) -> tuple[str, ...]:
    """Return the recorded packages as lines for pip, Siglum left out: it is taken from where it runs."""
    return tuple(_requirement(package) for package in packages if package.name != OWN_NAME)


def _requirement(package: Package) -> str:
    if package.origin is None:
        return f"{package.name}=={package.version}"
    if package.editable:
        return f"-e {package.origin.removeprefix('file://')}"
    # PEP 610 gives a commit to what came from version control only; everything else is a file's address.
    commit = package.origin.rpartition("@")[2]
    from_git = len(commit) == 40 and not set(commit) - set("0123456789abcdef")
    return f"{package.name} @ {'git+' if from_git and not package.origin.startswith('git+') else ''}{package.origin}"


def build_environment(plan: EnvironmentPlan, folder: str) -> str:
    """Make a virtual environment from the plan in the new folder; return its Python.

    Raises:
        NotFoundError: The recorded Python is not on this machine, and cannot be fetched.
        ConflictError: A recorded package cannot be installed.
    """
    uv = _uv()
    version = plan.python or "{}.{}.{}".format(*sys.version_info[:3])
    python = os.path.join(folder, "bin", "python")
    if uv is not None:
        _run([*uv, "venv", "-q", "--python", version, folder], NotFoundError, f"Python {version} cannot be provided")
        install = [*uv, "pip", "install", "-q", "--python", python, "--no-deps"]
    else:
        base = _find_python(version)
        _run([base, "-m", "venv", folder], NotFoundError, "No virtual environment can be made")
        install = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-deps"]
    if plan.requirements:
        listed = os.path.join(folder, "requirements.txt")
        with open(listed, "w", encoding="utf-8") as file:
            file.write("".join(f"{line}\n" for line in plan.requirements))
        _run([*install, "-r", listed], ConflictError, "A recorded package cannot be installed")
    _link_siglum(folder)
    return python


def _link_siglum(environment: str) -> None:
    """Let the new environment import this very Siglum, however it is installed."""
    packages = glob.glob(os.path.join(environment, "lib", "python*", "site-packages"))[0]
    os.symlink(os.path.dirname(os.path.abspath(siglum.__file__)), os.path.join(packages, OWN_NAME))
    files = importlib.metadata.distribution(OWN_NAME).files or ()
    metadata = next((file for file in files if file.name == "METADATA"), None)
    if metadata is not None:
        folder = os.path.dirname(str(metadata.locate()))
        os.symlink(folder, os.path.join(packages, os.path.basename(folder)))


def _uv() -> list[str] | None:
    found = shutil.which("uv")
    if found is not None:
        return [found]
    beside = os.path.join(os.path.dirname(sys.executable), "uv")
    return [beside] if os.path.exists(beside) else None


def _find_python(version: str) -> str:
    if version == "{}.{}.{}".format(*sys.version_info[:3]):
        return sys.executable
    minor = ".".join(version.split(".")[:2])
    found = shutil.which(f"python{minor}")
    if found is not None:
        printed = subprocess.run([found, "-V"], capture_output=True, text=True, check=False).stdout
        if printed.strip() == f"Python {version}":
            return found
    raise NotFoundError(
        f"The version was made with Python {version}, which is not on this machine.",
        hint="Install uv, which can fetch it, or use --env current to run with this Python.",
    )


def _run(command: Sequence[str], error: type[SiglumError], what: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        reason = " ".join(lines)[-400:] if lines else f"exit status {done.returncode}"
        raise error(f"{what}: {reason}", hint="Use --env current to run with this Python.")
