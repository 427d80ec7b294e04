"""Remotes on Google Cloud Storage: DVC's option names, told to obstore."""

from __future__ import annotations

import functools
import importlib.util
import json
import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from siglum.core.errors import InvalidInputError, NotSupportedError
from siglum.storage.remotes.base import Remote
from siglum.storage.remotes.object_store import ObjectPlace, ObjectStoreRemote, require_obstore
from siglum.storage.remotes.options import RemoteOptions
from siglum.storage.remotes.signing import QuerySigner, google_signer

if TYPE_CHECKING:
    from obstore.store import GCSCredential, ObjectStore

_KIND = "gs://"
_HOST = "https://storage.googleapis.com"
# Where Google's own clients find an emulator.
_EMULATOR = "STORAGE_EMULATOR_HOST"
# What a file of credentials may be, and obstore's setting that reads it.
_SETTING_BY_TYPE = {"service_account": "service_account", "authorized_user": "application_credentials"}


class _KeyFile(msgspec.Struct):
    """What is looked at in a file of credentials; obstore reads the rest."""

    type: str = ""
    client_email: str = ""
    private_key: str = ""

    def __repr__(self) -> str:
        return f"_KeyFile({self.type!r})"


def open_gcs(name: str, url: str, options: Mapping[str, str]) -> Remote:
    """Return the remote at `gs://bucket/path`.

    Without `credentialpath`, credentials are those that Google's own clients find: GOOGLE_APPLICATION_CREDENTIALS,
    what `gcloud auth application-default login` wrote, or the machine's. Raises NotSupportedError for an option that
    cannot be honoured, InvalidInputError and NotFoundError for one that cannot be right. No request is made yet.
    """
    require_obstore(name, _KIND)
    bucket, _, prefix = url.partition("://")[2].partition("/")
    if not bucket:
        raise InvalidInputError(
            f"Remote {name!r} is at {url}, which names no bucket.",
            hint=f"Correct it: siglum remote modify {name} url gs://BUCKET/PATH",
        )
    read = RemoteOptions(name, _KIND, options)
    # Making or listing buckets needs a project; a bucket's objects are reached without, as in DVC.
    read.text("projectname")
    endpoint = read.text("endpointurl")
    emulator = os.environ.get(_EMULATOR) if endpoint is None else None
    if emulator:
        endpoint = emulator if "://" in emulator else f"http://{emulator}"
    key_file = read.path("credentialpath")
    anonymous = read.boolean("allow_anonymous_login", default=False) or (bool(emulator) and key_file is None)
    config: dict[str, Any] = {"skip_signature": True} if anonymous else _login(name, key_file)
    if endpoint is not None:
        config["base_url"] = endpoint.rstrip("/")
    place = ObjectPlace(
        make_store=lambda client, retry: _make_store(bucket, config, anonymous, client, retry),
        prefix=prefix.strip("/"),
        secrets=tuple(read.secrets),
        client_options={"allow_http": True} if endpoint and endpoint.lower().startswith("http://") else {},
        etag_is_md5=True,
        signer=None if anonymous else _find_signer(name, key_file, bucket, endpoint),
    )
    read.refuse_others()
    return ObjectStoreRemote(name, url, place)


def _make_store(
    bucket: str, config: Mapping[str, Any], anonymous: bool, client: dict[str, Any], retry: dict[str, Any]
) -> ObjectStore:
    from obstore.store import GCSStore  # an optional extra

    # Unasked, obstore would look for the machine's credentials before it writes, where nobody logs in.
    provider: Callable[[], GCSCredential] | None = _nobody if anonymous else None
    settings: dict[str, Any] = {"config": config, "client_options": client, "retry_config": retry}
    return GCSStore(bucket, credential_provider=provider, **settings)


def _find_signer(
    name: str, key_file: str | None, bucket: str, endpoint: str | None
) -> Callable[[], QuerySigner] | None:
    """Return what signs with a service account's key; None for another login, or where `cryptography` is missing."""
    path = key_file or os.environ.get("GOOGLE_APPLICATION_CREDENTIALS")
    if path is None or not os.path.isfile(path) or importlib.util.find_spec("cryptography") is None:
        return None
    with open(path, "rb") as file:
        key = msgspec.json.decode(file.read(), type=_KeyFile)
    if key.type != "service_account":
        return None

    def make() -> QuerySigner:
        try:
            return google_signer(f"{(endpoint or _HOST).rstrip('/')}/{bucket}", key.client_email, key.private_key)
        except ValueError:
            raise InvalidInputError(f"Remote {name!r}: the private key in {path} cannot be read.") from None

    return functools.cache(make)


def _nobody() -> GCSCredential:
    """Return what an emulator takes for a login, and Google refuses: reading needs none, and is not given this."""
    return {"token": "anonymous", "expires_at": None}


def _login(name: str, key_file: str | None) -> dict[str, Any]:
    path = key_file or os.environ.get("GOOGLE_APPLICATION_CREDENTIALS")
    if path is None or (key_file is None and not os.path.isfile(path)):
        return {}
    try:
        with open(path, "rb") as file:
            kind = msgspec.json.decode(file.read(), type=_KeyFile).type
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise InvalidInputError(
            f"Remote {name!r}: {path} does not hold Google's credentials as JSON.",
            hint=f"Correct it: siglum remote modify {name} credentialpath PATH",
        ) from None
    if kind not in _SETTING_BY_TYPE:
        raise NotSupportedError(
            f"Remote {name!r}: {path} holds credentials of type {json.dumps(kind)}, which Siglum does not support.",
            hint=f"Supported are {' and '.join(_SETTING_BY_TYPE)}.",
        )
    return {_SETTING_BY_TYPE[kind]: path}
