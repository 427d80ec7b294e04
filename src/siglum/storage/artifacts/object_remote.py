"""The remote below an artifact store: found by its URI and the environment, with errors for those who use artifacts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import msgspec

from siglum.core.addresses import shown_url
from siglum.core.errors import (
    InvalidInputError,
    NotSupportedError,
    PermissionDeniedError,
    SiglumError,
    StorageFullError,
    UnauthenticatedError,
    UnavailableError,
)
from siglum.storage.artifacts.paths import OBJECTS_FOLDER
from siglum.storage.remotes.object_store import ObjectPlace, ObjectStoreRemote
from siglum.storage.remotes.open import open_remote

if TYPE_CHECKING:
    from obstore.store import ObjectStore

_NAME = "artifacts"
_AZURE_SCHEMES = ("azure", "wasb", "wasbs", "abfs", "abfss")
# A key of the store itself tells nobody anything.
_OWN_KEY = re.compile(rf",? {re.escape(OBJECTS_FOLDER)}/[^\s:]*(?=:)")
OBJECT_SCHEMES = frozenset({"s3", "gs", *_AZURE_SCHEMES})
_LOGIN = {
    "s3": "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, in the environment.",
    "gs": "Set GOOGLE_APPLICATION_CREDENTIALS to a service account's key file in the environment.",
    "azure": "Set AZURE_STORAGE_CONNECTION_STRING, or AZURE_STORAGE_ACCOUNT and AZURE_STORAGE_KEY, in the environment.",
}
_REGION = "Set AWS_REGION in the environment, or MLFLOW_S3_ENDPOINT_URL for a server that is not AWS's."


class ArtifactRemote(ObjectStoreRemote):
    """A remote whose errors speak of artifacts."""

    def error_of(self, error: Exception, key: str) -> Exception:
        return _retold(super().error_of(error, key), self.url)


def is_object_uri(uri: str) -> bool:
    """Whether a URI names a place in an object store."""
    return "://" in uri and uri.partition("://")[0].lower() in OBJECT_SCHEMES


def open_artifact_remote(uri: str, environ: Mapping[str, str], *, patient: bool = True) -> ArtifactRemote:
    """Return the remote at a URI of `OBJECT_SCHEMES`. Connects to nothing yet.

    Credentials are those that the environment and the clouds' own files have; `MLFLOW_S3_ENDPOINT_URL` and
    `MLFLOW_S3_IGNORE_TLS` mean what they do in MLflow. One that is not `patient` gives up after some seconds.

    Raises InvalidInputError for a URI that cannot be one, NotSupportedError when `obstore` is missing,
    UnauthenticatedError when there are no credentials.
    """
    url, options = _parsed(uri, environ)
    try:
        opened = open_remote(_NAME, url, options)
    except SiglumError as error:
        raise _retold(error, url) from None
    assert isinstance(opened, ObjectStoreRemote)
    return ArtifactRemote(_NAME, url, opened.place if patient else _impatient(opened.place))


def _parsed(uri: str, environ: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    """Return a URI as remotes have it, and its options."""
    try:
        parts = urlsplit(uri)
        host, account = parts.hostname or "", parts.username
        problem = parts.password is not None or bool(parts.query or parts.fragment) or parts.port is not None
    except ValueError:
        raise InvalidInputError("The artifact location is not a URI.") from None
    scheme, path = parts.scheme.lower(), unquote(parts.path).strip("/")
    options: dict[str, str] = {}
    if scheme in _AZURE_SCHEMES and account is not None:  # wasbs://CONTAINER@ACCOUNT.blob.core.windows.net/PATH
        options["account_name"] = host.partition(".")[0]
        own = environ.get("AZURE_STORAGE_ACCOUNT")
        if own and own.lower() != options["account_name"]:  # whose key or token would go to another account
            raise InvalidInputError(f"{uri} is in another account than {own}, which AZURE_STORAGE_ACCOUNT names.")
        host, account = parts.netloc.rpartition("@")[0], None
    if problem or account is not None or not host or any(part in ("", ".", "..") for part in path.split("/") if path):
        raise InvalidInputError(
            f"{shown_url(uri) if account is None else scheme + '://…'} does not name a place for artifacts.",
            hint="Write it as s3://BUCKET/PATH, gs://BUCKET/PATH or azure://CONTAINER/PATH, without credentials.",
        )
    if scheme == "s3":
        if endpoint := environ.get("MLFLOW_S3_ENDPOINT_URL"):
            options["endpointurl"] = endpoint
        if environ.get("MLFLOW_S3_IGNORE_TLS", "").lower() in ("true", "1"):
            options["ssl_verify"] = "false"
    name = "azure" if scheme in _AZURE_SCHEMES else scheme
    bucket = parts.netloc if scheme in ("s3", "gs") else host
    return f"{name}://{bucket}/{path}".rstrip("/"), options


def _impatient(place: ObjectPlace) -> ObjectPlace:
    def make(client: dict[str, Any], retry: dict[str, Any]) -> ObjectStore:
        short = {"connect_timeout": timedelta(seconds=5), "read_timeout": timedelta(seconds=20)}
        return place.make_store(client | short, retry | {"max_retries": 1})

    return msgspec.structs.replace(place, make_store=make)


def _retold(error: Exception, url: str) -> Exception:
    """Return an error of a remote for people who have never heard of remotes."""
    if not isinstance(error, SiglumError):
        return error
    if not error.message.startswith("Remote "):  # about the bucket, in whatever remote
        return type(error)(error.message, hint=_REGION if error.message.startswith("The region") else None)
    rest = _OWN_KEY.sub("", error.message.removeprefix(f"Remote {_NAME!r}"))
    what = f"The artifact store {url}{rest}" if rest.startswith(" ") else f"Artifacts at {url}: {rest.lstrip(':, ')}"
    return type(error)(what, hint=_hint(error, url))


def _hint(error: SiglumError, url: str) -> str | None:
    if isinstance(error, NotSupportedError):
        return error.hint
    if isinstance(error, UnauthenticatedError | InvalidInputError):
        return _LOGIN[url.partition("://")[0]]
    if isinstance(error, PermissionDeniedError):
        return "The login must be allowed to list, read, write and delete there."
    if isinstance(error, StorageFullError):
        return "Free some space there."
    if isinstance(error, UnavailableError):
        if "another region" in error.message:
            return _REGION
        return "Check its name and address, and the network."
    return None
