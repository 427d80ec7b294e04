"""Fixtures that several domains share: the real DVC and the real MLflow client, and an isolated environment."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.faults.figures import summary
from tests.postgres import PostgresServer

# Failing contracts then show their values.
pytest.register_assert_rewrite("siglum.testing", "tests.interop.pipeline_pair")

HERE = Path(__file__).parent
PEERS = Path(os.environ.get("SIGLUM_PEERS", HERE.parent / ".peers"))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--faults", type=int, default=200, metavar="N", help="how often each command is killed")
    parser.addoption("--peers", action="store_true", help="ask the real DVC again where its answers are recorded")
    parser.addoption("--long", action="store_true", help="run the longer proofs, too")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the longer proofs, unless they are asked for."""
    if not config.getoption("--long"):
        left_out = [item for item in items if item.get_closest_marker("long") is not None]
        items[:] = [item for item in items if item.get_closest_marker("long") is None]
        config.hook.pytest_deselected(items=left_out)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what the fault campaigns did. Here, since under xdist no folder's own conftest reaches the main process."""
    lines = summary(
        report for reports in terminalreporter.stats.values() for report in reports if hasattr(report, "when")
    )
    if lines:
        terminalreporter.section("faults")
        for line in lines:
            terminalreporter.line(line)


def install_peer(name: str) -> Path:
    """Return the `bin` folder of the peer's own virtual environment, made on first use from its lock file.

    Several test processes may ask at once: the first makes it under a kernel lock, the others wait.
    """
    lock_file = HERE / "peers" / f"{name}.lock"
    wanted = hashlib.sha256(lock_file.read_bytes() + sys.version.encode()).hexdigest()
    environment = PEERS / name
    stamp = environment / "installed-from"
    PEERS.mkdir(parents=True, exist_ok=True)
    with (PEERS / f"{name}.lock").open("w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        if not stamp.exists() or stamp.read_text() != wanted:
            shutil.rmtree(environment, ignore_errors=True)
            uv = [sys.executable, "-m", "uv"]
            subprocess.run([*uv, "venv", "-q", "--python", sys.executable, str(environment)], check=True)
            python = str(environment / "bin" / "python")
            subprocess.run(
                [*uv, "pip", "install", "-q", "--compile-bytecode", "--python", python, "-r", str(lock_file)],
                check=True,
            )
            stamp.write_text(wanted)
    return environment / "bin"


@pytest.fixture(scope="session")
def dvc_command() -> str:
    """The path of the real `dvc`."""
    return str(install_peer("dvc") / "dvc")


@pytest.fixture(scope="session")
def mlflow_python() -> str:
    """The path of a Python that has the real MLflow client, scikit-learn and pandas, and no Siglum."""
    return str(install_peer("mlflow") / "python")


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A real PostgreSQL server; `new_schema` gives a database to fill."""
    with PostgresServer() as server:
        yield server


@pytest.fixture(autouse=True)
def isolated_environment(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the machine's configuration out of the tests, and the tests out of the user's home and of each other."""
    monkeypatch.setattr("siglum.lineage.inputs._before_runs", {})  # what earlier tests of this process have read
    home = tmp_path_factory.mktemp("home")
    (home / "temporary").mkdir()  # what is left there goes with the test's own files
    monkeypatch.setenv("TMPDIR", str(home / "temporary"))
    monkeypatch.setattr(tempfile, "tempdir", str(home / "temporary"))
    for name in list(os.environ):
        if name.startswith(("SIGLUM_", "MLFLOW_", "DVC_", "GIT_")) and name not in ("SIGLUM_PEERS", "GIT_SSL_CAINFO"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_STATE_HOME", str(home / "state"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "config"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / "cache"))
    monkeypatch.setenv("DVC_NO_ANALYTICS", "1")
    monkeypatch.setenv("DVC_SITE_CACHE_DIR", str(home / "dvc-site"))
    monkeypatch.setenv("DVC_GLOBAL_CONFIG_DIR", str(home / "dvc-global"))
    monkeypatch.setenv("DVC_SYSTEM_CONFIG_DIR", str(home / "dvc-system"))
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    (home / ".gitconfig").write_text(
        "[user]\n\tname = Test\n\temail = test@example.com\n"
        "[init]\n\tdefaultBranch = main\n[core]\n\tautocrlf = false\n"
    )
