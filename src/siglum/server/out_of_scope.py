"""What MLflow's server has and Siglum does not: each area by its paths, answered with 501 and a sentence.

`docs/reference/mlflow-compatibility.md` lists the areas; a test holds it to this table.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

from siglum.core.errors import NotSupportedError

_PREFIX: Final = re.compile(r"/(?:ajax-)?api/[23]\.0(?:/preview)?(?=/)")


class Area(msgspec.Struct, frozen=True):
    """A part of MLflow, the paths that it begins at, and the sentence that answers them.

    Paths are below `/api/2.0`, `/api/3.0` and their other spellings, or at the root.
    """

    name: str
    paths: tuple[str, ...]
    answer: str


AREAS: Final = (
    Area(
        "Traces and assessments",
        (
            "/mlflow/traces",
            "/mlflow/unified-traces",
            "/mlflow/get-online-trace-details",
            "/mlflow/get-trace-artifact",
            "/v1/traces",
        ),
        "Siglum keeps no traces and no assessments of them.",
    ),
    Area(
        "Evaluation data sets",
        ("/mlflow/datasets",),
        "Siglum keeps no evaluation data sets; data sets that runs read are logged with log_input.",
    ),
    Area(
        "Scorers, evaluation, issues and human review",
        (
            "/mlflow/scorers",
            "/mlflow/scorer",
            "/mlflow/genai",
            "/mlflow/issues",
            "/mlflow/label-schemas",
            "/mlflow/review-queues",
        ),
        "Siglum has no scorers, evaluation jobs or review queues.",
    ),
    Area(
        "Prompts beyond the registry",
        ("/mlflow/prompt-optimization", "/mlflow/runs/create-promptlab-run"),
        "Siglum optimises no prompts and has no prompt lab.",
    ),
    Area(
        "AI gateway",
        ("/mlflow/gateway", "/mlflow/gateway-proxy", "/gateway"),
        "Siglum is no gateway to language models.",
    ),
    Area(
        "Jobs, assistant, demo and MCP servers",
        ("/mlflow/jobs", "/jobs", "/mlflow/assistant", "/mlflow/demo", "/mlflow/mcp-servers"),
        "Siglum's server runs no jobs and no assistant.",
    ),
    Area("Workspaces", ("/mlflow/workspaces",), "Siglum's server has one workspace."),
    Area(
        "GraphQL and telemetry of MLflow's web interface",
        ("/graphql", "/mlflow/ui-telemetry"),
        "Siglum's server has a REST interface only, and collects no telemetry.",
    ),
)
_BY_PATH: Final = {path: area for area in AREAS for path in area.paths}


def area_of(path: str) -> Area | None:
    """Return the area that a request's path belongs to, None for any other path."""
    below = _PREFIX.sub("", path, count=1)
    while below:
        if below in _BY_PATH:
            return _BY_PATH[below]
        below = below.rpartition("/")[0]
    return None


def refusal(area: Area) -> NotSupportedError:
    """Return the error that answers a request for an area."""
    return NotSupportedError(f"{area.answer} This endpoint of MLflow is not implemented.")
