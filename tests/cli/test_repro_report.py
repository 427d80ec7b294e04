"""What `repro` shows of stages that run at once: whose line is whose, and what is still awaited."""

from __future__ import annotations

import pytest

from siglum.cli.console import Console
from siglum.cli.repro_report import ReproReport
from siglum.pipeline.definition.stages import Stage
from siglum.pipeline.records.lock import StageLock
from siglum.pipeline.status.events import (
    CommandRun,
    CommandStarted,
    StageFailed,
    StageFinished,
    StageRetried,
    StageStarted,
)
from siglum.pipeline.status.staleness import Cause, Reason

A = Stage("a", "a", "dvc.yaml", "", command="make a")
LONG = Stage("sub/dvc.yaml:long", "long", "sub/dvc.yaml", "sub", command="make long")
WHY = (Reason(Cause.FORCED),)


def make_report(folder: str = "sub", *, verbose: bool = False) -> ReproReport:
    """Return a report that prints to what is standard output now."""
    return ReproReport(Console(), folder, dry=False, raises=True, verbose=verbose)


def start(report: ReproReport, stage: Stage) -> None:
    report.on_event(StageStarted(stage, WHY))
    report.on_event(CommandStarted(stage, str(stage.command)))


def test_one_stage_at_a_time_prints_as_if_alone(capfd: pytest.CaptureFixture[str]) -> None:
    report = make_report()
    start(report, A)
    report.on_output("a", b"Password: ")
    assert capfd.readouterr().out.endswith("> make a\nPassword: "), "what has no end of line yet is seen, too"
    report.on_output("a", b"\n")
    report.on_output("a", b"")
    start(report, LONG)
    report.on_output(LONG.address, b"x\n")
    assert capfd.readouterr().out == "\nRunning 'long': it was asked for.\n> make long\nx\n"


def test_lines_of_stages_that_run_at_once_are_told_apart(capfd: pytest.CaptureFixture[str]) -> None:
    report = make_report()
    start(report, LONG)
    start(report, A)
    capfd.readouterr()
    report.on_output("a", b"one\ntw")
    report.on_output(LONG.address, b"epoch 1\repoch 2\repoch 3\r\n")
    report.on_output("a", b"o\n\xff\nthree")
    report.on_output("a", b"")
    report.on_output(LONG.address, b"alone now\n")
    report.on_output(LONG.address, b"")
    assert capfd.readouterr().out.splitlines() == [
        "../dvc.yaml:a | one",
        "long          | epoch 3",
        "../dvc.yaml:a | two",
        "../dvc.yaml:a | \ufffd",
        "../dvc.yaml:a | three",
        "long | alone now",
    ]
    start(report, A)
    report.on_output("a", b"x\n")
    assert capfd.readouterr().out.endswith("> make a\nx\n")


def test_a_failure_says_that_others_are_awaited_when_there_are(capfd: pytest.CaptureFixture[str]) -> None:
    report = make_report()
    start(report, A)
    start(report, LONG)
    report.on_output("a", b"")
    report.on_event(StageFailed(A, "a failed."))
    assert capfd.readouterr().err == "warning: a failed. Waiting for what still runs.\n"
    report.on_output(LONG.address, b"")
    report.on_event(StageFailed(LONG, "long failed."))
    assert capfd.readouterr().err == "warning: long failed.\n", "the command's own error names the first"


def test_a_failure_alone_is_left_to_the_error(capfd: pytest.CaptureFixture[str]) -> None:
    report = make_report()
    start(report, A)
    report.on_event(StageFailed(A, "it could not begin."))
    assert capfd.readouterr().err == ""


def test_a_stage_that_is_tried_again_runs_again(capfd: pytest.CaptureFixture[str]) -> None:
    report = make_report()
    start(report, A)
    report.on_output("a", b"")
    report.on_event(StageRetried(A, "a failed.", 1, 2.0))
    start(report, LONG)
    report.on_event(CommandStarted(A, "make a"))
    report.on_output("a", b"x\n")
    assert capfd.readouterr().out.splitlines()[2:] == [
        "a failed. Trying '../dvc.yaml:a' again in 2 s (attempt 2).",
        "Running 'long': it was asked for.",
        "> make long",
        "../dvc.yaml:a | > make a",
        "../dvc.yaml:a | x",
    ]


def test_verbose_names_the_log(capfd: pytest.CaptureFixture[str]) -> None:
    report = make_report("", verbose=True)
    report.on_event(StageFinished(A, StageLock("make a"), WHY, CommandRun(100.0, 162.5, 0, "logs/a.log")))
    assert capfd.readouterr().out == "'a' ran for 1 min 2 s; its output is in logs/a.log.\n"
