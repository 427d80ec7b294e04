"""Templates by name: those in `.dvc/plots`, those at a path, and those that come with Siglum."""

from __future__ import annotations

import json
import os
from typing import Any

import msgspec

from siglum.core.errors import FileFormatError, NotFoundError
from siglum.core.text import did_you_mean
from siglum.pipeline.results.plots.built_in import TEMPLATES
from siglum.workspace.documents import decoded, read_bytes
from siglum.workspace.repository import DVC_DIR, Repository

_SUFFIX = ".json"


class Template(msgspec.Struct, frozen=True):
    """A template as found: its content, and whether it is one that comes with Siglum."""

    name: str
    content: Any
    built_in: bool


def find_template(repo: Repository | None, name: str) -> Template:
    """Return a template: one in `.dvc/plots`, a file at that path, or one that comes with Siglum, in this order.

    Raises NotFoundError with near names, FileFormatError when a file is not a JSON object.
    """
    for path, where in _places(repo, name):
        if os.path.isfile(path):
            return Template(name, _read(path, where), built_in=False)
    if name in TEMPLATES:
        return Template(name, TEMPLATES[name](), built_in=True)
    raise NotFoundError(
        f"There is no template {name!r}.",
        hint=did_you_mean(name, template_names(repo)) or "See 'siglum plots templates' for all.",
    )


def template_names(repo: Repository | None) -> list[str]:
    """Return the names of all templates: those that come with Siglum, then the repository's own."""
    return list(dict.fromkeys([*TEMPLATES, *own_templates(repo)]))


def own_templates(repo: Repository | None) -> list[str]:
    """Return the names of the templates in `.dvc/plots`, sorted."""
    try:
        names = [] if repo is None else os.listdir(_folder(repo))
    except OSError:
        return []
    return sorted(name.removesuffix(_SUFFIX) for name in names if name.endswith(_SUFFIX))


def _folder(repo: Repository) -> str:
    return os.path.join(repo.root, DVC_DIR, "plots")


def _places(repo: Repository | None, name: str) -> list[tuple[str, str]]:
    """Return where a template may be, and how each place is called in errors."""
    places = []
    if repo is not None:
        for file in (name, f"{name}{_SUFFIX}"):
            path = os.path.join(_folder(repo), file)
            places.append((path, os.path.relpath(path, repo.root)))
    if name.endswith(_SUFFIX) or os.sep in name:
        # Any other name is no path: a file called 'linear' is not what '-t linear' means.
        places.append((os.path.abspath(name), name))
        if repo is not None:
            places.append((os.path.join(repo.root, name), name))
    return places


def _read(path: str, where: str) -> Any:
    text = decoded(read_bytes(path, where), where)
    try:
        content = json.loads(text)
    except json.JSONDecodeError as error:
        raise FileFormatError(where, f"not JSON: {error.msg}", line=error.lineno, column=error.colno) from None
    except RecursionError:
        raise FileFormatError(where, "nested too deeply") from None
    if not isinstance(content, dict):
        raise FileFormatError(where, "not a template: expected a JSON object")
    return content
