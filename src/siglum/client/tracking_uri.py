"""Tracking URIs: which stores they name. A pure reading of text; nothing is opened here."""

from __future__ import annotations

import os
import re
import urllib.parse
from collections.abc import Mapping
from typing import TypeAlias

import msgspec

from siglum.core.errors import InvalidInputError, NotSupportedError
from siglum.core.text import did_you_mean
from siglum.lineage.project import project_root
from siglum.tracking.sql.postgres_uri import is_postgres_uri, parse_postgres_uri

EMBEDDED_FOLDER = ".siglum"
EMBEDDED_DATABASE = "siglum.db"
ARTIFACTS_FOLDER = "artifacts"

_SCHEMES = ("http", "https", "sqlite", "postgresql")
_WHAT_TO_USE = (
    "Use the URL of a server (http://host:port) or a database (sqlite:///path/to/file.db, postgresql://user@host/name)."
)
_OTHER_DATABASES = ("mysql", "mssql", "oracle")
_SCHEME = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.\-]*):")


class ServerLocation(msgspec.Struct, frozen=True):
    """A tracking server; `url` has no trailing slash."""

    url: str

    @property
    def uri(self) -> str:
        """The URI in its one absolute form."""
        return self.url


class PostgresLocation(msgspec.Struct, frozen=True):
    """A PostgreSQL database. Only `shown` is without the password."""

    uri: str
    shown: str
    artifact_root: str
    """The folder of the files of its runs and models, unless told otherwise: on this machine, in the project."""


class DatabaseLocation(msgspec.Struct, frozen=True):
    """A SQLite database at an absolute path."""

    path: str

    @property
    def shown(self) -> str:
        """The URI as people may see it."""
        return self.uri

    @property
    def uri(self) -> str:
        """The URI in its one absolute form."""
        return f"sqlite:///{urllib.parse.quote(self.path)}"

    @property
    def artifact_root(self) -> str:
        """The folder of the files of its runs and models, unless told otherwise."""
        return os.path.join(os.path.dirname(self.path), ARTIFACTS_FOLDER)


Location: TypeAlias = ServerLocation | DatabaseLocation | PostgresLocation


def environment_value(environ: Mapping[str, str], name: str = "TRACKING_URI") -> str | None:
    """Return what `SIGLUM_<name>` or, failing that, `MLFLOW_<name>` says; None when neither is set."""
    return environ.get(f"SIGLUM_{name}") or environ.get(f"MLFLOW_{name}") or None


def default_tracking_uri(environ: Mapping[str, str], cwd: str) -> str:
    """Return the URI from the environment, else that of the project's embedded store. Creates nothing."""
    found = environment_value(environ)
    if found is not None:
        return found
    return DatabaseLocation(os.path.join(project_root(cwd), EMBEDDED_FOLDER, EMBEDDED_DATABASE)).uri


def parse_tracking_uri(uri: str, cwd: str) -> Location:
    """Say what a tracking or registry URI names; relative database paths are taken from `cwd`.

    Raises:
        InvalidInputError: A scheme that there is not, or a URI without its rest.
        NotSupportedError: A file store, an in-memory database or another kind of database.
    """
    match = _SCHEME.match(uri)
    scheme = match["scheme"].lower() if match else ""
    if scheme in ("http", "https"):
        return _server(uri)
    if scheme == "sqlite":
        return _database(uri, cwd)
    if is_postgres_uri(uri):
        root = os.path.join(project_root(cwd), EMBEDDED_FOLDER, ARTIFACTS_FOLDER)
        return PostgresLocation(uri, parse_postgres_uri(uri).shown, root)
    if not match or scheme == "file":
        raise NotSupportedError(f"{uri!r} is a folder: runs are not kept in plain files.", hint=_WHAT_TO_USE)
    if scheme.partition("+")[0] in _OTHER_DATABASES:
        raise NotSupportedError(f"Runs cannot be kept in a database of the kind {scheme}:.", hint=_WHAT_TO_USE)
    near = did_you_mean(scheme, _SCHEMES)
    raise InvalidInputError(
        f"{_without_login(uri)!r}: there is no scheme {scheme!r} for a tracking URI.",
        hint=f"{near} {_WHAT_TO_USE}" if near else _WHAT_TO_USE,
    )


def _without_login(uri: str) -> str:
    """Return what may be repeated to the user: what stands before an @ may hold a password."""
    scheme, separator, rest = uri.partition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2]}" if separator else uri


def _server(uri: str) -> ServerLocation:
    if not re.match(r"https?://[^/\s]+", uri, re.IGNORECASE):
        raise InvalidInputError(f"{uri!r} names no host.", hint=_WHAT_TO_USE)
    return ServerLocation(uri.rstrip("/"))


def _database(uri: str, cwd: str) -> DatabaseLocation:
    # As SQLAlchemy and MLflow read it: three slashes and a relative path, four and an absolute one.
    path = uri[len("sqlite:") :]
    if not path.startswith("///") or "?" in path:
        raise InvalidInputError(
            f"{uri!r} is not a database URI.",
            hint="Write sqlite:///relative/path.db or sqlite:////absolute/path.db.",
        )
    path = urllib.parse.unquote(path[3:])
    if path in ("", ":memory:"):
        raise NotSupportedError(f"{uri!r}: a store in memory would be lost with the process.", hint=_WHAT_TO_USE)
    if path.endswith(("/", os.sep)):
        raise InvalidInputError(f"{uri!r} names a folder; name a file in it.")
    return DatabaseLocation(os.path.normpath(os.path.join(cwd, path)))
