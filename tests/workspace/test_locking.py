"""The lock: one holder at a time, named to the others, and gone with its process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest
from tests.workspace.data_project import DataProject

from siglum.core.errors import BusyError
from siglum.workspace.locking import repository_lock

HOLD = """
import sys, time
from siglum.workspace.repository import Repository
with Repository.open().lock():
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_lock_that_another_process_holds(project: DataProject) -> None:
    path = str(project.root / ".dvc/tmp/lock")
    command = [sys.executable, "-c", HOLD]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=project.root) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(BusyError, match=f"in use by process {holder.pid} "), repository_lock(path, patience=0.1):
            pass
        os.kill(holder.pid, signal.SIGKILL)
        holder.wait()
    with repository_lock(path, patience=0.0), open(path, encoding="ascii") as file:
        assert file.read() == f" {os.getpid()}\n"
