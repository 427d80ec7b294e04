"""`--tracking-uri` on every command that reaches a tracking store: a server, a database, and what is neither."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from tests.cli.test_app import all_commands

from siglum.cli import app
from siglum.testing.server import ServerProcess

NO_SERVER = "http://127.0.0.1:1"
PROGRAM = """
import os, siglum
siglum.set_tracking_uri(os.environ["STORE"])
client = siglum.MlflowClient()
client.create_registered_model("churn")
with siglum.start_run() as run:
    siglum.log_metric("score", 0.5)
    siglum.log_text("a model", "model/MLmodel")
for version in range(2):
    client.create_model_version("churn", "runs:/" + run.info.run_id + "/model", run.info.run_id)
    client.set_registered_model_alias("churn", "champion", version + 1)
open("run_id", "w").write(run.info.run_id)
"""

# A call of every command that takes the option; {run} is a run's id.
CALLS = {
    "trace": ["churn@1"],
    "diff": ["churn@1", "churn@2"],
    "reproduce": ["churn@1", "--dry-run"],
    "models list": [],
    "models show": ["churn"],
    "models versions": ["churn"],
    "promote": ["churn@2", "--to", "shadow"],
    "rollback": ["churn"],
    "audit": ["churn"],
    "runs list": [],
    "runs show": ["{run}"],
}
EVERY_CALL = pytest.mark.parametrize("name", CALLS)


def takes_the_option(command: click.Command) -> bool:
    return any("--tracking-uri" in parameter.opts for parameter in command.params)


def test_every_command_with_the_option_is_called_here() -> None:
    assert {name for name, command in all_commands() if takes_the_option(command)} == set(CALLS)


def fill(folder: Path, store: str) -> str:
    subprocess.run([sys.executable, "-c", PROGRAM], cwd=folder, check=True, env={**os.environ, "STORE": store})
    return (folder / "run_id").read_text()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("server")) as running:
        yield running


def call(name: str, run_id: str) -> list[str]:
    return [*name.split(), *(part.format(run=run_id) for part in CALLS[name])]


@EVERY_CALL
def test_a_server_that_is_down(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(time, "sleep", lambda _seconds: None)  # it tries again for two seconds
    for more in ([], ["--json"], ["--quiet"]):
        assert app.run([*call(name, "0" * 32), "--tracking-uri", NO_SERVER, *more]) == 1
        printed = capsys.readouterr()
        assert printed.out == ""
        assert printed.err.count("\n") == 1
        assert f"No server answers at {NO_SERVER} (connection refused)." in printed.err
        assert "siglum server" in printed.err
    assert list(tmp_path.iterdir()) == []


@EVERY_CALL
def test_a_database_that_is_not_there_is_not_made(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert app.run([*call(name, "0" * 32), "--tracking-uri", "sqlite:///typo/runs.db"]) == 1
    assert f"There is no database {tmp_path}/typo/runs.db." in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_every_command_with_a_server_and_with_a_database(
    server: ServerProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    subprocess.run(["git", "init", "-q"], check=True)
    for store in (server.url, "sqlite:///here/runs.db"):
        run_id = fill(tmp_path, store)
        for name in CALLS:
            if name == "reproduce":  # nothing here was made in a Git repository: it says so, whatever the store
                assert app.run([*call(name, run_id), "--tracking-uri", store]) == 1
                assert capsys.readouterr().err.count("\n") == 1
                continue
            command = [*call(name, run_id), "--tracking-uri", store]
            if name not in ("promote", "rollback"):
                assert app.run([*command, "--quiet"]) == 0, name
                assert capsys.readouterr() == ("", "")
            assert app.run([*command, "--json"]) == 0, name
            printed = capsys.readouterr()
            assert printed.err == ""
            assert printed.out.count("\n") == 1
            assert json.loads(printed.out)
    assert not (tmp_path / ".siglum").exists()
