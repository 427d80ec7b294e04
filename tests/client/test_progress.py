"""Bars of transfers: shown after a second to who watches, silent everywhere else."""

from __future__ import annotations

import io
import os
import pty
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

import siglum
from siglum.client import progress
from siglum.client.artifact_folder import download, upload_folder
from siglum.client.progress import State, TerminalBar, Transfer
from siglum.client.stores import open_stores
from siglum.testing.server import ServerProcess

MIB = 2**20


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Shown:
    def __init__(self) -> None:
        self.states: list[State] = []
        self.ended: list[State] = []

    def show(self, state: State) -> None:
        self.states.append(state)

    def end(self, state: State) -> None:
        self.ended.append(state)


def test_nothing_is_shown_in_the_first_second() -> None:
    clock, display = Clock(), Shown()
    transfer = Transfer("Storing a", 100, display, clock)
    for _ in range(9):
        clock.now += 0.1
        transfer.moved(1)
    transfer.end()
    assert (display.states, display.ended) == ([], [])


def test_what_is_shown() -> None:
    clock, display = Clock(), Shown()
    transfer = Transfer("Storing a", 10 * MIB, display, clock)
    clock.now += 2
    transfer.moved(MIB)
    transfer.moved(MIB)  # at the same moment: not again
    clock.now += 2
    transfer.reach(4 * MIB)
    transfer.reach(3 * MIB)
    transfer.end()
    assert [state.moved for state in display.states] == [MIB, 4 * MIB]
    assert display.states[1].words() == "4.0 MiB of 10.0 MiB, 1.0 MiB/s, 6 s left"
    assert [state.share for state in display.ended] == [0.4]
    assert State("x", 5, 0, 0.0).share == 1.0  # a total that nobody knows


def test_a_terminal_line_is_taken_away() -> None:
    stream = io.StringIO()
    bar = TerminalBar(stream)
    bar.show(State("Storing a", MIB, 2 * MIB, 1.0))
    bar.end(State("Storing a", 2 * MIB, 2 * MIB, 2.0))
    shown, gone = stream.getvalue().split("\033[K")[:2]
    assert shown == "\rStoring a ████████████░░░░░░░░░░░░  50% 1.0 MiB of 2.0 MiB, 1.0 MiB/s, 1 s left"[:80]
    assert gone == "\r"


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> list[Shown]:
    """Bars that show themselves from the first byte on, collected."""
    made: list[Shown] = []

    def display(_environ: object) -> Shown:
        made.append(Shown())
        return made[-1]

    monkeypatch.setattr(progress, "_FIRST_SECONDS", 0.0)
    monkeypatch.setattr(progress, "_THEN_SECONDS", 0.0)
    monkeypatch.setattr(progress, "_display", display)
    return made


@pytest.mark.slow
def test_every_byte_to_and_from_a_server_counts(project: Path, at_once: list[Shown], tmp_path: Path) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "a.bin").write_bytes(os.urandom(3 * MIB))
    (folder / "b.bin").write_bytes(b"b" * MIB)
    with ServerProcess(tmp_path / "server") as server, closing(open_stores(server.url)) as stores:
        files = stores.artifacts_for("mlflow-artifacts:/0/run/artifacts")
        upload_folder(files, str(folder), "in")
        up = at_once[-1]
        download(files, "in", str(tmp_path / "back"), what="The run")
        down = at_once[-1]
    for shown in (up, down):
        moved = [state.moved for state in shown.states]
        assert len(moved) >= 4  # by parts of a file, not by files
        assert moved == sorted(moved)
        assert {state.total for state in shown.states} == {4 * MIB}
        assert shown.ended[0].moved == 4 * MIB
    assert up is not down


@pytest.mark.slow
def test_who_waits_for_the_background_sees_what_it_sends(project: Path, at_once: list[Shown], tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "server") as server:
        siglum.set_tracking_uri(server.url)
        (tmp_path / "big.bin").write_bytes(os.urandom(3 * MIB))
        with siglum.start_run():
            siglum.log_artifact(tmp_path / "big.bin")
            assert not progress.somebody_waits()
        assert not progress.somebody_waits()
    seen = [state for shown in at_once for state in (*shown.states, *shown.ended)]
    assert {state.total for state in seen if state.what == "Sending big.bin"} <= {3 * MIB}
    assert {state.what for state in seen} <= {"Storing big.bin", "Sending big.bin"}


def test_nothing_is_shown_while_nobody_waits() -> None:
    clock, display, waited = Clock(), Shown(), [False]
    transfer = Transfer("Sending a", 100, display, clock, lambda: waited[0])
    clock.now += 2
    transfer.moved(10)
    assert display.states == []
    waited[0] = True
    transfer.moved(10)
    assert [state.moved for state in display.states] == [20]
    with progress.waiting():
        assert progress.somebody_waits()
    assert not progress.somebody_waits()


def test_the_embedded_store_counts_whole_files(project: Path, at_once: list[Shown]) -> None:
    with siglum.start_run():
        siglum.log_artifact("train.py")
    assert [(state.what, state.moved) for state in at_once[0].ended] == [("Storing train.py", 18)]


PROGRAM = """
import sys
from siglum.client import progress
progress._FIRST_SECONDS = 0.0
with progress.transfer("Storing x", 10) as transfer:
    transfer.moved(5)
print("done", file=sys.stderr)
"""


def seen_on_a_terminal(program: str, **environ: str) -> str:
    parent, child = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", program], stderr=child, env={**os.environ, "TERM": "xterm", **environ}
    ) as process:
        os.close(child)
        seen = b""
        with open(parent, "rb", buffering=0) as terminal:
            try:
                while part := terminal.read(4096):
                    seen += part
            except OSError:  # Linux's way to say that nobody writes any more
                pass
    assert process.returncode == 0
    return seen.decode()


def test_only_who_watches_sees_it() -> None:
    assert "\rStoring x ████████████░░░░░░░░░░░░  50%" in seen_on_a_terminal(PROGRAM)
    assert seen_on_a_terminal(PROGRAM, MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR="false").strip() == "done"
    assert seen_on_a_terminal(PROGRAM, TERM="dumb").strip() == "done"
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert done.stderr == "done\n"
