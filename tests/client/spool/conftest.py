"""A real server, and training scripts in processes of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from siglum.client import active, state
from siglum.testing.server import ServerProcess

Script: TypeAlias = Callable[..., "subprocess.Popen[str]"]
Command: TypeAlias = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty project as the current folder, whose spool is `spool`."""
    folder = tmp_path / "project"
    (folder / ".dvc").mkdir(parents=True)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("SIGLUM_SPOOL_DIR", str(folder / "spool"))
    yield folder
    active.stack().clear()
    state.close_all()
    state.set_uris(tracking="", registry="")
    state.set_experiment_id(None)


@pytest.fixture
def script(project: Path) -> Iterator[Script]:
    """Start a training script; its standard input and output are pipes."""
    running: list[subprocess.Popen[str]] = []

    def start(code: str, **environ: str) -> subprocess.Popen[str]:
        path = project / f"script{len(running)}.py"
        path.write_text(textwrap.dedent(code))
        pipe = subprocess.PIPE
        process = subprocess.Popen(
            [sys.executable, str(path)],
            cwd=project,
            env={**os.environ, **environ},
            stdin=pipe,
            stdout=pipe,
            stderr=pipe,
            text=True,
        )
        running.append(process)
        return process

    yield start
    for process in running:
        process.kill()
        process.communicate()


@pytest.fixture
def command(project: Path) -> Command:
    """Run `siglum`, and return how it ended."""

    def run(*words: str, **environ: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "siglum.cli", *words],
            cwd=project,
            env={**os.environ, **environ},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def listed(command: Command) -> list[dict[str, Any]]:
    """Return what `siglum spool list` says."""
    done = command("spool", "list", "--json")
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)["spools"]
    return found
