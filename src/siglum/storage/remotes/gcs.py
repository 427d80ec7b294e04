"""Remotes on Google Cloud Storage: DVC's option names, told to obstore."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from siglum.core.errors import InvalidInputError, NotSupportedError
from siglum.storage.remotes.base import Remote
from siglum.storage.remotes.object_store import ObjectPlace, ObjectStoreRemote, require_obstore
from siglum.storage.remotes.options import RemoteOptions

if TYPE_CHECKING:
    from obstore.store import GCSCredential, ObjectStore

_KIND = "gs://"
# Where Google's own clients find an emulator.
_EMULATOR = "STORAGE_EMULATOR_HOST"
# What a file of credentials may be, and obstore's setting that reads it.
_SETTING_BY_TYPE = {"service_account": "service_account", "authorized_user": "application_credentials"}


class _KeyFile(msgspec.Struct):
    """What is looked at in a file of credentials; obstore reads the rest."""

    type: str = ""


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
