"""What `siglum repro` says while it works: each stage, what happened to it and why."""

from __future__ import annotations

from collections.abc import Sequence

from siglum.cli.console import Console
from siglum.pipeline.events import (
    CommandStarted,
    Event,
    Outcome,
    OutputKept,
    StageFailed,
    StageFinished,
    StageRestored,
    StageResult,
    StageSkipped,
    StageStarted,
    StageUnchanged,
    StageVerified,
)
from siglum.pipeline.stages import Stage
from siglum.pipeline.staleness import Reason
from siglum.pipeline.status import shown_address

_REASONS_SHOWN = 3


class ReproReport:
    """Prints events as they come. Stages are named as seen from `folder`."""

    def __init__(self, console: Console, folder: str, *, dry: bool, explain: bool, keep_going: bool) -> None:
        self._console = console
        self._folder = folder
        self._keep_going = keep_going
        self._dry = dry
        self._explain = explain

    def on_event(self, event: Event) -> None:
        """Print one event."""
        say = self._console.say
        match event:
            case StageStarted(stage, reasons):
                verb = "Would run" if self._dry else "Running"
                say(f"{self._console.style(f'{verb} {self._name(stage)}', 'bold')}: {self._why(reasons)}.")
            case CommandStarted(_, command):
                say(self._console.style(f"> {command}", "dim"))
            case OutputKept(_, path, where):
                say(f"{path} was nowhere else: its content is kept in the cache as {where}.")
            case StageFinished():
                pass
            case StageRestored(stage, reasons):
                verb = "Would restore" if self._dry else "Restored"
                say(f"{verb} {self._name(stage)} from an earlier run ({self._why(reasons)}).")
            case StageVerified(stage, reasons):
                verb = "Would record" if self._dry else "Recorded"
                say(f"{verb} {self._name(stage)} as it is now ({self._why(reasons)}).")
            case StageUnchanged(stage):
                say(f"Skipped {self._name(stage)}: nothing changed.")
            case StageFailed(_, error):
                if self._keep_going:  # else it is the command's own error
                    self._console.warn(error)
            case StageSkipped(stage, failed):
                self._console.warn(f"Skipped {self._name(stage)}: '{failed}' failed.")

    def end(self, results: Sequence[StageResult]) -> None:
        """Print the last line."""
        if all(result.outcome is Outcome.UNCHANGED for result in results):
            self._console.say("Data and pipelines are up to date.")

    def _name(self, stage: Stage) -> str:
        return f"'{shown_address(stage, self._folder)}'"

    def _why(self, reasons: Sequence[Reason]) -> str:
        shown = [str(reason) for reason in reasons]
        if not self._explain and len(shown) > _REASONS_SHOWN:
            shown[_REASONS_SHOWN:] = [f"and {len(shown) - _REASONS_SHOWN} more"]
        return "; ".join(shown)
