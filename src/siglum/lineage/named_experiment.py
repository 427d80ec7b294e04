"""The experiment of a name, made when it is not there."""

from __future__ import annotations

from siglum.core.errors import AlreadyExistsError, ConflictError, NotFoundError
from siglum.tracking.entities import LifecycleStage
from siglum.tracking.store import TrackingStore


def find_experiment(tracking: TrackingStore, name: str) -> str:
    """Return the id of an experiment, which is made when it is not there. Raises ConflictError for a deleted one."""
    found = tracking.get_experiment_by_name(name)
    if found is None:
        try:
            return tracking.create_experiment(name)
        except AlreadyExistsError:  # by another process, meanwhile
            found = tracking.get_experiment_by_name(name)
            if found is None:
                raise NotFoundError(f"There is no experiment {name!r}.") from None
    if found.lifecycle_stage is LifecycleStage.DELETED:
        raise ConflictError(f"The experiment {name!r} has been deleted.", hint="Restore it, or name another.")
    return found.experiment_id
