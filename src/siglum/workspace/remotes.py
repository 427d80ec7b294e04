"""A remote by its name in the settings."""

from __future__ import annotations

from siglum.core.errors import InvalidInputError
from siglum.core.hashes import DataHash
from siglum.storage.remote_objects import object_key
from siglum.storage.remotes.base import Remote
from siglum.storage.remotes.open import open_remote
from siglum.workspace.repository import Repository

_REFERENCE = "remote://"


def open_configured_remote(repo: Repository, name: str | None = None) -> Remote:
    """Return the remote called `name`, the default one when None. Connects to nothing yet.

    Raises NotFoundError when there is none, NotSupportedError for a URL or option that Siglum does not have.
    """
    name, options = repo.config.remote(name.lower() if name is not None else None)
    url, inherited = _resolve(repo, name, options)
    return open_remote(name, url, inherited)


def recorded_url(repo: Repository, data: DataHash, remote: str | None, *, is_here: bool) -> str:
    """Return where content is or would be: on `remote`, else on the default one; nothing there is looked at.

    Of a repository that `is_here`, in a folder, it is its cache where there is no remote, as in DVC. Raises as
    `open_configured_remote`.
    """
    if is_here and remote is None and repo.config.get("core.remote") is None:
        return repo.store_of(data).path_of(data.oid)
    return f"{open_configured_remote(repo, remote).url}/{object_key(data.algorithm, data.oid)}"


def remote_url(repo: Repository, reference: str) -> tuple[str, dict[str, str]]:
    """Return the URL or absolute path that `remote://name/below` stands for, and the options of that remote."""
    return _resolve(repo, "", {"url": reference})


def _resolve(repo: Repository, name: str, options: dict[str, str]) -> tuple[str, dict[str, str]]:
    """Follow `remote://other/below` to the other remote's URL, and take its options along."""
    url, rest = options["url"], {key: value for key, value in options.items() if key != "url"}
    seen = [name]
    while url.startswith(_REFERENCE):
        other, slash, below = url.removeprefix(_REFERENCE).partition("/")
        if other in seen:
            raise InvalidInputError(
                f"The remote {name!r} refers to itself: {' -> '.join([*seen, other])}.",
                hint=f"Give it a URL: siglum remote modify {name} url URL",
            )
        seen.append(other)
        _, above = repo.config.remote(other.lower())
        url = above["url"].rstrip("/") + slash + below
        rest = {key: value for key, value in above.items() if key != "url"} | rest
    return url, rest
