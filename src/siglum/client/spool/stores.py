"""The stores of a training script: those behind its tracking URI, with a spool before what it writes to runs.

A database in this process is written to directly, and is durable when a call returns; only metric points, which are not
waited for, go through the spool. What goes to a server all goes through it; so does what goes to a database on a
server, for which a call waits as long as it answers.
"""

from __future__ import annotations

import logging
import os
import re
import sys
from typing import cast

from siglum.client.artifact_folder import ArtifactFolder
from siglum.client.spool.delivery import Delivery
from siglum.client.spool.files import SpooledFolder
from siglum.client.spool.inventory import count_left
from siglum.client.spool.places import OFFLINE_URL, is_offline, spool_folder, waits_for_each
from siglum.client.spool.queue import SpoolQueue
from siglum.client.spool.tracking import SpooledTrackingStore
from siglum.client.stores import Stores, open_for_sending, open_stores
from siglum.client.tracking_uri import DatabaseLocation, PostgresLocation, parse_tracking_uri
from siglum.core.text import count
from siglum.lineage.isolation import ISOLATION_VARIABLE
from siglum.tracking.store import TrackingStore

_log = logging.getLogger("siglum")

_RUN_FILES = re.compile(r"/([0-9a-f]{32})/artifacts/?\Z")
"""Where a server keeps the files of a run, Siglum's and MLflow's."""


class SpooledStores(Stores):
    """The stores of a server; files of runs go to the spool, with `direct` only while it does not answer."""

    def __init__(
        self,
        opened: Stores,
        tracking: SpooledTrackingStore,
        queue: SpoolQueue,
        closing: tuple[Stores, ...],
        *,
        direct: bool = False,
    ) -> None:
        super().__init__(opened.uri, cast("TrackingStore", tracking), opened.registry, opened.proxied, closing)
        self._opened = opened
        self._queue = queue
        self._spooled = tracking
        self._direct = direct

    def artifacts_for(self, artifact_uri: str) -> ArtifactFolder:
        match = _RUN_FILES.search(artifact_uri)
        return super().artifacts_for(artifact_uri) if match is None else self._files(match[1], artifact_uri)

    def files_of_run(self, run_id: str) -> ArtifactFolder:
        return self._files(run_id, None)

    def _files(self, run_id: str, uri: str | None) -> ArtifactFolder:
        def find() -> ArtifactFolder:
            known = None if self._spooled.is_expected(run_id) else uri
            return self._opened.artifacts_for(known or self._opened.tracking.get_run(run_id).info.artifact_uri)

        return SpooledFolder(self._queue, run_id, uri or f"runs:/{run_id}", find, direct=self._direct)


def say_what_waits(folder: str) -> None:
    """Say in one line that earlier processes have left something; nothing in a worker, whose parent has said it."""
    process = sys.modules.get("multiprocessing.process")
    if process is not None and process.parent_process() is not None:
        return
    left = count_left(folder)
    if left:
        what = f"What {count(left, 'earlier process', 'earlier processes')} logged waits"
        _log.warning("%s in %s: 'siglum sync' sends it.", what, folder)


def open_spooled(uri: str, cwd: str, registry_uri: str) -> tuple[Stores, SpoolQueue]:
    """Open what `stores.open_stores` opens, for a script that writes to runs."""
    location, folder = parse_tracking_uri(uri, cwd), spool_folder(os.environ, cwd)
    each, isolated = waits_for_each(None, os.environ), bool(os.environ.get(ISOLATION_VARIABLE))
    opened = open_stores(uri, cwd, registry_uri=registry_uri, late=not isolated)
    if isolated or isinstance(location, DatabaseLocation):
        return opened, SpoolQueue(Delivery(opened.tracking, opened.artifacts_for), opened.uri, folder, each=each)
    if isinstance(location, PostgresLocation):
        queue = SpoolQueue(Delivery(opened.tracking, opened.artifacts_for), opened.uri, folder, each=each)
        tracking = SpooledTrackingStore(opened.tracking, queue, waits=True)
        return SpooledStores(opened, tracking, queue, (opened,), direct=True), queue
    sending = open_for_sending(opened.uri, cwd)
    shown = "" if opened.uri == OFFLINE_URL else opened.uri
    queue = SpoolQueue(
        Delivery(sending.tracking, sending.artifacts_for), shown, folder, offline=is_offline(os.environ), each=each
    )
    return SpooledStores(opened, SpooledTrackingStore(opened.tracking, queue), queue, (opened, sending)), queue
