"""`python -m tests.interop.mlflow_calls URL`: make all calls and print the results as JSON.

Runs in the Python of the real MLflow client.
"""

import json
import os
import sys
import tempfile
from pathlib import Path

os.environ |= {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ASYNC_LOGGING": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "GIT_PYTHON_REFRESH": "quiet",
    "TQDM_DISABLE": "1",
}

import mlflow
from tests.interop.mlflow_calls import file_calls, fluent_calls, model_calls, tracking_calls
from tests.interop.mlflow_calls.raw_requests import requests_of_all_kinds
from tests.interop.mlflow_calls.recorder import Recorder


def main(url: str) -> None:
    """Call everything against the server at `url`, which must be fresh."""
    mlflow.set_tracking_uri(url)
    client = mlflow.MlflowClient()
    with tempfile.TemporaryDirectory() as scratch:
        os.chdir(scratch)
        recorder, folder = Recorder(scratch), Path(scratch)
        tracking_calls.experiments(recorder.begin(), client)
        tracking_calls.runs(recorder.begin(), client)
        tracking_calls.inputs(recorder.begin(), client)
        tracking_calls.searched_runs(recorder.begin(), client)
        file_calls.artifacts(recorder.begin(), client, folder)
        model_calls.logged_models(recorder.begin(), client, folder)
        model_calls.registered_models(recorder.begin(), client)
        model_calls.model_versions(recorder.begin(), client)
        fluent_calls.fluent(recorder.begin(), folder)
        model_calls.webhooks(recorder.begin(), client)
        requests_of_all_kinds(recorder.begin(), url)
        os.chdir("/")
    json.dump(recorder.results, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1])
