"""What MLflow 2 keeps of the models that a run logged: a list of JSON objects in one tag of the run."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from siglum.core import limits
from siglum.core.errors import ConflictError, InvalidInputError
from siglum.tracking.sql.port import Sql
from siglum.tracking.sql.runs import require_active_run

TAG: Final = "mlflow.log-model.history"


def append(sql: Sql, run_id: str, model: dict[str, Any]) -> None:
    """Add one model to the list of an active run."""
    run_key, _ = require_active_run(sql, run_id)
    row = sql.one("SELECT value FROM run_tags WHERE run_key = ? AND key = ?", (run_key, TAG))
    try:
        before = msgspec.json.decode(row[0], type=list[dict[str, Any]]) if row else []
    except msgspec.MsgspecError:
        raise ConflictError(
            f"The tag {TAG} of run {run_id} holds no list of models.", hint="Delete the tag, then log the model again."
        ) from None
    value = msgspec.json.encode([*before, model]).decode()
    if len(value) > limits.RUN_TAG_VALUE:
        raise InvalidInputError(f"The list of models of run {run_id} would exceed {limits.RUN_TAG_VALUE:,} characters.")
    sql.run(
        """INSERT INTO run_tags (run_key, key, value) VALUES (?, ?, ?)
           ON CONFLICT (run_key, key) DO UPDATE SET value = excluded.value""",
        (run_key, TAG, value),
    )
