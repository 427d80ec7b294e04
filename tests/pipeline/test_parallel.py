"""Stages at once: what runs together, what a failure stops, retries, timeouts, interruption and going on after it."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from tests.pipeline.project import Project, lines

from siglum.core.errors import ConflictError, NotFoundError, StageFailedError
from siglum.core.notices import listening
from siglum.pipeline.definition.stages import Stage
from siglum.pipeline.execution import conductor
from siglum.pipeline.execution.stage_run import log_name
from siglum.pipeline.status.events import StageFailed, StageFinished, StageRetried, StageSkipped, StageStarted

# Two stages that each wait until the other has started.
MEET = """
    stages:
      a: {cmd: 'touch a.up; while [ ! -e b.up ]; do sleep 0.01; done; echo said a; echo > a', outs: [a]}
      b: {cmd: 'touch b.up; while [ ! -e a.up ]; do sleep 0.01; done; echo said b >&2; echo > b', outs: [b]}
      c: {cmd: 'cat a b > c', deps: [a, b], outs: [c]}
"""


@pytest.fixture
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conductor, "_FIRST_RETRY_SECONDS", 0.01)


def test_independent_stages_run_at_once(project: Project) -> None:
    project.write("dvc.yaml", MEET)
    assert project.repro(jobs=2) == {"a": "ran", "b": "ran", "c": "ran"}
    assert project.happened()[:4] == ["StageStarted", "CommandStarted", "StageStarted", "CommandStarted"]


def test_output_is_kept_apart(project: Project) -> None:
    project.write("dvc.yaml", MEET)
    seen: dict[str, bytes] = {}
    project.repro(jobs=2, on_output=lambda address, data: seen.update({address: seen.get(address, b"") + data}))
    assert seen == {"a": b"said a\n", "b": b"said b\n", "c": b""}
    finished = {event.stage.address: event for event in project.events if isinstance(event, StageFinished)}
    assert finished["a"].run is not None
    assert finished["a"].run.log == ".dvc/tmp/siglum/logs/a.log"
    assert project.read(".dvc/tmp/siglum/logs/a.log") == "said a\n"
    assert project.read(".dvc/tmp/siglum/logs/b.log") == "said b\n"


def test_events_say_what_a_run_was(project: Project) -> None:
    project.write("dvc.yaml", "stages: {s: {cmd: 'cat in > o', deps: [in], params: [lr], outs: [o]}}")
    project.write("in", "1")
    project.write("params.yaml", "lr: 1\n")
    before = time.time()
    project.repro()
    started = next(event for event in project.events if isinstance(event, StageStarted))
    finished = next(event for event in project.events if isinstance(event, StageFinished))
    assert started.inputs is not None
    assert started.inputs.params == {"params.yaml": {"lr": 1}}
    assert finished.lock.deps == started.inputs.deps
    run = finished.run
    assert run is not None
    assert before - 1 < run.started_at <= run.ended_at
    assert (run.exit_status, run.attempts) == (0, 1)


def test_variables_are_added_after_the_stage_was_said_to_start(project: Project) -> None:
    project.write("dvc.yaml", "stages: {s: {cmd: 'echo $RUN > o', outs: [o]}}")

    def variables(stage: Stage) -> dict[str, str]:
        assert isinstance(project.events[-1], StageStarted)
        return {"RUN": f"run of {stage.address}"}

    project.repro(variables=variables)
    assert project.read("o") == "run of s\n"


@pytest.mark.parametrize("wanted", ["mutex: m", "cores: 2", "memory: 1000TiB", "gpus: 1"])
def test_what_a_stage_wants_keeps_it_from_others(
    project: Project, wanted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "7")
    stage = f"{{cmd: 'mkdir held && sleep 0.02 && rmdir held && echo > $DVC_STAGE', meta: {{siglum: {{{wanted}}}}}, "
    project.write("dvc.yaml", "stages:\n" + "".join(f"  {name}: {stage}outs: [{name}]}}\n" for name in "abc"))
    assert set(project.repro(jobs=3).values()) == {"ran"}


def test_each_stage_is_told_its_own_gpus(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,7")
    own, both = (f"{{gpus: {count}}}" for count in (1, 2))
    text = MEET.replace("echo > a'", f"echo $CUDA_VISIBLE_DEVICES > a', meta: {{siglum: {own}}}")
    text = text.replace("echo > b'", f"echo $CUDA_VISIBLE_DEVICES > b', meta: {{siglum: {own}}}")
    text = text.replace("cat a b > c'", f"cat a b; echo $CUDA_VISIBLE_DEVICES > c', meta: {{siglum: {both}}}")
    project.write("dvc.yaml", text)
    project.repro(jobs=2)
    assert sorted(project.read("a") + project.read("b")) == sorted("3\n7\n")
    assert project.read("c") == "3,7\n"


def test_files_show_the_order_of_the_pipeline_not_that_of_ending(project: Project) -> None:
    project.write(
        "dvc.yaml",
        """
        stages:
          a: {cmd: 'until grep -qs "cat b" dvc.lock; do sleep 0.01; done; echo > a', outs: [a]}
          b: {cmd: 'sleep 0.1; echo > b', outs: [b]}
          c: {cmd: 'cat b > c', deps: [b], outs: [c]}
        """,
    )
    project.repro(jobs=2)
    ended = [event.stage.address for event in project.events if isinstance(event, StageFinished)]
    assert ended == ["b", "c", "a"]
    assert list(project.lock()) == ["a", "b", "c"]
    assert project.read(".gitignore").splitlines() == ["/a", "/b", "/c"]


def test_a_failure_lets_what_runs_end_and_starts_nothing(project: Project) -> None:
    project.write(
        "dvc.yaml",
        """
        stages:
          slow: {cmd: 'touch up; while [ ! -e failed ]; do sleep 0.01; done; sleep 0.1; echo > slow', outs: [slow]}
          bad: {cmd: 'while [ ! -e up ]; do sleep 0.01; done; echo why; touch failed; exit 3', outs: [bad]}
          other: {cmd: 'echo > other', outs: [other]}
        """,
    )
    with pytest.raises(StageFailedError, match=r"Stage 'bad' failed: .* ended with exit status 3\. Its output is in"):
        project.repro(jobs=2)
    assert list(project.lock()) == ["slow"]
    assert not project.exists("other")
    assert project.read(".dvc/tmp/siglum/logs/bad.log") == "why\n"


TREE = """
    stages:
      bad: {cmd: 'exit 4', outs: [b]}
      needs: {cmd: 'cat b > n', deps: [b], outs: [n]}
      far: {cmd: 'cat n > f', deps: [n], outs: [f]}
      good: {cmd: 'echo > g', outs: [g]}
      after: {cmd: 'cat g > a', deps: [g], outs: [a]}
"""


def test_keep_going_leaves_out_what_needs_the_failed_stage(project: Project) -> None:
    project.write("dvc.yaml", TREE)
    with pytest.raises(StageFailedError, match=r"1 stage failed: 'bad'\."):
        project.repro(keep_going=True, jobs=3)
    assert list(project.lock()) == ["good", "after"]
    skipped = {event.stage.address: event.failed for event in project.events if isinstance(event, StageSkipped)}
    assert skipped == {"needs": "bad", "far": "bad"}


def test_errors_may_be_ignored(project: Project) -> None:
    project.write("dvc.yaml", TREE.replace("exit 4", "echo half > b; exit 4"))
    found = project.repro(ignore_errors=True, jobs=2)
    assert found == {"bad": "failed", "needs": "ran", "far": "ran", "good": "ran", "after": "ran"}
    assert "bad" not in project.lock()


def test_a_stage_is_tried_again(project: Project, quick_retries: None) -> None:
    project.write(
        "dvc.yaml",
        "stages: {s: {cmd: 'echo try >> tries; [ $(wc -l < tries) -ge 3 ] && echo > o', outs: [o], "
        "meta: {siglum: {retries: 2}}}}",
    )
    assert project.repro() == {"s": "ran"}
    retried = [event for event in project.events if isinstance(event, StageRetried)]
    assert [(event.attempt, event.pause_seconds) for event in retried] == [(1, 0.01), (2, 0.02)]
    finished = next(event for event in project.events if isinstance(event, StageFinished))
    assert finished.run is not None
    assert finished.run.attempts == 3
    assert project.happened().count("StageStarted") == 1


def test_retries_have_an_end(project: Project, quick_retries: None) -> None:
    project.write("dvc.yaml", "stages: {s: {cmd: 'echo $$; exit 5', outs: [o], meta: {siglum: {retries: 2}}}}")
    with pytest.raises(StageFailedError, match="exit status 5"):
        project.repro()
    assert len(lines(project.root / ".dvc/tmp/siglum/logs/s.log")) == 3, "the log has all attempts"
    failed = next(event for event in project.events if isinstance(event, StageFailed))
    assert failed.run is not None
    assert (failed.run.attempts, failed.run.exit_status) == (3, 5)


def test_a_stage_that_takes_too_long_is_ended(project: Project) -> None:
    project.write("o", "old\n")
    project.write(
        "dvc.yaml",
        "stages: {s: {cmd: 'echo $$ > pid; sleep 60', outs: [{o: {cache: false}}], meta: {siglum: {timeout: 0.3}}}}",
    )
    with pytest.raises(StageFailedError, match=r"did not end within 0\.3 s, its timeout"):
        project.repro()
    assert project.read("o") == "old\n", "what made room for it is back"
    assert not project.exists("dvc.lock")


def test_the_forced_spreads_downstream_when_asked(project: Project) -> None:
    project.write(
        "dvc.yaml", TREE.replace("exit 4", "echo > b; cat in > /dev/null").replace("[b]}", "[b], deps: [in]}", 1)
    )
    project.write("in", "1")
    project.repro()
    project.write("in", "2")
    assert project.repro()["needs"] == "unchanged"
    project.write("in", "3")
    again = project.repro(force_downstream=True)
    assert again == {"bad": "ran", "needs": "ran", "far": "ran", "good": "unchanged", "after": "unchanged"}


def test_missing_data_is_no_change_when_that_is_allowed(project: Project) -> None:
    project.write("dvc.yaml", TREE.replace("exit 4", "cat in > b").replace("[b]}", "[b], deps: [in]}", 1))
    project.write("in", "1")
    project.repro()
    for name in ("in", "b", "n", "g"):
        (project.root / name).unlink()
    subprocess.run(["chmod", "-R", "u+w", ".dvc/cache"], check=True)
    subprocess.run(["rm", "-r", ".dvc/cache"], check=True)
    assert set(project.repro(allow_missing=True).values()) == {"unchanged"}
    with pytest.raises(NotFoundError, match="needs 'in'"):
        project.repro()


def test_a_change_upstream_counts_though_missing_data_is_allowed(project: Project) -> None:
    project.write(
        "dvc.yaml",
        "stages: {a: {cmd: 'cat in > b', deps: [in], outs: [b]}, n: {cmd: 'cat b > n', deps: [b], outs: [n]}}",
    )
    project.write("in", "1")
    project.repro()
    project.write("in", "2")
    assert project.repro(allow_missing=True) == {"a": "ran", "n": "ran"}


def test_a_frozen_stage_is_not_looked_at_while_what_it_reads_is_made(project: Project) -> None:
    text = """
        stages:
          a: {cmd: 'sleep 0.1; cat in > a', deps: [in], outs: [a]}
          b: {cmd: 'cat a > b', deps: [a], outs: [b], frozen: true}
        """
    project.write("in", "1")
    project.write("dvc.yaml", text.replace(", frozen: true", ""))
    project.repro()
    project.write("dvc.yaml", text)
    assert project.repro(force=True, jobs=2) == {"a": "ran", "b": "verified"}


def test_a_no_ends_it(project: Project) -> None:
    project.write("dvc.yaml", "stages: {a: {cmd: 'echo > a', outs: [a]}, b: {cmd: 'cat a > b', deps: [a], outs: [b]}}")
    asked: list[str] = []

    def confirm(stage: Stage) -> bool:
        asked.append(stage.address)
        return stage.address == "a"

    with pytest.raises(ConflictError, match="Stage 'b' was not to be run"):
        project.repro(confirm=confirm)
    assert asked == ["a", "b"]
    assert list(project.lock()) == ["a"]


def test_targets_may_be_patterns(project: Project) -> None:
    project.write("dvc.yaml", "stages: {g: {foreach: [a1, a2, b1], do: {cmd: 'echo > ${item}', outs: ['${item}']}}}")
    assert list(project.repro("g@a*", glob=True)) == ["g@a1", "g@a2"]
    assert list(project.repro("*@?1", glob=True)) == ["g@a1", "g@b1"]
    with pytest.raises(NotFoundError):
        project.repro("x*", glob=True)


def test_missing_things_come_from_the_remote(project: Project, tmp_path: Path) -> None:
    project.write(
        "dvc.yaml",
        "stages: {a: {cmd: 'cat in > b', deps: [in], outs: [b]}, n: {cmd: 'cat b > n', deps: [b], outs: [n]}}",
    )
    project.write("in", "1")
    project.write(".dvc/config", f"[core]\n    remote = r\n['remote \"r\"']\n    url = {tmp_path}/remote\n")
    project.repro()
    siglum(project, "push", "--run-cache")
    lock = project.read("dvc.lock")
    subprocess.run(["chmod", "-R", "u+w", ".dvc/cache"], check=True)
    subprocess.run(["rm", "-r", ".dvc/cache", "b", "n"], check=True)
    assert project.repro(pull=True) == {"a": "restored", "n": "restored"}
    assert project.read("dvc.lock") == lock
    subprocess.run(["rm", "-r", "dvc.lock", "b", "n"], check=True)
    subprocess.run(["chmod", "-R", "u+w", ".dvc/cache"], check=True)
    subprocess.run(["rm", "-r", ".dvc/cache"], check=True)
    assert project.repro(pull=True) == {"a": "restored", "n": "restored"}, "from the run cache of the remote"
    assert project.read("dvc.lock") == lock
    project.write(".dvc/config", "")
    project.write("in", "2")
    heard: list[str] = []
    with listening(heard.append):
        assert project.repro(pull=True) == {"a": "ran", "n": "ran"}, "nothing is missing, as in DVC"
    assert heard == ["There is no default remote: results of earlier runs are not fetched."]


# Interruption


def siglum(project: Project, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "siglum.cli", *arguments],
        cwd=project.root,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def start(project: Project, *arguments: str, **options: Any) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "siglum.cli", "repro", *arguments]
    return subprocess.Popen(
        command, cwd=project.root, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options
    )


def until(path: Path, process: subprocess.Popen[bytes]) -> None:
    while not lines(path):
        time.sleep(0.01)
        assert process.poll() is None, process.stdout.read() if process.stdout else ""


def until_gone(pids: list[int]) -> None:
    """Wait for processes to have ended that were made to."""
    deadline = time.monotonic() + 20
    while any(map(is_running, pids)):
        assert time.monotonic() < deadline
        time.sleep(0.01)


WAITING = """
    stages:
      first: {cmd: 'echo first >> log; echo > first', outs: [first]}
      a:
        cmd: sleep 60 & echo $! > left; echo $$ > a.pid; cat first > a; [ -e go ] || sleep 60; kill $!
        deps: [first]
        outs: [a, {m: {cache: false}}]
      b: {cmd: 'echo $$ > b.pid; cat first > b; [ -e go ] || sleep 60', deps: [first], outs: [b]}
"""


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_ends_all_commands_and_keeps_what_had_ended(project: Project, number: signal.Signals) -> None:
    project.write("dvc.yaml", WAITING)
    project.write("m", "mine\n")
    with start(project, "-j", "2") as process:
        until(project.root / "a.pid", process)
        until(project.root / "b.pid", process)
        children = [int(project.read(name)) for name in ("a.pid", "b.pid", "left")]
        process.send_signal(number)
        printed, _ = process.communicate(timeout=30)
    assert process.returncode == 130, printed
    assert b"Interrupted." in printed
    until_gone(children)
    assert list(project.lock()) == ["first"]
    assert project.read("m") == "mine\n"
    project.write("go", "")
    (project.root / "m").write_text("made\n")
    assert project.repro("b") == {"first": "unchanged", "b": "ran"}
    assert lines(project.root / "log") == ["first"]


def test_interruptions_in_a_row_end_also_what_does_not_listen_and_leave_nothing(project: Project) -> None:
    stubborn = "trap '' INT TERM; echo $$ > a.pid; while :; do sleep 0.05; done"
    project.write("dvc.yaml", f'stages: {{a: {{cmd: "{stubborn}", outs: [a]}}}}')
    with start(project) as process:
        until(project.root / "a.pid", process)
        while process.poll() is None:
            process.send_signal(signal.SIGINT)
            time.sleep(0.02)
        printed, _ = process.communicate()
    assert process.returncode == 130, printed
    until_gone([int(project.read("a.pid"))])


def test_after_a_kill_only_what_had_not_ended_runs(project: Project) -> None:
    said: list[str] = []
    project.write("dvc.yaml", WAITING.replace(", {m: {cache: false}}", ""))
    with start(project, "-j", "2", start_new_session=True) as process:
        until(project.root / "a.pid", process)
        until(project.root / "b.pid", process)
        while not project.exists("dvc.lock"):
            time.sleep(0.01)
        process.kill()
    children = [int(project.read(name)) for name in ("a.pid", "b.pid", "left")]
    assert all(map(is_running, children)), "nobody was there to end them"
    project.write("go", "")
    with listening(said.append):
        again = project.repro(jobs=2)
    until_gone(children)
    assert sorted(said) == [
        f"Ending '{name}' (process {pid}), which a run that was killed left running."
        for name, pid in zip("ab", children[:2], strict=True)
    ]
    assert again == {"first": "unchanged", "a": "ran", "b": "ran"}
    assert lines(project.root / "log") == ["first"]


def test_what_the_command_prints(project: Project) -> None:
    project.write("dvc.yaml", MEET)
    done = siglum(project, "repro", "-j", "2")
    assert done.returncode == 0, done.stderr
    assert "a | said a\n" in done.stdout
    assert "b | said b\n" in done.stdout
    project.write("dvc.yaml", "stages: {s: {cmd: 'echo hello; exit 3', outs: [o]}}")
    failed = siglum(project, "repro")
    assert failed.returncode == 1
    assert "\nhello\n" in failed.stdout
    assert failed.stderr == (
        "error: dvc.yaml:1: Stage 's' failed: 'echo hello; exit 3' ended with exit status 3. "
        "Its output is in .dvc/tmp/siglum/logs/s.log.\n"
    )
    assert siglum(project, "repro", "-j", "0").returncode == 2
    assert siglum(project, "repro", "-k", "--ignore-errors").returncode == 2
    asked = siglum(project, "repro", "-i")
    assert asked.returncode == 1
    assert asked.stderr == "error: dvc.yaml:1: Stage 's' was not to be run: nothing more is done.\n"


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("train", "train.log"),
        ("sub/dvc.yaml:größe 1%", "sub%2Fdvc.yaml:größe 1%25.log"),
        ("a\nb", "a%0Ab.log"),
        ("x" * 300, "x" * 50 + "-" + hashlib.sha256(b"x" * 300).hexdigest()[:16] + ".log"),
    ],
)
def test_names_of_logs(address: str, name: str) -> None:
    assert log_name(address) == name
    assert len(os.fsencode(name)) < 255
