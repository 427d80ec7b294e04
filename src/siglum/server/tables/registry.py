"""Registered models, their versions, and webhooks, as MLflow has them."""

from __future__ import annotations

from siglum.registry import webhook_wire, wire
from siglum.server.handlers import model_versions, registered_models, webhooks
from siglum.server.route import Route
from siglum.server.tables.rows import MANAGE, READ, WRITE, row
from siglum.tracking import calls

_M = "/mlflow/registered-models"
_V = "/mlflow/model-versions"
_W = "/mlflow/webhooks"

ROUTES: tuple[Route, ...] = (
    # -- registered models
    row(
        "POST", f"{_M}/create", wire.CreateRegisteredModel, wire.RegisteredModelAnswer, WRITE, registered_models.create
    ),
    row("GET", f"{_M}/get", wire.RegisteredModelName, wire.RegisteredModelAnswer, READ, registered_models.get),
    row(
        "PATCH", f"{_M}/update", wire.UpdateRegisteredModel, wire.RegisteredModelAnswer, WRITE, registered_models.update
    ),
    row(
        "POST", f"{_M}/rename", wire.RenameRegisteredModel, wire.RegisteredModelAnswer, MANAGE, registered_models.rename
    ),
    row("DELETE", f"{_M}/delete", wire.RegisteredModelName, calls.Empty, MANAGE, registered_models.delete),
    row("GET", f"{_M}/search", wire.Search, wire.RegisteredModelsAnswer, READ, registered_models.search),
    *(
        row(
            method,
            f"{_M}/get-latest-versions",
            wire.GetLatestVersions,
            wire.ModelVersionsAnswer,
            READ,
            registered_models.latest_versions,
        )
        for method in ("GET", "POST")
    ),
    row("POST", f"{_M}/set-tag", wire.SetRegisteredModelTag, calls.Empty, WRITE, registered_models.set_tag),
    row("DELETE", f"{_M}/delete-tag", wire.DeleteRegisteredModelTag, calls.Empty, WRITE, registered_models.delete_tag),
    row("POST", f"{_M}/alias", wire.SetAlias, calls.Empty, MANAGE, registered_models.set_alias),
    row("DELETE", f"{_M}/alias", wire.AliasName, calls.Empty, MANAGE, registered_models.delete_alias),
    row("GET", f"{_M}/alias", wire.AliasName, wire.ModelVersionAnswer, READ, registered_models.get_by_alias),
    # -- model versions
    row("POST", f"{_V}/create", wire.CreateModelVersion, wire.ModelVersionAnswer, WRITE, model_versions.create),
    row("GET", f"{_V}/get", wire.VersionName, wire.ModelVersionAnswer, READ, model_versions.get),
    row("PATCH", f"{_V}/update", wire.UpdateModelVersion, wire.ModelVersionAnswer, WRITE, model_versions.update),
    row(
        "POST",
        f"{_V}/transition-stage",
        wire.TransitionStage,
        wire.ModelVersionAnswer,
        MANAGE,
        model_versions.transition_stage,
    ),
    row("DELETE", f"{_V}/delete", wire.VersionName, calls.Empty, MANAGE, model_versions.delete),
    row("GET", f"{_V}/search", wire.Search, wire.ModelVersionsAnswer, READ, model_versions.search),
    row("GET", f"{_V}/get-download-uri", wire.VersionName, wire.DownloadUriAnswer, READ, model_versions.download_uri),
    row("POST", f"{_V}/set-tag", wire.SetModelVersionTag, calls.Empty, WRITE, model_versions.set_tag),
    row("DELETE", f"{_V}/delete-tag", wire.DeleteModelVersionTag, calls.Empty, WRITE, model_versions.delete_tag),
    # -- webhooks
    row("POST", _W, webhook_wire.CreateWebhook, webhook_wire.WebhookAnswer, MANAGE, webhooks.create),
    row("GET", _W, webhook_wire.ListWebhooks, webhook_wire.WebhooksAnswer, READ, webhooks.list_all),
    row("GET", f"{_W}/{{webhook_id}}", webhook_wire.WebhookId, webhook_wire.WebhookAnswer, READ, webhooks.get),
    row(
        "PATCH", f"{_W}/{{webhook_id}}", webhook_wire.UpdateWebhook, webhook_wire.WebhookAnswer, MANAGE, webhooks.update
    ),
    row("DELETE", f"{_W}/{{webhook_id}}", webhook_wire.WebhookId, calls.Empty, MANAGE, webhooks.delete),
    row(
        "POST",
        f"{_W}/{{webhook_id}}/test",
        webhook_wire.TestWebhook,
        webhook_wire.TestWebhookAnswer,
        MANAGE,
        webhooks.test,
    ),
)
