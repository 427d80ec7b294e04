"""How long and how many: the limits that stores and servers hold, those of MLflow where it has one.

Lengths count characters. Two limits are wider than MLflow's: it cuts parameter values after 6,000 characters and run
tags after 8,000 without a word; here they are kept whole, up to `PARAM_VALUE` and `RUN_TAG_VALUE`.
"""

from __future__ import annotations

from typing import Final

KEY: Final = 250
"""Keys of parameters, metrics and tags."""

PARAM_VALUE: Final = 100_000
RUN_TAG_VALUE: Final = 100_000
EXPERIMENT_TAG_VALUE: Final = 20_000
REGISTRY_TAG_VALUE: Final = 100_000
LOGGED_MODEL_TAG_VALUE: Final = 100_000

EXPERIMENT_NAME: Final = 500
RUN_NAME: Final = 1_000
USER_ID: Final = 256
REGISTERED_MODEL_NAME: Final = 256
LOGGED_MODEL_NAME: Final = 500
MODEL_TYPE: Final = 500
ALIAS: Final = 255
DESCRIPTION: Final = 100_000
ARTIFACT_LOCATION: Final = 2_048

DATASET_NAME: Final = 500
DATASET_DIGEST: Final = 36
DATASET_SOURCE_TYPE: Final = 36
DATASET_SOURCE: Final = 65_535
DATASET_SCHEMA: Final = 1_048_575
DATASET_PROFILE: Final = 16_777_215
INPUT_TAG_KEY: Final = 255
INPUT_TAG_VALUE: Final = 500

BATCH_METRICS: Final = 1_000
BATCH_PARAMS: Final = 100
BATCH_TAGS: Final = 100
BATCH_TOTAL: Final = 1_000
IDEMPOTENCY_KEY: Final = 255

EXPERIMENTS_PAGE: Final = 50_000
RUNS_PAGE: Final = 50_000
LOGGED_MODELS_PAGE: Final = 50_000
REGISTERED_MODELS_PAGE: Final = 1_000
MODEL_VERSIONS_PAGE: Final = 200_000
WEBHOOKS_PAGE: Final = 1_000

HISTORY_RUNS: Final = 100
"""Runs whose history of one key is asked for at once."""
HISTORY_POINTS: Final = 25_000
HISTORY_SAMPLES: Final = 2_500
DATASET_EXPERIMENTS: Final = 20
DATASET_SUMMARIES: Final = 1_000
DATA_VERSIONS_PAGE: Final = 1_000
TABLE_COLUMNS: Final = 200
"""Columns of a page of runs."""
WINDOW_BUCKETS: Final = 10_000
UPLOAD: Final = 10 * 1024 * 1024
"""Bytes of a file that a web page uploads."""
PRESIGNED_SECONDS: Final = 604_800

FILTER: Final = 100_000
"""A search filter or one clause of an order."""

LIKE_PATTERN: Final = 2_000
"""The pattern of LIKE and ILIKE, whose matching time can grow with the square of it."""

FILTER_DEPTH: Final = 50
"""Parentheses and NOTs inside one another."""

FILTER_CLAUSES: Final = 500
"""Comparisons in one filter: what a database accepts in one statement."""

INT64_MIN: Final = -(2**63)
INT64_MAX: Final = 2**63 - 1
