"""Logging parameters, and what happens when one was logged before with another value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol, TypeAlias, cast, get_args

from siglum.core import limits
from siglum.core.errors import ConflictError, InvalidInputError
from siglum.core.names import check_key
from siglum.core.text import did_you_mean
from siglum.tracking.entities import Param
from siglum.tracking.store import TrackingStore

OnConflict: TypeAlias = Literal["error", "keep", "replace"]


class TakesConflicts(Protocol):
    """A store that is told what to do about conflicts, since it knows of them only later: that of a spool."""

    def put_params(self, run_id: str, params: Sequence[Param], on_conflict: OnConflict) -> None:
        """Log parameters."""
        ...


def log(store: TrackingStore, run_id: str, params: Mapping[str, Any], on_conflict: OnConflict = "error") -> None:
    """Store parameters, 100 in a transaction.

    Args:
        store: Where the run is.
        run_id: The run.
        params: Values become strings.
        on_conflict: What to do about one that was logged with another value: raise (`error`), leave the value that
            is there (`keep`), or take the new one and keep the old in the tag `siglum.params.replaced` (`replace`).

    Raises:
        ConflictError: Another value is there, with `error`.
        NotSupportedError: `replace`, and the server is not Siglum's.
    """
    if on_conflict not in get_args(OnConflict):
        choices = get_args(OnConflict)
        raise InvalidInputError(
            f"on_conflict is {on_conflict!r}.", hint=did_you_mean(on_conflict, choices) or f"Use {', '.join(choices)}."
        )
    listed = [Param(check_key(key, "key"), str(value)) for key, value in params.items()]
    for start in range(0, len(listed), limits.BATCH_PARAMS):
        some = listed[start : start + limits.BATCH_PARAMS]
        if hasattr(store, "put_params"):
            cast("TakesConflicts", store).put_params(run_id, some, on_conflict)
            continue
        try:
            store.log_batch(run_id, params=some)
        except (ConflictError, InvalidInputError):  # the second is what MLflow's server says
            if on_conflict == "error":
                raise
            there = store.get_run(run_id).data.params
            if all(there.get(param.key, param.value) == param.value for param in some):
                raise  # it is not about values: the run was deleted
            if on_conflict == "replace":
                store.replace_params(run_id, some)
            else:
                store.log_batch(run_id, params=[param for param in some if param.key not in there])
