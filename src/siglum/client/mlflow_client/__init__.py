"""`MlflowClient`: every operation by id, without an active run. The methods are grouped by what they are about."""

from __future__ import annotations

from siglum.client.mlflow_client.experiments import ExperimentMethods
from siglum.client.mlflow_client.files import FileMethods
from siglum.client.mlflow_client.logged_models import LoggedModelMethods
from siglum.client.mlflow_client.registry import RegistryMethods
from siglum.client.mlflow_client.runs import RunMethods
from siglum.client.mlflow_client.webhooks import WebhookMethods

__all__ = ["MlflowClient"]


class MlflowClient(ExperimentMethods, RunMethods, FileMethods, LoggedModelMethods, RegistryMethods, WebhookMethods):
    """A client of a tracking server and registry, with MLflow's methods; see each for what it raises."""
