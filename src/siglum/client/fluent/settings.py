"""Which stores the fluent API speaks to, and when what was logged is there."""

from __future__ import annotations

import os

import msgspec

from siglum.client import active, state
from siglum.client.system_metrics import checked
from siglum.core.names import check_is_text


def set_tracking_uri(uri: str | os.PathLike[str]) -> None:
    """Set where runs are kept: `http(s)://…` or `sqlite:///…`; an empty string goes back to the default.

    Runs that are active stay where they were started. The experiment that was set is forgotten.

    Raises:
        InvalidInputError: A scheme that there is not.
        NotSupportedError: A folder (file stores are not supported), or a database other than SQLite.
    """
    state.set_uris(tracking=check_is_text(os.fspath(uri) if isinstance(uri, os.PathLike) else uri, "uri"))


def get_tracking_uri() -> str:
    """Return where runs are kept: what was set, else the environment's, else the project's embedded store."""
    return state.tracking_uri()


def is_tracking_uri_set() -> bool:
    """Whether a call or the environment has set where runs are kept."""
    return state.is_tracking_uri_set()


def set_registry_uri(uri: str) -> None:
    """Set where models are registered; an empty string means: where the runs are."""
    state.set_uris(registry=check_is_text(uri, "uri"))


def get_registry_uri() -> str:
    """Return where models are registered."""
    return state.registry_uri()


def flush() -> None:
    """Return when all that was logged so far is stored.

    Raises:
        UnavailableError: The server did not answer for ten seconds; what was logged is kept on disk and tried again.
        SiglumError: Something was refused for good, of any run. Raised once.
    """
    scope = active.current()
    session = scope.session if scope is not None else state.session()
    session.queue.flush()


def flush_artifact_async_logging() -> None:
    """Do the same as `flush`: files go the same way as all else."""
    flush()


def flush_async_logging() -> None:
    """Do the same as `flush`, under MLflow's name."""
    flush()


def enable_system_metrics_logging() -> None:
    """Sample what the machine does in every run that starts from now on; see `start_run(log_system_metrics=True)`."""
    state.set_sampling(msgspec.structs.replace(state.sampling(), enabled=True))


def disable_system_metrics_logging() -> None:
    """Sample nothing in runs that start from now on, unless they ask for it."""
    state.set_sampling(msgspec.structs.replace(state.sampling(), enabled=False))


def set_system_metrics_sampling_interval(interval: float) -> None:
    """Set the seconds between samples: 10 when nothing is set. Raises InvalidInputError when not positive."""
    state.set_sampling(checked(msgspec.structs.replace(state.sampling(), interval=float(interval))))


def set_system_metrics_samples_before_logging(samples: int) -> None:
    """Set of how many samples the mean is logged: 1 when nothing is set. Raises InvalidInputError when below 1."""
    state.set_sampling(checked(msgspec.structs.replace(state.sampling(), samples=int(samples))))


def set_system_metrics_node_id(node_id: str | None) -> None:
    """Put a name into the keys, so that the machines of one run stay apart; None: none."""
    state.set_sampling(msgspec.structs.replace(state.sampling(), node_id=node_id))
