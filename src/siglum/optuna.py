"""Optuna studies on record: a run for each study, one below it for each trial."""

from __future__ import annotations

from siglum.client.autolog.optuna import autolog

__all__ = ["autolog"]
