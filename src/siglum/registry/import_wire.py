"""Requests and answers by which a migration fills a server, below `/api/siglum/1/import`.

Records are those of MLflow's messages, with what MLflow's own calls would not let a client choose: ids, times, numbers
of versions, life-cycle stages. What is there already stays as it is, so that each request may be repeated.
"""

from __future__ import annotations

from typing import Any

from siglum.registry.webhook_wire import WebhookMessage
from siglum.registry.wire import ModelVersionMessage, RegisteredModelMessage
from siglum.tracking.calls import RunIdRequest
from siglum.tracking.messages import (
    ExperimentMessage,
    Int64,
    LoggedModelMessage,
    Message,
    ModelInputMessage,
    ModelOutputMessage,
    RunMessage,
)


class ImportExperiment(Message, kw_only=True):
    """POST import/experiment. Without `location`, its files are to be where this server keeps files."""

    experiment: ExperimentMessage
    location: str | None = None


class ImportedExperiment(Message, kw_only=True, omit_defaults=False):
    """The id that an experiment has here, which is another where its own was taken."""

    experiment_id: str
    created: bool


class SeriesPart(Message, kw_only=True):
    """Points of one series, in columns of one length. Values that JSON has no number for are texts."""

    key: str
    steps: list[Int64]
    timestamps: list[Int64]
    values: list[float | str]


class ImportRun(Message, kw_only=True):
    """One run, and the points that come with it. `deleted_time` is when it was deleted; now, where nobody knows."""

    run: RunMessage
    deleted_time: Int64 | None = None
    series: list[SeriesPart] = []


class ImportRuns(Message, kw_only=True):
    """POST import/runs: stored all or not at all."""

    runs: list[ImportRun]


class ImportPoints(RunIdRequest, kw_only=True):
    """POST import/points: more points of a run. `last` says that no more come."""

    series: list[SeriesPart]
    last: bool = False


class ImportedPoints(Message, kw_only=True, omit_defaults=False):
    """How many points were new."""

    points: int


class RunPoints(Message, kw_only=True, omit_defaults=False):
    """How many points a run has here; null when it is not here."""

    points: int | None


class ImportLoggedModel(Message, kw_only=True):
    """POST import/logged-model."""

    model: LoggedModelMessage
    deleted: bool = False


class ImportedLoggedModel(Message, kw_only=True, omit_defaults=False):
    """Whether it was new."""

    created: bool


class ImportLinks(RunIdRequest, kw_only=True):
    """POST import/links: the logged models that a run read and made, once they are here; others are passed over."""

    model_inputs: list[ModelInputMessage] = []
    model_outputs: list[ModelOutputMessage] = []


class ImportVersion(Message, kw_only=True):
    """A version and where its files are."""

    version: ModelVersionMessage
    storage_location: str


class ImportModel(Message, kw_only=True):
    """A registered model with its versions. `next_version` counts deleted ones, too."""

    model: RegisteredModelMessage
    versions: list[ImportVersion] = []
    next_version: Int64


class ImportModels(Message, kw_only=True):
    """POST import/models: stored all or not at all, and said in the audit log."""

    models: list[ImportModel]


class ImportAuditEntry(Message, kw_only=True, omit_defaults=False):
    """An entry of another store's audit log, with what its hash is of."""

    seq: Int64
    time: Int64
    actor: str
    source: str
    action: str
    model_key: Int64
    model: str
    version: str | None = None
    alias: str | None = None
    reason: str | None = None
    before: dict[str, Any] | None = None
    after: dict[str, Any] | None = None
    prev_hash: str
    hash: str


class ImportHistory(Message, kw_only=True):
    """POST import/history: entries that follow each other in another store's audit log, kept as what came over.

    `counters` are the next numbers of versions there, also of models that are gone.
    """

    entries: list[ImportAuditEntry] = []
    counters: dict[str, Int64] = {}


class ImportedHistory(Message, kw_only=True, omit_defaults=False):
    """How many entries were new."""

    entries: int


class ImportWebhook(Message, kw_only=True):
    """POST import/webhook: a webhook of another store under its own id, with its secret, which is kept encrypted."""

    webhook: WebhookMessage
    secret: str | None = None


class ImportedWebhook(Message, kw_only=True, omit_defaults=False):
    """Whether it was new."""

    created: bool


class ImportedModels(Message, kw_only=True, omit_defaults=False):
    """How many models and versions were new."""

    models: int
    versions: int
