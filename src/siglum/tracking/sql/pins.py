"""What must not be deleted because something else needs it.

The registry says so in the view `pins`, which is all of it that tracking knows.
"""

from __future__ import annotations

from siglum.core.errors import ConflictError
from siglum.tracking.sql.port import Sql


def refuse_if_run_is_pinned(sql: Sql, run_id: str) -> None:
    """Raise ConflictError when a model version was made by the run."""
    _refuse(sql, f"Run {run_id!r} cannot be deleted", "kind = 'run' AND object_id = ?", run_id)


def refuse_if_logged_model_is_pinned(sql: Sql, model_id: str) -> None:
    """Raise ConflictError when a model version is the logged model."""
    _refuse(sql, f"Logged model {model_id!r} cannot be deleted", "kind = 'logged_model' AND object_id = ?", model_id)


def refuse_if_experiment_is_pinned(sql: Sql, experiment_id: int) -> None:
    """Raise ConflictError when a model version was made by a run of the experiment that is not deleted."""
    _refuse(
        sql,
        f"Experiment '{experiment_id}' cannot be deleted",
        """kind = 'run' AND object_id IN
           (SELECT run_id FROM runs WHERE experiment_id = ? AND lifecycle_stage = 'active')""",
        experiment_id,
    )


def _refuse(sql: Sql, what: str, condition: str, value: object) -> None:
    rows = sql.all(
        f"SELECT model_name, version FROM pins WHERE {condition} ORDER BY model_name, version LIMIT 4",  # noqa: S608
        (value,),
    )
    if rows:
        named = ", ".join(f"{name}@{version}" for name, version in rows[:3]) + (" and others" if len(rows) > 3 else "")
        raise ConflictError(f"{what}: registered model {named} came from it.", hint="Delete the model version first.")
