"""What runs capture without a line: what is printed, and the cells of a real notebook kernel."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import siglum
from siglum.client.run_output import output_folder
from siglum.core.errors import InvalidInputError, NotFoundError

PRINTS = """
import ctypes, os, subprocess, sys
import siglum

libc = ctypes.CDLL(None)
print("before")
with siglum.start_run(run_name="outer", log_output=True):
    print("from Python", flush=False)
    libc.puts(b"from C")
    libc.fflush(None)
    subprocess.run(["sh", "-c", "echo from a child; echo errors of a child >&2"], check=True)
    if os.fork() == 0:
        print("from a fork")
        sys.stdout.flush()
        os._exit(0)
    os.wait()
    with siglum.start_run(nested=True, run_name="inner", log_output=True):
        print("inside, with db_password='hunter2'")
    raise ValueError("the end")
"""


BAR = """
from siglum.client import progress
progress._FIRST_SECONDS = 0.0
with progress.transfer("Storing <x>", 4) as transfer:
    transfer.moved(2)
    transfer.moved(2)
"""


def text(run_id: str, path: str) -> str:
    found: str = siglum.artifacts.load_text(f"runs:/{run_id}/{path}")
    return found


def runs_by_name() -> dict[str, str]:
    return {run.info.run_name: run.info.run_id for run in siglum.search_runs(output_format="list")}


def test_all_that_a_process_prints(project: Path) -> None:
    done = subprocess.run([sys.executable, "-c", PRINTS], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    runs = runs_by_name()
    out, errors = text(runs["outer"], "siglum/stdout.txt"), text(runs["outer"], "siglum/stderr.txt")
    lines = ["from Python", "from C", "from a child", "from a fork", "inside, with db_password='<masked>'"]
    assert sorted(out.splitlines()) == sorted(lines)
    assert "errors of a child\n" in errors
    assert errors.rstrip().endswith("ValueError: the end")
    assert text(runs["inner"], "siglum/stdout.txt").splitlines() == [lines[-1]]
    # It is shown as ever, and in order.
    assert done.stdout.splitlines()[0] == "before"
    assert sorted(done.stdout.splitlines()[1:]) == sorted([*lines[:-1], "inside, with db_password='hunter2'"])
    assert "errors of a child" in done.stderr
    assert "ValueError: the end" in done.stderr
    assert not Path(output_folder(runs["outer"])).exists()


def test_streams_that_are_no_descriptors(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with siglum.start_run(log_output=True) as run:
        print("one")
        print("two", file=sys.stderr)
        replaced = sys.stdout
        with contextlib.redirect_stdout(sys.stderr):
            print("three")
    print("after")
    assert sys.stdout is not replaced
    assert text(run.info.run_id, "siglum/stdout.txt") == "one\n"
    assert text(run.info.run_id, "siglum/stderr.txt") == "two\nthree\n"
    assert capsys.readouterr().out == "one\nafter\n"


def test_very_much_is_cut(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGLUM_LOG_OUTPUT", "yes")
    monkeypatch.setenv("SIGLUM_MAX_OUTPUT_BYTES", "20")
    with siglum.start_run() as run:
        print("0123456789" + "x" * 1000 + "abcdefghi")
    assert text(run.info.run_id, "siglum/stdout.txt") == "0123456789\n[… 1,000 bytes left out …]\nabcdefghi\n"
    with siglum.start_run(log_output=False) as run:
        print("not kept")
    assert not [
        each for each in siglum.artifacts.list_artifacts(f"runs:/{run.info.run_id}/siglum") if "std" in each.path
    ]
    monkeypatch.setenv("SIGLUM_LOG_OUTPUT", "perhaps")
    with pytest.raises(InvalidInputError, match="SIGLUM_LOG_OUTPUT is 'perhaps'"):
        siglum.start_run()


def test_what_a_killed_run_printed_is_left(project: Path) -> None:
    begin = "import os, siglum; siglum.start_run(log_output=True); print('last words', flush=True); "
    done = subprocess.run(
        [sys.executable, "-c", f"{begin}os.kill(os.getpid(), 9)"], capture_output=True, text=True, check=False
    )
    assert done.returncode == -9
    (run_id,) = runs_by_name().values()
    assert "last words" in done.stdout  # read to its end: `tee` has ended, too
    assert (Path(output_folder(run_id)) / "stdout.txt").read_text() == "last words\n"
    with siglum.start_run(log_output=True) as alive:
        print("still here")
        sync = [sys.executable, "-m", "siglum.cli", "sync"]
        done = subprocess.run(sync, capture_output=True, text=True, check=True)
        assert f"Stored what run {run_id} had printed." in done.stdout
        assert alive.info.run_id not in done.stdout  # it lives, and stores it itself
    assert text(run_id, "siglum/stdout.txt") == "last words\n"
    assert "still here\n" in text(alive.info.run_id, "siglum/stdout.txt")
    assert not Path(output_folder(run_id)).exists()


def test_what_a_run_has_printed_so_far_is_stored_while_it_runs(project: Path) -> None:
    """Whole lines only: half of one may be half a secret. A killed run shows it without 'siglum sync'."""
    program = """
import siglum, sys
from siglum.client import output_thread
output_thread.EVERY_SECONDS = 0.01
with siglum.start_run(log_output=True) as run:
    print("first")
    print("api_key = '0123456789abcdef'", flush=True)
    print(run.info.run_id, file=sys.stderr, flush=True)
    input()
    print("second")
    print("no end", end="", flush=True)
    input()
"""
    with subprocess.Popen(
        [sys.executable, "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as training:
        assert training.stderr is not None
        assert training.stdin is not None
        run_id = training.stderr.readline().strip()
        wanted = "first\napi_key = '<masked>'\n"
        wait_for_text(run_id, wanted)
        print(file=training.stdin, flush=True)
        wait_for_text(run_id, wanted + "second\n")
        training.kill()
    assert text(run_id, "siglum/stderr.txt") == f"{run_id}\n"


def wait_for_text(run_id: str, wanted: str) -> None:
    deadline, found = time.monotonic() + 60, ""
    while found != wanted:
        assert time.monotonic() < deadline, found
        time.sleep(0.01)
        with contextlib.suppress(NotFoundError):
            found = text(run_id, "siglum/stdout.txt")


def test_the_change_is_kept_unless_refused(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "train.py").write_text("api_key = '0123456789abcdef'\n")
    with siglum.start_run() as kept:
        pass
    with siglum.start_run(log_diff=False) as refused:
        pass
    monkeypatch.setenv("SIGLUM_LOG_DIFF", "0")
    monkeypatch.setenv("SIGLUM_LOG_ENVIRONMENT", "MY_*")
    monkeypatch.setenv("MY_CLUSTER", "a")
    with siglum.start_run() as too:
        pass
    assert "+api_key = '<masked>'" in text(kept.info.run_id, "siglum/uncommitted.diff")
    assert "1 secret" in siglum.get_run(kept.info.run_id).data.tags["siglum.capture.problems"]
    for run in (refused, too):
        assert "uncommitted" not in str(siglum.artifacts.list_artifacts(f"runs:/{run.info.run_id}/siglum"))
    environment = siglum.artifacts.load_dict(f"runs:/{too.info.run_id}/siglum/environment.json")
    assert environment["variables"]["MY_CLUSTER"] == "a"
    assert environment["hardware"]["cpus"] >= 1


def test_where_output_cannot_be_kept_the_training_goes_on(project: Path, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "tee").write_bytes(b"no program")
    (tmp_path / "bin" / "tee").chmod(0o755)
    program = "import siglum\nwith siglum.start_run(log_output=True): print('shown')\nprint('after')"
    environ = {**os.environ, "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"}
    done = subprocess.run([sys.executable, "-c", program], env=environ, capture_output=True, text=True, check=True)
    assert done.stdout == "shown\nafter\n"
    assert "is not kept: [Errno 8]" in done.stderr
    (run_id,) = runs_by_name().values()
    assert siglum.get_run(run_id).info.status == "FINISHED"
    assert not Path(output_folder(run_id)).exists()


@pytest.fixture
def kernel(project: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    from jupyter_client.manager import start_new_kernel

    monkeypatch.setenv("JPY_SESSION_NAME", str(project / "churn.ipynb"))
    monkeypatch.setenv("IPYTHONDIR", str(project.parent / "ipython"))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(project.parent / "runtime"))
    manager, client = start_new_kernel(startup_timeout=240, kernel_name="python3", cwd=str(project))
    yield client
    client.stop_channels()
    manager.shutdown_kernel(now=True)


@pytest.mark.slow
def test_a_notebook(project: Path, kernel: Any) -> None:
    cells = [
        "import siglum\npassword = 'hunter2'",
        "run = siglum.start_run(log_output=True)\nprint('in a cell')",
        "siglum.log_metric('loss', 1.0)\nrun",
        "siglum.end_run()\nsiglum.get_run(run.info.run_id)",
        BAR,
    ]
    shown: list[dict[str, Any]] = []
    for cell in cells:
        answer = kernel.execute_interactive(cell, timeout=120, output_hook=shown.append)
        assert answer["content"]["status"] == "ok", answer
    (run_id,) = runs_by_name().values()
    tags = siglum.get_run(run_id).data.tags
    assert (tags["mlflow.source.name"], tags["mlflow.source.type"]) == ("churn.ipynb", "NOTEBOOK")
    code = text(run_id, "siglum/notebook.py")
    assert code.startswith("# %% [1]\nimport siglum\npassword = '<masked>'\n\n# %% [2]\n")
    assert "# %% [4]\nsiglum.end_run()" in code
    assert text(run_id, "siglum/stdout.txt") == "in a cell\n"
    printed = [each["content"]["text"] for each in shown if each["msg_type"] == "stream"]
    assert "".join(printed) == "in a cell\n"
    pages = [each["content"]["data"] for each in shown if each["msg_type"] == "execute_result"]
    assert all(f"run {run_id}" in page["text/html"] for page in pages)
    bars = [each["content"]["data"]["text/html"] for each in shown if "display_data" in each["msg_type"]]
    assert 'Storing &lt;x&gt; <progress max="1" value="0.500">' in bars[0]
    assert bars[-1] == "<div>Storing &lt;x&gt;: 4 B in 0 s</div>"
