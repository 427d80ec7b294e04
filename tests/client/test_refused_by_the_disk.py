"""Training scripts on a full disk and without rights: one error of ours, and what was logged before stays."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

FULL = """
import os, resource
import siglum
from siglum.core.errors import StorageFullError
open("big", "wb").write(os.urandom(3_000_000))
with siglum.start_run() as run:
    siglum.log_metric("before", 1)
    siglum.log_text("kept", "small.txt")
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, resource.RLIM_INFINITY))
    for log in (lambda: siglum.log_artifact("big"), lambda: siglum.log_text("x" * 3_000_000, "big.txt")):
        try:
            log()
        except StorageFullError as error:
            print(error)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    siglum.log_metric("after", 2)
client = siglum.MlflowClient()
print(sorted(client.get_run(run.info.run_id).data.metrics.items()))
print(sorted(entry.path for entry in client.list_artifacts(run.info.run_id)))
"""

LOCKED = """
import siglum
from siglum.core.errors import PermissionDeniedError
try:
    with siglum.start_run():
        siglum.log_text("x", "a.txt")
except PermissionDeniedError as error:
    print(error)
"""


def run(script: str, cwd: Path, prefix: list[str] | None = None) -> subprocess.CompletedProcess[str]:
    command = [*(prefix or []), sys.executable, "-c", script]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


def test_a_full_disk(project: Path) -> None:
    done = run(FULL, project)
    assert done.returncode == 0, done.stderr
    *refusals, metrics, files = done.stdout.splitlines()
    assert len(refusals) == 2, "the disk was not full"
    assert all(each.endswith(": File too large. Free some space and run the command again.") for each in refusals)
    assert metrics == "[('after', 2.0), ('before', 1.0)]"
    assert files == "['siglum', 'small.txt']"
    assert list(project.rglob("*.tmp")) == []


TINY_DISK = """
if test "$2" = mount; then mount -t tmpfs -o size=1500k tmpfs . && cd "$PWD" || exit 9; fi
"$1" -c 'import siglum
with siglum.start_run(): siglum.log_metric("a", 1)' || exit 8
if test "$2" = mount; then cat /dev/zero > filler 2>/dev/null; else trap '' XFSZ; ulimit -S -f 1; fi
"$1" -m siglum.cli runs list 2>&1; echo "status $?"
rm -f filler; ulimit -S -f unlimited
"$1" -m siglum.cli runs list
"""


def test_a_database_on_a_full_disk(tmp_path: Path) -> None:
    """Where nobody may mount a small disk, a limit on the size of files stands in for it."""
    tiny = ["unshare", "-Urm"]
    may_mount = bool(shutil.which("unshare")) and not subprocess.run([*tiny, "true"], check=False).returncode
    command = [*(tiny if may_mount else []), "bash", "-c", TINY_DISK, "bash", sys.executable]
    done = subprocess.run(
        [*command, "mount" if may_mount else "limit"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    said, status, header, run_again = done.stdout.splitlines()
    assert (said[:7], status) == ("error: ", "status 1")
    assert not may_mount or "no room left on the disk" in said
    assert header.startswith("run ")
    assert run_again.endswith(" a 1")


@pytest.mark.parametrize("locked", [".", ".siglum/artifacts"])
def test_missing_rights(project: Path, locked: str) -> None:
    if locked != ".":
        assert run(LOCKED, project).stdout == ""
    folders = [project / locked] if locked == "." else [path for path in (project / locked).rglob("*") if path.is_dir()]
    for folder in folders:
        folder.chmod(0o555)
    try:
        as_nobody = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] if os.geteuid() == 0 else []
        done = run(LOCKED, project, as_nobody)
    finally:
        for folder in folders:
            folder.chmod(0o755)
    assert done.returncode == 0, done.stderr
    assert "Permission denied. Check who owns it" in done.stdout
