"""Runs whose files are in an object store that the client reaches by itself."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest

import siglum
import siglum.artifacts
from siglum.core.errors import InvalidInputError, NotFoundError, UnauthenticatedError
from siglum.storage.artifacts.object_remote import open_artifact_remote
from siglum.testing.s3_server import ACCESS_KEY, SECRET_KEY, S3Server
from siglum.tracking import MlflowClient


@pytest.fixture(autouse=True)
def _no_login(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name.startswith(("AWS_", "AZURE_", "GOOGLE_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))


def test_an_experiment_in_a_bucket(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    experiment = siglum.create_experiment("in a bucket", artifact_location="s3://bucket/team/exp")
    with S3Server(["bucket"]) as s3:
        monkeypatch.setenv("MLFLOW_S3_ENDPOINT_URL", s3.url)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
        with siglum.start_run(experiment_id=experiment) as run:
            siglum.log_text("hello", "notes/a b.txt")
            siglum.log_stream(io.BytesIO(b"x" * (9 << 20)), "large.bin")
        root = f"team/exp/{run.info.run_id}/artifacts"
        assert run.info.artifact_uri == f"s3://bucket/{root}"
        # Plain, as MLflow's clients look for it.
        assert s3.contents("bucket")[f"{root}/notes/a b.txt"] == b"hello"
        assert siglum.artifacts.load_text(f"runs:/{run.info.run_id}/notes/a b.txt") == "hello"
        listed = MlflowClient().list_artifacts(run.info.run_id)
        assert [(entry.path, entry.file_size) for entry in listed if entry.path != "siglum"] == [
            ("large.bin", 9 << 20),
            ("notes", None),
        ]
        with pytest.raises(NotFoundError, match="nothing"):
            siglum.artifacts.load_text(f"runs:/{run.info.run_id}/nothing")


def test_without_credentials(project: Path) -> None:
    experiment = siglum.create_experiment("e", artifact_location="s3://bucket/team")
    client = MlflowClient()
    run_id = client.create_run(experiment).info.run_id
    with pytest.raises(UnauthenticatedError, match=r"^Artifacts at s3://bucket: there are no credentials"):
        client.log_text(run_id, "hello", "a.txt")


def test_a_token_goes_to_its_own_account_only() -> None:
    login = {"AZURE_STORAGE_ACCOUNT": "mine", "AZURE_STORAGE_SAS_TOKEN": "sv=1&sig=hush"}
    with pytest.raises(InvalidInputError, match="another account") as caught:
        open_artifact_remote("wasbs://box@theirs.blob.core.windows.net/x", login)
    assert "hush" not in str(caught.value)
