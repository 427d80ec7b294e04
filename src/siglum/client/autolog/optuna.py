"""Autologging of Optuna: a run for each `Study.optimize`, and below it one for each trial."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

from siglum.client import active
from siglum.client.autolog.patching import Call, Integration, guarded, install, remove
from siglum.client.autolog.settings import Settings
from siglum.client.autolog.training import AUTOLOG_TAG, Training
from siglum.client.autolog.versions import is_known
from siglum.client.fluent.logging import log_metric, log_metrics, log_params, set_tags
from siglum.client.fluent.runs import end_run, start_run

LIBRARY = "optuna"


def autolog(
    disable: bool = False,
    exclusive: bool = False,
    disable_for_unsupported_versions: bool = False,
    silent: bool = False,
    extra_tags: Mapping[str, str] | None = None,
) -> None:
    """Put every `study.optimize(…)` on record: the study in the active run, else in its own, and a run for each trial.

    A trial's run is active while the objective runs, so that what this logs goes there, trainings that are recorded by
    themselves too. It has the trial's parameters, values, intermediate values and attributes; the study's run has the
    best ones.

    Args:
        disable: Take autologging back.
        exclusive: Leave runs alone that you started.
        disable_for_unsupported_versions: Do nothing for a version of Optuna that is too old.
        silent: Say nothing about what could not be logged.
        extra_tags: Tags for each run.
    """
    remove(LIBRARY)
    if disable or not is_known("optuna", required=disable_for_unsupported_versions, silent=silent):
        return
    import optuna  # optional extra, which the user has

    settings = Settings(exclusive=exclusive, silent=silent, extra_tags=dict(extra_tags or {}))
    integration = Integration(LIBRARY, _begin, settings, nests=False)
    integration.wrap(optuna.study.Study, "optimize", method=True)
    install(integration)


def _begin(call: Call, settings: Settings) -> StudyRecording:
    return StudyRecording(call, settings)


class StudyRecording:
    """A call of `Study.optimize` on record."""

    def __init__(self, call: Call, settings: Settings) -> None:
        self.study = call.owner
        self.training = Training(LIBRARY, settings, run_name=self.study.study_name)
        self.training.part("the study", self._describe)
        scope = active.current()
        assert scope is not None, "the study has a run"
        self.run_id, self.experiment_id = scope.run_id, scope.run.info.experiment_id
        if call.arguments:
            call.arguments = (self._objective(call.arguments[0]), *call.arguments[1:])
        elif "func" in call.keywords:
            call.keywords["func"] = self._objective(call.keywords["func"])

    def inside(self, call: Call) -> None:
        """Nothing: trials are watched where they run."""

    def finish(self, result: Any) -> None:  # noqa: ARG002  -- it is None
        """Put the best of the study on record."""
        self.training.part("the best trial", self._log_best)
        self.training.end()

    def fail(self) -> None:
        """Put the best so far on record; the run has failed, when it is our own."""
        self.training.part("the best trial", self._log_best)
        self.training.end("FAILED")

    def _describe(self) -> None:
        study = self.study
        directions = ",".join(direction.name.lower() for direction in study.directions)
        kinds = {"sampler": type(study.sampler).__name__, "pruner": type(study.pruner).__name__}
        self.training.params({f"optuna.{key}": value for key, value in kinds.items()})
        set_tags({"optuna.study_name": study.study_name, "optuna.directions": directions})

    def _objective(self, function: Callable[[Any], Any]) -> Callable[[Any], Any]:
        """Return the user's objective with a run around it. It may be called from several threads."""

        @functools.wraps(function, assigned=("__module__", "__doc__"), updated=())
        def objective(trial: Any) -> Any:
            value: Any = None
            started = guarded(LIBRARY, self.training.settings, f"trial {trial.number}", lambda: self._start(trial))
            status = "FAILED"
            try:
                value = function(trial)
            except _pruned():
                status = "FINISHED"  # as planned; the tag says that it was cut short
                self._note(started, lambda: set_tags({"optuna.state": "PRUNED"}))
                raise
            else:
                status = "FINISHED"
                return value
            finally:
                self._note(started, lambda: self._end(trial, status, value))

        return objective

    def _start(self, trial: Any) -> bool:
        tags = {AUTOLOG_TAG: LIBRARY, "optuna.trial": str(trial.number), **self.training.settings.extra_tags}
        start_run(
            experiment_id=self.experiment_id,
            run_name=f"{self.study.study_name}-{trial.number}",
            nested=True,
            parent_run_id=self.run_id,
            tags=tags,
        )
        return True

    def _note(self, started: bool | None, work: Callable[[], Any]) -> None:
        if started:
            guarded(LIBRARY, self.training.settings, "a trial", work)

    def _end(self, trial: Any, status: str, value: Any) -> None:
        """Log what the trial has, and end its run."""
        try:
            log_params(dict(trial.params), on_conflict="keep")
            values = value if isinstance(value, list | tuple) else [] if value is None else [value]
            single = ["value"] if len(values) == 1 else [f"value_{i}" for i in range(len(values))]
            names = self.study.metric_names or single
            log_metrics(dict(zip(names, map(float, values), strict=False)))
            reported = self.study.get_trials(deepcopy=False)[trial.number].intermediate_values
            for step, number in sorted(reported.items()):
                log_metric("intermediate_value", number, step=step)
            set_tags({f"optuna.user_attr.{key}": each for key, each in trial.user_attrs.items()})
        finally:
            end_run(status)

    def _log_best(self) -> None:
        trials = self.study.get_trials(deepcopy=False)
        states: dict[str, int] = {}
        for trial in trials:
            states[trial.state.name.lower()] = states.get(trial.state.name.lower(), 0) + 1
        self.training.metrics({f"trials_{state}": number for state, number in states.items()})
        if len(self.study.directions) > 1:
            self.training.metrics({"best_trials": len(self.study.best_trials)})
        elif states.get("complete"):
            best = self.study.best_trial
            self.training.metrics({"best_value": best.value})
            self.training.params({f"best_{key}": value for key, value in best.params.items()})
            self.training.tags({"optuna.best_trial": str(best.number)})


def _pruned() -> type[Exception]:
    import optuna  # optional extra, which the user has

    found: type[Exception] = optuna.TrialPruned
    return found
