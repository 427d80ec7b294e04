"""The contract of executors as tests. Subclass in a pytest module, and provide the fixture `executor`.

    class TestMyExecutor(ExecutorContract):
        @pytest.fixture
        def executor(self) -> Iterator[Executor]:
            ...

What it offers must be enough for one action; with two cores or more, two actions have to run at once.
"""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import wait
from pathlib import Path

import pytest

from siglum.pipeline.execution.executor import Action, ActionFuture, ActionResult, Executor

_SECONDS = 60.0
"""After which a test that waits fails."""
_UNTIL = "while [ ! -e {} ]; do sleep 0.02; done"


def _md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


class ExecutorContract:
    """What every `Executor` must do."""

    @pytest.fixture
    def executor(self) -> Executor:
        """Return an executor that runs nothing."""
        raise TypeError("A subclass of ExecutorContract provides the fixture 'executor'.")

    @pytest.fixture
    def root(self, tmp_path: Path) -> Path:
        """Return an empty folder that stands for a repository."""
        folder = tmp_path / "repository"
        folder.mkdir()
        return folder

    def action(
        self,
        root: Path,
        *commands: str,
        outputs: tuple[str, ...] = (),
        inputs: tuple[str, ...] = (),
        folder: str = "",
        timeout: float | None = None,
        variables: tuple[tuple[str, str], ...] = (),
    ) -> Action:
        """Return an action for files below `root`."""
        environment = {"PATH": os.environ["PATH"], "SHELL": "/bin/sh", "DVC_ROOT": str(root), **dict(variables)}
        return Action(
            "stage",
            commands,
            environment,
            str(root / folder),
            inputs={key: _md5((root / key).read_bytes()) for key in inputs},
            outputs=outputs,
            timeout=timeout,
            log=str(root / "log"),
            root=str(root),
        )

    def result(self, future: ActionFuture) -> ActionResult:
        """Return how an action ended."""
        return future.result(_SECONDS)

    def test_what_is_declared_is_read_and_written(self, executor: Executor, root: Path) -> None:
        """Inputs are there, outputs come into the workspace, and digests that are told are theirs."""
        (root / "data").mkdir()
        (root / "data/in").write_text("1\n")
        result = self.result(
            executor.submit(
                self.action(root, "cat data/in > out", "echo 2 >> out", inputs=("data/in",), outputs=("out",))
            )
        )
        assert (result.exit_status, result.error) == (0, None)
        assert (root / "out").read_bytes() == b"1\n2\n"
        assert (result.outputs or {}).get("out", _md5(b"1\n2\n")) == _md5(b"1\n2\n")
        assert result.started_at <= result.ended_at

    def test_outputs_may_be_folders(self, executor: Executor, root: Path) -> None:
        """A folder comes back with all that is in it; a digest that is told ends as those of folders do."""
        command = "mkdir -p made/inner; echo 1 > made/a; echo 2 > made/inner/b"
        result = self.result(executor.submit(self.action(root, command, outputs=("made",))))
        assert result.error is None
        assert {str(path.relative_to(root)) for path in (root / "made").rglob("*") if path.is_file()} == {
            "made/a",
            "made/inner/b",
        }
        assert (result.outputs or {}).get("made", ".dir").endswith(".dir")

    def test_commands_run_in_their_folder(self, executor: Executor, root: Path) -> None:
        """Commands start in the action's folder, which may be below the root; outputs are named from the root."""
        (root / "sub").mkdir()
        (root / "sub/in").write_text("x")
        action = self.action(root, "cp in out", folder="sub", inputs=("sub/in",), outputs=("sub/out",))
        assert self.result(executor.submit(action)).error is None
        assert (root / "sub/out").read_text() == "x"

    def test_the_first_failure_ends_an_action(self, executor: Executor, root: Path) -> None:
        """A command that fails is a result, with its exit status; none after it runs."""
        result = self.result(executor.submit(self.action(root, "exit 3", "echo > out", outputs=("out",))))
        assert result.exit_status == 3
        assert result.error is not None
        assert "exit 3" in result.error
        assert not (root / "out").exists()

    def test_what_cannot_be_found_is_a_failed_command(self, executor: Executor, root: Path) -> None:
        """A program that there is not is a result, too."""
        result = self.result(executor.submit(self.action(root, "there-is-no-such-program-here")))
        assert result.exit_status == 127
        assert result.error is not None

    def test_the_environment_is_the_one_given(
        self, executor: Executor, root: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Commands get the action's variables, and none of this process besides."""
        monkeypatch.setenv("SIGLUM_TEST_NOT_HANDED_ON", "1")
        action = self.action(
            root,
            'echo "$GIVEN ${SIGLUM_TEST_NOT_HANDED_ON-absent}" > out',
            '[ "$DVC_ROOT" = "$(pwd -P)" ] && echo here >> out',
            outputs=("out",),
            variables=(("GIVEN", "a b"),),
        )
        assert self.result(executor.submit(action)).error is None
        assert (root / "out").read_text() == "a b absent\nhere\n"

    def test_output_is_logged(self, executor: Executor, root: Path) -> None:
        """Both streams go behind what is in the log, which the result names."""
        (root / "log").write_text("before\n")
        result = self.result(executor.submit(self.action(root, "echo one", "echo two >&2; exit 1")))
        assert result.log == str(root / "log")
        assert (root / "log").read_text() == "before\none\ntwo\n"

    def test_it_offers_something(self, executor: Executor) -> None:
        """There is room for an action."""
        assert executor.resources.cores >= 1

    def test_actions_run_at_once(self, executor: Executor, root: Path, tmp_path: Path) -> None:
        """Two actions wait for each other."""
        if executor.resources.cores < 2:
            pytest.skip("This executor runs one action at a time.")
        a, b = tmp_path / "a", tmp_path / "b"
        futures = [
            executor.submit(self.action(root, f"touch {mine}; {_UNTIL.format(other)}"))
            for mine, other in ((a, b), (b, a))
        ]
        assert not wait(futures, _SECONDS).not_done
        assert [self.result(future).error for future in futures] == [None, None]

    def test_cancelling_ends_an_action(self, executor: Executor, root: Path, tmp_path: Path) -> None:
        """An action that runs is ended, and no further command starts; its result says so."""
        started = tmp_path / "started"
        future = executor.submit(self.action(root, f"touch {started}; exec sleep 600", "echo > out", outputs=("out",)))
        while not started.exists():
            assert not future.done()
        assert future.cancel()
        result = self.result(future)
        assert result.error is not None
        assert not (root / "out").exists()
        assert not future.cancel()  # it is done

    def test_a_timeout_ends_an_action(self, executor: Executor, root: Path) -> None:
        """An action that takes too long is ended, and its result says so."""
        result = self.result(executor.submit(self.action(root, "exec sleep 600", timeout=0.2)))
        assert result.error is not None
        assert "timeout" in result.error

    def test_shutdown_waits(self, executor: Executor, root: Path) -> None:
        """All that was submitted has ended when shutdown returns."""
        future = executor.submit(self.action(root, "sleep 0.1; echo > out", outputs=("out",)))
        executor.shutdown()
        assert future.done()
        assert self.result(future).error is None

    def test_shutdown_can_end_all(self, executor: Executor, root: Path, tmp_path: Path) -> None:
        """With `cancel`, what runs is ended first."""
        started = tmp_path / "started"
        future = executor.submit(self.action(root, f"touch {started}; exec sleep 600"))
        while not started.exists():
            assert not future.done()
        executor.shutdown(cancel=True)
        assert future.done()
        assert self.result(future).error is not None
