"""What must be installed to load a model: pinned pip requirements, found from the modules that its file names.

Nothing is started and nothing imported to find out; `importlib.metadata` knows what is installed. MLflow is not
among them: a model needs it as little as it needs Siglum.
"""

from __future__ import annotations

import json
import os
import platform
import sys
import warnings
from collections.abc import Iterable, Mapping, Sequence
from importlib import metadata
from typing import Any

import yaml

from siglum.core.errors import InvalidInputError, NotFoundError
from siglum.models.layout import CONDA_ENV, PYTHON_ENV, REQUIREMENTS
from siglum.models.mlmodel import write_text
from siglum.models.trust import ModelWarning

Requirements = Sequence[str] | str | None
"""Requirement lines, or the path of a requirements file; None: to be inferred."""


def infer_requirements(modules: Iterable[str], always: Sequence[str] = ()) -> list[str]:
    """Return sorted `name==version` lines for the packages that hold `modules`, and for the distributions `always`.

    The standard library needs nothing. A package that pip could not find again (installed from a folder, in
    development mode) is left out with a warning, because its name may be somebody else's on the package index; one
    installed from Git is written as its URL at the commit. A local version (`2.1+cu118`) is pinned by its public part.
    """
    packages = {name.partition(".")[0] for name in modules} - set(sys.stdlib_module_names) - {"__main__", ""}
    by_package = metadata.packages_distributions()
    names = {_canonical(name) for package in packages for name in by_package.get(package, [])[:1]}
    names |= {_canonical(name) for name in always}
    names |= {"siglum"} & packages  # in development mode no distribution claims the package
    return sorted(line for name in names if (line := _requirement(name)) is not None)


def combine(inferred: Sequence[str], given: Requirements, extra: Requirements) -> list[str]:
    """Return the lines to write: `given` instead of what was inferred, and `extra` besides."""
    if given is not None and extra is not None:
        raise InvalidInputError("pip_requirements and extra_pip_requirements exclude each other.")
    lines = list(inferred) if given is None else read_requirements(given)
    added = [] if extra is None else read_requirements(extra)
    overridden = {_name_of(line) for line in added}
    return [line for line in lines if _name_of(line) not in overridden] + added


def read_requirements(source: Sequence[str] | str) -> list[str]:
    """Return the lines of a requirements file, or of a list in which `-r FILE` stands for a file's lines."""
    if isinstance(source, str):
        return _expand(_lines_of(source), os.path.dirname(source), depth=0)
    return _expand(list(source), "", depth=0)


def write_environment(
    folder: str, requirements: Sequence[str], conda_env: Mapping[str, Any] | str | None = None
) -> dict[str, str]:
    """Write `requirements.txt`, `conda.yaml` and `python_env.yaml`; return the `env` entry of the pyfunc flavor.

    With `conda_env` (a mapping or the path of a YAML file) that is written instead, and its pip part is the list.
    """
    version = platform.python_version()
    conda: Mapping[str, Any] = {
        "channels": ["conda-forge"],
        "dependencies": [f"python={version}", "pip", {"pip": list(requirements)}],
        "name": "mlflow-env",
    }
    if conda_env is not None:
        conda = _read_conda(conda_env)
        requirements = _pip_part(conda)
    python = {
        "python": version,
        "build_dependencies": ["pip", "setuptools", "wheel"],
        "dependencies": [f"-r {REQUIREMENTS}"],
    }
    write_text(os.path.join(folder, CONDA_ENV), yaml.safe_dump(conda, sort_keys=True))
    write_text(os.path.join(folder, PYTHON_ENV), yaml.safe_dump(python, sort_keys=False))
    write_text(os.path.join(folder, REQUIREMENTS), "".join(f"{line}\n" for line in requirements))
    return {"conda": CONDA_ENV, "virtualenv": PYTHON_ENV}


def _requirement(name: str) -> str | None:
    try:
        distribution = metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return None
    version = distribution.version.partition("+")[0]
    origin = _origin(distribution)
    if "vcs_info" in origin:
        vcs = origin["vcs_info"]
        return f"{name} @ {vcs.get('vcs', 'git')}+{origin.get('url', '')}@{vcs.get('commit_id', '')}"
    if "dir_info" in origin and name != "siglum":
        warnings.warn(
            f"The model uses {name}, which was installed from a folder: it is not among the model's requirements. "
            "Name it in extra_pip_requirements, or ship its code with code_paths.",
            ModelWarning,
            stacklevel=6,
        )
        return None
    return f"{name}=={version}"


def _origin(distribution: metadata.Distribution) -> dict[str, Any]:
    """Return what `direct_url.json` (PEP 610) says of where a distribution came from."""
    text = distribution.read_text("direct_url.json")
    try:
        value = json.loads(text) if text else {}
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _canonical(name: str) -> str:
    return name.lower().replace("_", "-").replace(".", "-")


def _name_of(line: str) -> str:
    name = line
    for stop in "[<>=!~;@ ":
        name = name.partition(stop)[0]
    return _canonical(name)


def _expand(lines: Sequence[str], base: str, depth: int) -> list[str]:
    result: list[str] = []
    for raw in lines:
        line = raw.partition(" #")[0].strip()
        option, _, argument = line.partition(" ")
        if "\n" in line or depth > 5:
            raise InvalidInputError(f"{raw!r} is not one line of requirements.")
        if not line or line.startswith("#"):
            continue
        if option in ("-c", "--constraint"):
            raise InvalidInputError(
                f"A model keeps no constraints file ({line!r}).", hint="Write the pinned versions as requirements."
            )
        if option in ("-r", "--requirement"):
            path = os.path.join(base, argument.strip())
            result += _expand(_lines_of(path), os.path.dirname(path), depth + 1)
        else:
            result.append(line)
    return result


def _lines_of(path: str) -> list[str]:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read().splitlines()
    except FileNotFoundError:
        raise NotFoundError(f"There is no requirements file {path!r}.", hint="Give a list of lines instead.") from None


def _read_conda(source: Mapping[str, Any] | str) -> Mapping[str, Any]:
    value: Any = source
    if isinstance(source, str):
        try:
            value = yaml.safe_load("\n".join(_lines_of(source)))
        except yaml.YAMLError as error:
            raise InvalidInputError(f"{source} is not valid YAML: {error}") from error
    if not isinstance(value, Mapping) or not isinstance(value.get("dependencies"), list):
        raise InvalidInputError("A conda environment must be a mapping with a list of dependencies.")
    return value


def _pip_part(conda: Mapping[str, Any]) -> list[str]:
    parts = [entry["pip"] for entry in conda["dependencies"] if isinstance(entry, dict) and "pip" in entry]
    return [str(line) for part in parts for line in part]
