"""Remotes on Azure Blob Storage: DVC's option names, told to obstore."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from siglum.core.errors import InvalidInputError
from siglum.storage.remotes.azure_login import AzureLogin, find_login
from siglum.storage.remotes.base import Remote
from siglum.storage.remotes.object_store import ObjectPlace, ObjectStoreRemote, require_obstore
from siglum.storage.remotes.options import RemoteOptions

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
    )
    read.refuse_others()
    return ObjectStoreRemote(name, url, place)


def _make_store(container: str, login: AzureLogin, client: dict[str, Any], retry: dict[str, Any]) -> ObjectStore:
    from obstore.store import AzureStore  # an optional extra

    settings: dict[str, Any] = {"config": login.config, "client_options": client, "retry_config": retry}
    return AzureStore(container, **settings)
