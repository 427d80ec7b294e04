"""Siglum and the real DVC at once on one repository: each waits for the other, or says what it is busy with."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = [pytest.mark.interop, pytest.mark.slow]

SIGLUM = [sys.executable, "-m", "siglum.cli"]
# A stage that waits until the file `go` is there.
PIPELINE = """\
stages:
  slow:
    cmd: touch started; while test ! -e go; do sleep 0.02; done; echo done > out
    deps: [in]
    outs: [out]
"""


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with a pipeline, its input, and data that has nothing to do with it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dvc.yaml").write_text(PIPELINE)
    for name in ("in", "other"):
        (tmp_path / name).write_text(name)
    subprocess.run([*SIGLUM, "init", "-q", "--no-scm"], check=True)
    return tmp_path


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False)


def wait_for(path: Path, process: subprocess.Popen[str]) -> None:
    while not path.exists():
        time.sleep(0.02)
        assert process.poll() is None, "it ended before it began"


@contextlib.contextmanager
def started(*command: str) -> Iterator[subprocess.Popen[str]]:
    """Run a command beside the block; it is ended with it if it was not before."""
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)


def test_the_lock_keeps_dvc_out(root: Path, dvc_command: str) -> None:
    with (root / ".dvc/tmp/lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)  # a push of Siglum's holds it so
        refused = run(dvc_command, "add", "other")
        assert refused.returncode != 0
        assert "Unable to acquire lock" in refused.stderr
    assert run(dvc_command, "add", "other").returncode == 0


def test_siglum_waits_for_dvc_and_says_so(root: Path, dvc_command: str) -> None:
    python = str(Path(dvc_command).with_name("python"))
    hold = "from dvc.repo import Repo\nimport sys\nwith Repo().lock:\n print(flush=True); sys.stdin.readline()"
    with subprocess.Popen([python, "-c", hold], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdin is not None
        holder.stdout.readline()
        with started(*SIGLUM, "add", "other") as waiting:
            assert waiting.stderr is not None
            said = waiting.stderr.readline()
            assert said.startswith(f"Waiting for process {holder.pid} (")
            assert not (root / "other.dvc").exists()
            assert run(*SIGLUM, "status", "--json").stdout, "readers do not wait"
            holder.stdin.write("\n")
            holder.stdin.flush()
            assert waiting.wait(60) == 0
    assert (root / "other.dvc").exists()


def test_what_a_stage_of_dvc_works_on_is_busy(root: Path, dvc_command: str) -> None:
    with started(dvc_command, "repro") as process:
        wait_for(root / "started", process)
        assert json.loads((root / ".dvc/tmp/rwlock").read_text())["write"]
        (root / "out").write_text("half")
        refused = run(*SIGLUM, "commit", "-f", "slow")
        assert refused.returncode == 1
        assert f"out is busy: process {process.pid} (" in refused.stderr
        assert refused.stderr.count("\n") == 1
        assert run(*SIGLUM, "add", "other").returncode == 0, "other data is not"
        (root / "go").touch()
        assert process.wait(60) == 0
    assert json.loads(run(*SIGLUM, "status", "--json").stdout) == {}


def test_what_a_stage_of_siglum_works_on_is_busy_for_dvc(root: Path, dvc_command: str) -> None:
    with started(*SIGLUM, "repro") as process:
        wait_for(root / "started", process)
        (root / "out").write_text("half")
        refused = run(dvc_command, "commit", "-f", "slow")
        assert refused.returncode != 0
        assert "is busy" in refused.stderr
        assert str(process.pid) in refused.stderr
        (root / "go").touch()
        assert process.wait(60) == 0
    assert run(dvc_command, "status", "--json").stdout.strip() == "{}"


def test_two_at_once_both_finish(root: Path) -> None:
    for number in range(40):
        (root / f"file{number}").write_text(str(number))
    with contextlib.ExitStack() as stack:
        processes = [
            stack.enter_context(started(*SIGLUM, "add", "-q", *(f"file{n}" for n in range(first, first + 10))))
            for first in (0, 10, 20, 30)
        ]
        for process in processes:
            assert process.wait(60) == 0
    assert len(list(root.glob("file*.dvc"))) == 40
    assert json.loads(run(*SIGLUM, "status", "--json", *(f"file{n}" for n in range(40))).stdout) == {}
