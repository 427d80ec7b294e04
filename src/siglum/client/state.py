"""What the fluent API remembers in this process: URIs, the experiment, each thread's active runs, open stores.

The only global state of the library. Everything else takes its stores as arguments.
"""

from __future__ import annotations

import atexit
import logging
import os
import sys
import threading

from siglum.client.spool.places import OFFLINE_URL, is_offline
from siglum.client.spool.queue import SpoolQueue
from siglum.client.spool.stores import open_spooled, say_what_waits
from siglum.client.stores import Stores
from siglum.client.system_metrics import Sampling, sampling_from
from siglum.client.tracking_uri import default_tracking_uri, environment_value, parse_tracking_uri
from siglum.core.errors import SiglumError

_log = logging.getLogger("siglum")


class Session:
    """Open stores, and the spool of what is on its way to them."""

    def __init__(self, stores: Stores, queue: SpoolQueue, uris: tuple[str, str]) -> None:
        self.stores = stores
        self.queue = queue
        self.uris = uris

    def close(self) -> None:
        """Send what waits, then close the stores even if that failed."""
        try:
            self.queue.close()
        finally:
            self.stores.close()


class _Process:
    """State shared by all threads of the process."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.tracking_uri: str | None = None
        self.registry_uri: str | None = None
        self.uri_cwd: str | None = None
        self.experiment_id: str | None = None
        self.last_run_id: str | None = None
        self.last_model_id: str | None = None
        self.sampling: Sampling | None = None
        self.sessions: dict[tuple[str, str], Session] = {}
        self.inherited: list[Session] = []
        self.generation = 0
        self.worker: int | None = None
        self.has_looked = False


_process = _Process()


def set_uris(*, tracking: str | None = None, registry: str | None = None) -> None:
    """Remember URIs, checked; relative paths are taken from the current folder, now."""
    cwd = os.getcwd()
    for uri in (tracking, registry):
        if uri:
            parse_tracking_uri(uri, cwd)
    with _process.lock:
        if tracking is not None:
            if tracking != _process.tracking_uri:
                _process.experiment_id = None  # an id means something in its own store only
            _process.tracking_uri = tracking or None
        if registry is not None:
            _process.registry_uri = registry or None
        _process.uri_cwd = cwd


def tracking_uri() -> str:
    """Return the URI in force, as it was set. Offline, a server that is named later stands in for the default."""
    if not is_tracking_uri_set() and is_offline(os.environ):
        return OFFLINE_URL
    return _process.tracking_uri or default_tracking_uri(os.environ, os.getcwd())


def is_tracking_uri_set() -> bool:
    """Whether the URI was set by a call or the environment."""
    return _process.tracking_uri is not None or environment_value(os.environ) is not None


def registry_uri() -> str:
    """Return the registry's URI: as it was set, else the tracking URI."""
    return _process.registry_uri or environment_value(os.environ, "REGISTRY_URI") or tracking_uri()


def session(tracking: str | None = None, registry: str | None = None) -> Session:
    """Return the open session for URIs (None: those in force), opening it on first use."""
    cwd = _process.uri_cwd or os.getcwd() if tracking is None and _process.tracking_uri else os.getcwd()
    given = tracking
    tracking = tracking or tracking_uri()
    registry = registry or (registry_uri() if given is None or given == tracking_uri() else tracking)
    key = (parse_tracking_uri(tracking, cwd).uri, parse_tracking_uri(registry, cwd).uri)
    found = _process.sessions.get(key)
    if found is None:
        with _process.lock:
            found = _process.sessions.get(key)
            if found is None:
                _close_with_worker()
                stores, queue = open_spooled(key[0], cwd, key[1])
                found = _process.sessions[key] = Session(stores, queue, key)
                if not _process.has_looked:
                    _process.has_looked = True
                    say_what_waits(queue.folder)
    return found


def generation() -> int:
    """Return a number that changes when open sessions are given up: who holds one must ask again."""
    return _process.generation


def experiment_id() -> str | None:
    """Return the experiment that was set, None when none was."""
    return _process.experiment_id


def set_experiment_id(experiment: str | None) -> None:
    """Remember the experiment that new runs go to."""
    _process.experiment_id = experiment


def last_run_id() -> str | None:
    """Return the run that was last made active in this process."""
    return _process.last_run_id


def set_last_run_id(run_id: str) -> None:
    """Remember the run that was last made active."""
    _process.last_run_id = run_id


def last_model_id() -> str | None:
    """Return the logged model that this process made last."""
    return _process.last_model_id


def set_last_model_id(model_id: str) -> None:
    """Remember the logged model that was made last."""
    _process.last_model_id = model_id


def sampling() -> Sampling:
    """Return how system metrics are sampled: as it was set, else as the environment says."""
    return _process.sampling or sampling_from(os.environ)


def set_sampling(sampling: Sampling | None) -> None:
    """Remember how system metrics are sampled in runs that start from now on; None: as the environment says."""
    _process.sampling = sampling


def close_all() -> None:
    """Send what is queued and close all stores; the next use opens them again.

    Raises:
        SiglumError: Points that could not be stored, of the first session that had any.
    """
    with _process.lock:
        sessions, _process.sessions = list(_process.sessions.values()), {}
        _process.generation += 1
    first: SiglumError | None = None
    for each in sessions:
        try:
            each.close()
        except SiglumError as error:
            first = first or error
    if first is not None:
        raise first


def _close_with_worker() -> None:
    """Have sessions closed at the end of a worker of multiprocessing: a forked one ends without `atexit`."""
    process, util = sys.modules.get("multiprocessing.process"), sys.modules.get("multiprocessing.util")
    if process is None or util is None or process.parent_process() is None or _process.worker == os.getpid():
        return
    _process.worker = os.getpid()
    util.Finalize(None, close_at_exit, exitpriority=0)


def close_at_exit() -> None:
    """Close everything when the interpreter ends; with nobody left to raise to, what was not sent or lost is logged.

    A server that does not answer is waited for ten seconds; one that was away already is tried once. What could not be
    sent stays in the spool.
    """
    try:
        close_all()
    except SiglumError as error:
        _log.error("At exit: %s", error)  # nobody is left to raise to


def _after_fork_in_child() -> None:
    # SQLite connections and sockets belong to the parent: closing them here would break its locks, so they are
    # kept alive, unused; the child opens its own.
    _process.lock = threading.RLock()
    _process.inherited.extend(_process.sessions.values())
    _process.sessions = {}
    _process.generation += 1


atexit.register(close_at_exit)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
