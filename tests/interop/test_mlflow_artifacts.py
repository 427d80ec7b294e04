"""MLflow's own client, unmodified, against servers whose artifacts are in object stores."""

from __future__ import annotations

import json
import os
import subprocess
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.storage.azure_server import AzureServer
from tests.storage.gcs_server import GcsServer

from siglum.client.rest.artifacts import RestArtifactStore
from siglum.client.rest.session import RestSession
from siglum.testing.http_server import HttpServer
from siglum.testing.s3_server import ACCESS_KEY, SECRET_KEY, S3Server
from siglum.testing.server import ServerProcess

pytestmark = [pytest.mark.interop, pytest.mark.slow]

PROGRAM = Path(__file__).with_name("mlflow_artifacts_program.py")
LARGE = 12 << 20
# Files of 5 MiB or more go in parts of that size, which MLflow does from 500 MiB on.
ENVIRONMENT = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    "MLFLOW_MULTIPART_UPLOAD_MINIMUM_FILE_SIZE": str(5 << 20),
    "MLFLOW_MULTIPART_UPLOAD_CHUNK_SIZE": str(5 << 20),
    "MLFLOW_MULTIPART_DOWNLOAD_CHUNK_SIZE": str(5 << 20),
    "TQDM_DISABLE": "1",
}


def parts_sent_to(web: HttpServer) -> int:
    return sum(request.method == "PUT" and _is_part(request.query) for request in web.log)


def _is_part(query: str) -> bool:
    """Whether a client sent a part by a signed URL: the server's own requests are signed in their headers."""
    return ("partNumber=" in query and "Signature=" in query) or ("comp=block&" in query and "sig=" in query)


def test_files_in_object_stores(mlflow_python: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with ExitStack() as stack:
        s3 = stack.enter_context(S3Server(["bucket"]))
        azure = stack.enter_context(AzureServer(["box"]))
        google = stack.enter_context(GcsServer(["bucket"], logins=False))
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", google.url)  # at an emulator nobody logs in, so nothing is signed
        monkeypatch.setenv("MLFLOW_S3_ENDPOINT_URL", s3.url)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
        monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", azure.connection_string())
        servers = [
            stack.enter_context(ServerProcess(tmp_path / name, "--artifacts-destination", place, *options))
            for name, place, options in (
                ("s3", "s3://bucket/ml", ()),
                ("azure", "wasbs://box@acct.blob.core.windows.net/ml", ("--artifact-layout", "plain")),
                ("google", "gs://bucket/ml", ()),
                ("s3-proxied", "s3://bucket/proxied", ("--no-presigned",)),
            )
        ]
        done = subprocess.run(
            [mlflow_python, str(PROGRAM), *(server.url for server in servers)],
            cwd=tmp_path,
            env={**os.environ, **ENVIRONMENT},
            capture_output=True,
            text=True,
        )
        logs = "".join(server.log for server in servers)
        assert done.returncode == 0, done.stderr[-4000:] + logs
        assert logs == ""
        runs = json.loads(done.stdout.splitlines()[-1])
        assert parts_sent_to(s3.web) == parts_sent_to(azure.web) == 3
        assert parts_sent_to(google.web) == 0
        # By content one object each; plain, each at its path.
        for store in (s3, google):
            assert sum(key.startswith("ml/.objects/") for key in store.contents("bucket")) == 3
        assert f"ml/0/{runs[1]}/artifacts/of the run/large model.bin" in azure.contents("box")
        for server, run in zip(servers, runs, strict=True):
            session = RestSession(server.url)
            with RestArtifactStore(session).open(f"0/{run}/artifacts/of the run/large model.bin") as file:
                assert len(file.read()) == LARGE
            session.close()
