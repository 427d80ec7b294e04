"""What of a stage only people read, as text: a template may have put a number there, or nothing. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from siglum.pipeline.definition.expressions import to_text

_WORDS = ("desc", "type", "x", "y", "x_label", "y_label", "title", "template")


def with_words(stage: Mapping[str, Any], sections: Iterable[str]) -> dict[str, Any]:
    """Return a stage in which what is only read by people is text, in it and in the outputs of `sections`."""
    worded = {key: value for key, value in stage.items() if key != "desc" or value is not None}
    if "desc" in worded:
        worded["desc"] = _word(worded["desc"])
    for section in sections:
        if isinstance(worded.get(section), list):
            worded[section] = [_out_with_words(entry) for entry in worded[section]]
    return worded


def _out_with_words(entry: Any) -> Any:
    if not isinstance(entry, dict):
        return entry
    return {
        path: [_flags_with_words(each) for each in flags] if isinstance(flags, list) else _flags_with_words(flags)
        for path, flags in entry.items()
    }


def _flags_with_words(flags: Any) -> Any:
    if not isinstance(flags, dict):
        return flags
    worded = {flag: _word(value) if flag in _WORDS else value for flag, value in flags.items()}
    if isinstance(worded.get("labels"), list):
        worded["labels"] = [_word(label) for label in worded["labels"] if label is not None]
    return {flag: value for flag, value in worded.items() if value is not None or flag not in _WORDS}


def _word(value: Any) -> Any:
    return to_text(value) if isinstance(value, bool | int | float) else value
