"""Remotes on Azure Blob Storage: DVC's option names, told to obstore."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from siglum.core.errors import InvalidInputError
from siglum.storage.remotes.azure_login import AzureLogin, find_login
from siglum.storage.remotes.base import Remote
from siglum.storage.remotes.object_store import ObjectPlace, ObjectStoreRemote, require_obstore
from siglum.storage.remotes.options import RemoteOptions
from siglum.storage.remotes.signing import AzureSignature, QuerySigner

if TYPE_CHECKING:
    from obstore.store import ObjectStore

_KIND = "azure://"


def open_azure(name: str, url: str, options: Mapping[str, str]) -> Remote:
    """Return the remote at `azure://container/path`.

    What options leave open is taken from the environment and from `az`'s own configuration, as in DVC. Raises
    NotSupportedError for an option that cannot be honoured, InvalidInputError for one that cannot be right. No request
    is made yet.
    """
    require_obstore(name, _KIND)
    container, _, prefix = url.partition("://")[2].partition("/")
    if not container:
        raise InvalidInputError(
            f"Remote {name!r} is at {url}, which names no container.",
            hint=f"Correct it: siglum remote modify {name} url azure://CONTAINER/PATH",
        )
    read = RemoteOptions(name, _KIND, options)
    login = find_login(read, os.environ)
    client: dict[str, Any] = {}
    timeout = read.seconds("timeout")
    if timeout is not None:
        client["timeout"] = timedelta(seconds=timeout)
    if login.is_plain:
        client["allow_http"] = True
    place = ObjectPlace(
        make_store=lambda client, retry: _make_store(container, login, client, retry),
        prefix=prefix.strip("/"),
        secrets=(*read.secrets, *login.secrets),
        connect_timeout=read.seconds("connection_timeout"),
        read_timeout=read.seconds("read_timeout"),
        client_options=client,
        signer=partial(_signer, container, login) if login.config.get("account_key") else None,
        sends_blocks=not login.config.get("skip_signature", False),
    )
    read.refuse_others()
    return ObjectStoreRemote(name, url, place)


def _signer(container: str, login: AzureLogin) -> QuerySigner:
    account = login.config["account_name"]
    endpoint = str(login.config.get("endpoint") or f"https://{account}.blob.core.windows.net").rstrip("/")
    return AzureSignature(f"{endpoint}/{container}", account, container, login.config["account_key"])


def _make_store(container: str, login: AzureLogin, client: dict[str, Any], retry: dict[str, Any]) -> ObjectStore:
    from obstore.store import AzureStore  # an optional extra

    settings: dict[str, Any] = {"config": login.config, "client_options": client, "retry_config": retry}
    return AzureStore(container, **settings)
