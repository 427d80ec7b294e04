"""What the URL of a tracking server opens. Imported only by who speaks to one: HTTP takes its time to import."""

from __future__ import annotations

import os
import urllib.parse

from siglum.client.opened import Opened
from siglum.client.rest.artifacts import RestArtifactStore
from siglum.client.rest.registry import RestRegistryStore
from siglum.client.rest.session import Credentials, RestSession
from siglum.client.rest.tracking import RestTrackingStore
from siglum.client.spool.offline import OfflineSession
from siglum.client.spool.places import is_offline
from siglum.storage.artifacts.base import ArtifactStore


def open_server(url: str) -> Opened:
    """Return the stores of a server, which is not called yet; offline, they answer that it is not to be called."""
    return _stores_on(_session(url))


def open_server_for_sending(url: str) -> Opened:
    """Return the stores of a server, even offline, each call to which is made once."""
    return _stores_on(RestSession(url, Credentials.from_environment(os.environ), repeats=False))


def artifacts_at(url: str, own: str) -> ArtifactStore:
    """Return the files behind a server's URL; `own` is the one that credentials are for."""
    if urllib.parse.urlsplit(url).netloc != urllib.parse.urlsplit(own).netloc:
        return RestArtifactStore(RestSession(url))  # a record may name any host: credentials stay with ours
    return RestArtifactStore(_session(url))


def _session(url: str) -> RestSession:
    if is_offline(os.environ):
        return OfflineSession(url)
    return RestSession(url, Credentials.from_environment(os.environ))


def _stores_on(session: RestSession) -> Opened:
    return Opened(RestTrackingStore(session), RestRegistryStore(session), RestArtifactStore(session), (session,))
