"""Changes to `dvc.yaml` and `dvc.lock` that leave the rest of the file, its comments included, as it is."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from typing import Any

from siglum.core.errors import FileFormatError, InvalidInputError
from siglum.pipeline.definition.stages import Stage
from siglum.workspace.document import kind_of
from siglum.workspace.documents import decoded, dump_yaml, load_for_edit, merge_into

_GENERATORS = ("foreach", "matrix")


def set_frozen(text: bytes, stage: Stage, frozen: bool) -> str:
    """Return a dvc.yaml in which a stage says whether it is frozen. Raises InvalidInputError for a generated stage."""
    document = load_for_edit(text, stage.file)
    entry = stage_entry(stage, document)
    if frozen:
        entry["frozen"] = True
    else:
        entry.pop("frozen", None)
    return dump_yaml(document)


def with_stage(text: bytes, file: str, name: str, entry: Mapping[str, Any]) -> str:
    """Return a dvc.yaml with a stage, which takes the place of one of this name; a file without stages gets them.

    `file` is the path that errors name. Raises FileFormatError for a file that is not one of stages.
    """
    document = load_for_edit(text, file)
    if document is None:  # nothing, or comments alone, which are kept
        kept = decoded(text, file)
        return (kept if not kept or kept.endswith("\n") else f"{kept}\n") + dump_yaml({"stages": {name: entry}})
    if not isinstance(document, MutableMapping):
        raise FileFormatError(file, f"expected a mapping, not {kind_of(document)}")
    stages = document.get("stages")
    if stages is None:
        document["stages"] = {name: entry}
    elif not isinstance(stages, MutableMapping):
        raise FileFormatError(file, f"stages: expected a mapping, not {kind_of(stages)}")
    elif isinstance(stages.get(name), Mapping):
        merge_into(stages[name], entry)
    else:
        stages[name] = entry
    return dump_yaml(document)


def without_stage(text: bytes, stage: Stage) -> str | None:
    """Return a dvc.yaml without a stage, None when nothing else is in it: the file can go then.

    Raises InvalidInputError for a generated stage.
    """
    document = load_for_edit(text, stage.file)
    stage_entry(stage, document)
    return _without(document, stage.name)


def without_lock_entry(text: bytes, stage: Stage) -> str | None:
    """Return a dvc.lock without a stage's entry, None when nothing else is in it."""
    document = load_for_edit(text, stage.lock_path)
    return _without(document, stage.name)


def _without(document: Any, name: str) -> str | None:
    if not isinstance(document, MutableMapping):
        return None
    stages = document.get("stages") or {}
    if name in stages:
        del stages[name]
    if not stages and "stages" in document:
        del document["stages"]
    return dump_yaml(document) if set(document) - {"schema"} else None


def check_own_entry(stage: Stage, document: Any) -> None:
    """Raise InvalidInputError for a stage that `foreach` or `matrix` makes: it has no entry that could be changed."""
    stage_entry(stage, document)


def stage_entry(stage: Stage, document: Any) -> Any:
    """Return what a dvc.yaml says of one stage. Raises InvalidInputError for a generated stage."""
    entry = (document.get("stages") or {}).get(stage.name)
    if entry is None or any(key in entry for key in _GENERATORS):
        group = stage.name.partition("@")[0]
        raise InvalidInputError(
            f"The stage '{stage.address}' is one of those that '{group}' in {stage.file} stands for, "
            "so that it cannot be changed alone.",
            hint=f"Edit {stage.file}.",
        )
    return entry
