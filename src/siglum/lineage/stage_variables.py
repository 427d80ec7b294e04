"""The variables that tie a run which a stage's commands start to the run of that stage. Pure.

Siglum's own client goes on with the stage's run in the first run that a process starts; all others of the stage are
nested in it. MLflow's client nests its runs in it: told to go on with the run itself (by MLFLOW_RUN_ID), it would fail
in every script that chooses an experiment.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

PARENT_TAG = "mlflow.parentRunId"
STAGE_TAG = "siglum.stage"

RUN_VARIABLE = "SIGLUM_RUN_ID"
STAGE_RUN_VARIABLE = "SIGLUM_STAGE_RUN_ID"
_TRACKING, _MLFLOW_TRACKING, _MLFLOW_CONTEXT = "SIGLUM_TRACKING_URI", "MLFLOW_TRACKING_URI", "MLFLOW_RUN_CONTEXT"


def stage_variables(environment: Mapping[str, str], stage: str, uri: str, run_id: str | None) -> dict[str, str]:
    """Return what to add to the environment of a stage whose run is `run_id` in the store `uri`; None: it is not there.

    A database is named to Siglum's client alone: MLflow's would lay out its own tables in it. Neither is it told of a
    server that does not answer, which would fail a script that logs elsewhere.
    """
    found = {_TRACKING: uri, RUN_VARIABLE: run_id or "", STAGE_RUN_VARIABLE: run_id or ""}
    if run_id is not None and uri.startswith(("http://", "https://")):
        theirs = environment.get(_MLFLOW_TRACKING) or uri
        found[_MLFLOW_TRACKING] = theirs
        if theirs.rstrip("/") == uri:
            tags = {PARENT_TAG: run_id, STAGE_TAG: stage}
            found[_MLFLOW_CONTEXT] = json.dumps(_context(environment.get(_MLFLOW_CONTEXT)) | tags)
    return found


def _context(text: str | None) -> dict[str, str]:
    try:
        found = json.loads(text or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
