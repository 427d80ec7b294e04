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
with siglum.start_run() as spare:
    pass
open("run_ids", "w").write(run.info.run_id + " " + spare.info.run_id)
"""

# A call of every command that takes the option; {run} is a run's id, {spare} that of one which no version needs.
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
    "runs compare": ["{run}", "{run}"],
    "runs plot": ["{run}"],
    "runs watch": ["{run}"],
    "runs artifacts": ["{run}"],
    "runs export": ["{run}"],
    "runs tag": ["{run}", "seen=yes"],
    "runs delete": ["{spare}"],
    "runs restore": ["{spare}"],
    "experiments list": [],
    "experiments create": ["new"],
    "experiments rename": ["new", "newer"],
    "experiments show": ["newer"],
    "experiments delete": ["newer"],
    "experiments restore": ["newer"],
}
# Those that cannot be done twice in a row.
ONCE = ("promote", "rollback", "runs delete", "runs restore", *(f"experiments {verb}" for verb in (
    "create", "rename", "delete", "restore",
)))  # fmt: skip
# Those that work where the database is only.
ON_A_DATABASE = ("migrate export", "runs gc")
# Those that bring a whole store into one; tests/migration tries them on servers and databases.
INTO_A_STORE = ("migrate mlflow", "migrate siglum")
# Those that are about a data repository, and of a store only want to know, or to tell it, what is in there.
IN_A_REPOSITORY = {
    "cache verify": [],
    "gc": ["--workspace", "--dry-run"],
    "repro": ["--force"],
}
EVERY_CALL = pytest.mark.parametrize("name", CALLS)


def takes_the_option(command: click.Command) -> bool:
    return any("--tracking-uri" in parameter.opts for parameter in command.params)


def test_every_command_with_the_option_is_called_here() -> None:
    assert {name for name, command in all_commands() if takes_the_option(command)} == {
        *CALLS,
        *IN_A_REPOSITORY,
        *ON_A_DATABASE,
        *INTO_A_STORE,
    }


def fill(folder: Path, store: str) -> list[str]:
    subprocess.run([sys.executable, "-c", PROGRAM], cwd=folder, check=True, env={**os.environ, "STORE": store})
    return (folder / "run_ids").read_text().split()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("server")) as running:
        yield running


def call(name: str, run_id: str = "0" * 32, spare: str = "1" * 32) -> list[str]:
    return [*name.split(), *(part.format(run=run_id, spare=spare) for part in CALLS[name])]


@EVERY_CALL
def test_a_server_that_is_down(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(time, "sleep", lambda _seconds: None)  # it tries again for two seconds
    for more in ([], ["--json"], ["--quiet"]):
        assert app.run([*call(name), "--tracking-uri", NO_SERVER, *more]) == 1
        printed = capsys.readouterr()
        assert printed.out == ""
        assert printed.err.count("\n") == 1
        assert f"No server answers at {NO_SERVER} (connection refused)." in printed.err
        assert "siglum server" in printed.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", sorted(CALLS.keys() - {"experiments create"}))
def test_a_database_that_is_not_there_is_not_made(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert app.run([*call(name), "--tracking-uri", "sqlite:///typo/runs.db"]) == 1
    assert f"There is no database {tmp_path}/typo/runs.db." in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_every_command_with_a_server_and_with_a_database(
    server: ServerProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    subprocess.run(["git", "init", "-q"], check=True)
    for store in (server.url, "sqlite:///here/runs.db"):
        run_ids = fill(tmp_path, store)
        for name in CALLS:
            if name == "reproduce":  # nothing here was made in a Git repository: it says so, whatever the store
                assert app.run([*call(name, *run_ids), "--tracking-uri", store]) == 1
                assert capsys.readouterr().err.count("\n") == 1
                continue
            command = [*call(name, *run_ids), "--tracking-uri", store]
            if name not in ONCE:
                assert app.run([*command, "--quiet"]) == 0, name
                assert capsys.readouterr() == ("", "")
            assert app.run([*command, "--json"]) == 0, name
            printed = capsys.readouterr()
            assert printed.err == ""
            assert printed.out.count("\n") == 1
            assert json.loads(printed.out)
    assert not (tmp_path / ".siglum").exists()


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data repository with a pipeline, and with a damaged object."""
    root = tmp_path / "repository"
    root.mkdir()
    monkeypatch.chdir(root)
    monkeypatch.setattr(time, "sleep", lambda _seconds: None)
    subprocess.run(["git", "init", "-q"], check=True)
    (root / "data").write_text("1")
    (root / "dvc.yaml").write_text("stages: {s: {cmd: cat data data > out, deps: [data], outs: [out]}}\n")
    assert app.run(["init", "-q"]) == 0
    assert app.run(["add", "-q", "data"]) == 0
    (object_file,) = (root / ".dvc/cache/files/md5").rglob("*4238a0b923820dcc509a6f75849b")
    object_file.chmod(0o644)
    object_file.write_text("2")
    return root


def call_in_repository(name: str, store: str) -> int:
    return app.run([*name.split(), *IN_A_REPOSITORY[name], "--tracking-uri", store, "--json"])


@pytest.mark.slow
def test_commands_of_a_repository_with_a_server_and_with_a_database(
    server: ServerProcess, repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for store in (server.url, "sqlite:///here/runs.db"):
        shown = {}
        for name in sorted(IN_A_REPOSITORY, reverse=True):
            assert call_in_repository(name, store) == (1 if name == "cache verify" else 0), name
            printed = capsys.readouterr()
            assert printed.err == ""
            shown[name] = json.loads(printed.out)
        assert app.run(["runs", "show", shown["repro"]["run_id"], "--tracking-uri", store, "--quiet"]) == 0
        assert [collected["kept_for_records"] for collected in shown["gc"]["collections"]] == [0, 0]
        (damaged,) = shown["cache verify"]["damaged"]
        assert damaged["files"] == ["data"]


def test_commands_of_a_repository_without_a_server(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call_in_repository("gc", NO_SERVER) == 1, "what runs need must be known before anything goes"
    printed = capsys.readouterr()
    assert printed.out == ""
    assert f"No server answers at {NO_SERVER} (connection refused)." in printed.err
    for name, warning, status in (
        ("cache verify", "Which runs and versions need it is not known.", 1),
        ("repro", "The record of this repro waits to be sent by the next command:", 0),
    ):
        assert call_in_repository(name, NO_SERVER) == status
        printed = capsys.readouterr()
        assert printed.err.count("\n") == 1
        assert printed.err.startswith(f"warning: {warning}")
        assert f"No server answers at {NO_SERVER} (connection refused)." in printed.err
        assert json.loads(printed.out)
    assert (repository / "out").read_text() == "11"
