"""What `siglum repro` says while it works: each stage, what happened to it and why, and what its commands print."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

from siglum.cli.console import Console
from siglum.pipeline.definition.stages import Stage
from siglum.pipeline.status.events import (
    CommandRun,
    CommandStarted,
    Event,
    Outcome,
    OutputKept,
    StageFailed,
    StageFinished,
    StageRestored,
    StageResult,
    StageRetried,
    StageSkipped,
    StageStarted,
    StageUnchanged,
    StageVerified,
)
from siglum.pipeline.status.staleness import Reason
from siglum.pipeline.status.status import shown_address

if TYPE_CHECKING:  # most runs explain nothing, and need not load what does
    from siglum.cli.explain import ReproExplainer
    from siglum.pipeline.status.explain import Explanation

_REASONS_SHOWN = 3
_VERBS: dict[type, tuple[str, str]] = {
    StageStarted: ("Running", "Would run"),
    StageRestored: ("Restored", "Would restore"),
    StageVerified: ("Recorded", "Would record"),
}
_COLOURS = ("cyan", "green", "yellow")


class ReproReport:
    """Prints events and output as they come. Stages are named as seen from `folder`.

    While several stages run at once, each line of their output has the stage's name before it. `raises` says that a
    failure becomes the command's own error, so that it need not be printed here.
    """

    def __init__(
        self,
        console: Console,
        folder: str,
        *,
        dry: bool,
        raises: bool,
        verbose: bool = False,
        explainer: ReproExplainer | None = None,
    ) -> None:
        self._console = console
        self._folder = folder
        self._raises = raises
        self._dry = dry
        self._explainer = explainer
        self._verbose = verbose
        self._guard = threading.Lock()  # events and output come from different threads
        self._running: set[str] = set()
        self._several = False
        self._names: dict[str, str] = {}
        self._begun: dict[str, bytes] = {}
        self._errors = 0

    def on_event(self, event: Event) -> None:
        """Print one event."""
        with self._guard:
            self._follow(event)
            explanation = None if self._explainer is None else self._explainer.follow(event)
            if explanation is not None and not explanation.is_quiet:
                self._say_explanation(event, explanation)
            elif not (self._console.json or self._console.quiet) or isinstance(event, StageFailed | StageSkipped):
                self._print(event)

    def on_output(self, address: str, data: bytes) -> None:
        """Print what a stage's commands printed; they have ended when `data` is empty."""
        with self._guard:
            if self._several or self._begun.get(address):
                self._print_lines(address, data)
            elif data:
                _write(data, self._console.json)
            if not data:
                self._has_ended(address)

    def end(self, results: Sequence[StageResult]) -> None:
        """Print the last line."""
        if all(result.outcome is Outcome.UNCHANGED for result in results):
            self._console.say("Data and pipelines are up to date.")

    def _follow(self, event: Event) -> None:
        """Keep track of what runs: from when two do, all output is told apart, until nothing runs."""
        if self._dry:
            return
        if isinstance(event, StageStarted | CommandStarted):  # one that is tried again does not start once more
            self._running.add(event.stage.address)
            self._names[event.stage.address] = shown_address(event.stage, self._folder)
            self._several = self._several or len(self._running) > 1
        elif isinstance(event, StageFailed):
            self._has_ended(event.stage.address)  # also where it was never begun

    def _has_ended(self, address: str) -> None:
        self._running.discard(address)
        self._several = self._several and bool(self._running)

    def _say_explanation(self, event: Event, explanation: Explanation) -> None:
        assert self._explainer is not None
        self._explainer.say(self._console, self._verb(event), explanation)

    def _verb(self, event: Event) -> str:
        done, would = _VERBS[type(event)]
        return would if self._dry else done

    def _print(self, event: Event) -> None:
        say = self._console.say
        match event:
            case StageStarted(stage, reasons):
                head = f"{self._verb(event)} {self._name(stage)}"
                say(f"{self._console.style(head, 'bold')}: {self._why(reasons)}.")
            case CommandStarted(stage, command):
                before = f"{self._prefix(stage.address)} " if self._several else ""
                say(before + self._console.style(f"> {command}", "dim"))
            case OutputKept(_, path, where):
                say(f"{path} was nowhere else: its content is kept in the cache as {where}.")
            case StageRetried(stage, error, attempt, pause):
                say(f"{error} Trying {self._name(stage)} again in {pause:g} s (attempt {attempt + 1}).")
            case StageFinished(stage, _, _, run):
                if self._verbose and run is not None:
                    say(f"{self._name(stage)} ran for {_duration(run)}; its output is in {run.log}.")
            case StageRestored(stage, reasons):
                say(f"{self._verb(event)} {self._name(stage)} from an earlier run ({self._why(reasons)}).")
            case StageVerified(stage, reasons):
                say(f"{self._verb(event)} {self._name(stage)} as it is now ({self._why(reasons)}).")
            case StageUnchanged(stage):
                say(f"Skipped {self._name(stage)}: nothing changed.")
            case StageFailed(_, error):
                self._errors += 1
                if not self._raises or self._errors > 1:
                    self._console.warn(error)
                elif self._running:
                    self._console.warn(f"{error} Waiting for what still runs.")
            case StageSkipped(stage, failed):
                self._console.warn(f"Skipped {self._name(stage)}: '{failed}' failed.")

    def _print_lines(self, address: str, data: bytes) -> None:
        """Print whole lines with the stage's name before each; the rest of a line waits for its end."""
        *lines, rest = (self._begun.pop(address, b"") + data).split(b"\n")
        if rest and not data:
            lines, rest = [*lines, rest], b""
        if rest:
            self._begun[address] = rest
        if lines:
            prefix = os.fsencode(self._prefix(address)) + b" "
            # Of a line that a progress bar wrote over itself, the last state is what a terminal would show.
            shown = (line.rstrip(b"\r").rpartition(b"\r")[2] for line in lines)
            _write(b"".join(prefix + line + b"\n" for line in shown), self._console.json)

    def _prefix(self, address: str) -> str:
        name = self._names.get(address, address)
        width = max(len(self._names.get(each, each)) for each in (*self._running, address))
        colour = _COLOURS[sum(name.encode(errors="surrogateescape")) % len(_COLOURS)]
        return self._console.style(f"{name:{width}} |", colour, sys.stderr if self._console.json else None)

    def _name(self, stage: Stage) -> str:
        return f"'{shown_address(stage, self._folder)}'"

    def _why(self, reasons: Sequence[Reason]) -> str:
        shown = [str(reason) for reason in reasons]
        if len(shown) > _REASONS_SHOWN:
            shown[_REASONS_SHOWN:] = [f"and {len(shown) - _REASONS_SHOWN} more"]
        return "; ".join(shown)


def _write(data: bytes, to_stderr: bool) -> None:
    stream = sys.stderr if to_stderr else sys.stdout
    stream.flush()
    stream.buffer.write(data)
    stream.buffer.flush()


def _duration(run: CommandRun) -> str:
    seconds = run.ended_at - run.started_at
    return f"{seconds:.1f} s" if seconds < 60 else f"{int(seconds // 60)} min {int(seconds % 60)} s"
