"""What a new stage looks like in `dvc.yaml`, from what is said of it on a command line. Pure."""

from __future__ import annotations

import posixpath
import string
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from siglum.core.errors import InvalidInputError
from siglum.pipeline.definition.paths import is_url
from siglum.pipeline.definition.schema import OutputKind
from siglum.pipeline.definition.templates import DEFAULT_PARAMS_FILE

_PUNCTUATION = frozenset(string.punctuation) - set("-_")
_ANNOTATIONS = ("desc", "type", "labels", "meta")


class NewOutput(msgspec.Struct, frozen=True):
    """An output that a new stage is to have."""

    path: str
    kind: OutputKind = OutputKind.OUTS
    cache: bool = True
    persist: bool = False


class NewStage(msgspec.Struct, frozen=True):
    """A stage as it is asked for. Paths are relative to `wdir`, `wdir` to the folder of the dvc.yaml; or absolute."""

    name: str
    command: str
    deps: tuple[str, ...] = ()
    params: tuple[str, ...] = ()
    """Each `[file:]key,key`; nothing behind the colon means the whole file."""
    outs: tuple[NewOutput, ...] = ()
    wdir: str | None = None
    always_changed: bool = False
    desc: str | None = None


def command_text(words: Sequence[str]) -> str:
    """Return the command that the words of a command line stand for.

    One word is a command as it is. Of several, those with a blank and no quote get double quotes: DVC's rule, whose
    bytes are compared.
    """
    if len(words) == 1:
        return words[0]
    return " ".join(f'"{word}"' if not word or (" " in word and '"' not in word) else word for word in words)


def check_new(stage: NewStage) -> None:
    """Raise InvalidInputError for a name or a command that no stage can have."""
    if not stage.name.strip():
        raise InvalidInputError("A stage needs a name.", hint="Give it with -n NAME.")
    odd = sorted(set(stage.name) & _PUNCTUATION)
    if odd or not stage.name.isprintable():
        what = " ".join(odd) or "a character that cannot be shown"
        raise InvalidInputError(
            f"The stage name {stage.name!r} holds {what}.", hint="Use letters, digits, '-' and '_' only."
        )
    if not stage.command.strip():
        raise InvalidInputError(
            f"The stage '{stage.name}' has no command.",
            hint="Write it behind the options: siglum stage add -n NAME COMMAND",
        )


def make_entry(stage: NewStage, root: str) -> dict[str, Any]:
    """Return the entry of a stage, in the order in which DVC writes it.

    Absolute paths below `root`, the absolute folder of the dvc.yaml, become relative to the stage's working folder.

    Raises InvalidInputError for an output, dependency or parameters file that is named twice.
    """
    wdir = _relative(stage.wdir, root)
    base = posixpath.normpath(posixpath.join(root, wdir))
    deps = sorted(_relative_to(path, root, base) for path in stage.deps)
    outs = [msgspec.structs.replace(out, path=_relative_to(out.path, root, base)) for out in stage.outs]
    params = _params_of(stage.params, root, base)
    _check_once([*deps, *(out.path for out in outs)])
    entry: dict[str, Any] = {
        "desc": stage.desc,
        "cmd": stage.command,
        "wdir": None if wdir == "." else wdir,
        "deps": deps,
        "params": params,
        **{str(kind): [_out_entry(out) for out in _of_kind(outs, kind)] for kind in OutputKind},
        "always_changed": stage.always_changed,
    }
    return {key: value for key, value in entry.items() if value}


def keep_annotations(entry: dict[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    """Return an entry with the descriptions, labels and the like that the one it replaces has of the same things."""
    kept = {key: before[key] for key in ("desc", "meta") if key in before and key not in entry}
    result = entry | kept
    for kind in map(str, OutputKind):
        notes = _annotations(before.get(kind) or [])
        result |= {kind: [_annotated(out, notes) for out in entry[kind]]} if kind in entry else {}
    return result


def _annotations(outs: Iterable[Any]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for out in outs:
        for path, flags in out.items() if isinstance(out, Mapping) else ():
            if isinstance(flags, Mapping):
                found[path] = {key: flags[key] for key in _ANNOTATIONS if key in flags}
    return found


def _annotated(out: str | dict[str, Any], notes: Mapping[str, dict[str, Any]]) -> str | dict[str, Any]:
    path, flags = (out, {}) if isinstance(out, str) else next(iter(out.items()))
    known = notes.get(path)
    return {path: {**flags, **known}} if known else out


def _of_kind(outs: Iterable[NewOutput], kind: OutputKind) -> list[NewOutput]:
    return sorted((out for out in outs if out.kind is kind), key=lambda out: out.path)


def _out_entry(out: NewOutput) -> str | dict[str, Any]:
    flags: dict[str, Any] = {} if out.cache else {"cache": False}
    if out.persist:
        flags["persist"] = True
    return {out.path: flags} if flags else out.path


def _params_of(specs: Iterable[str], root: str, base: str) -> list[Any]:
    """Return the entries of `params`: keys of the default file first, then other files, all sorted."""
    names: dict[str, set[str]] = {}
    written: dict[str, str] = {}
    for spec in specs:
        path, _, keys = spec.rpartition(":")
        path = _relative_to(path or DEFAULT_PARAMS_FILE, root, base)
        first = written.setdefault(posixpath.normpath(path), path)
        if first != path:
            raise InvalidInputError(f"The parameters file '{path}' is named twice, also as '{first}'.")
        names.setdefault(path, set()).update(key for key in keys.split(",") if key)
    default = sorted(names.pop(DEFAULT_PARAMS_FILE, ())) if names.get(DEFAULT_PARAMS_FILE) else []
    return [*default, *({path: sorted(keys) or None} for path, keys in sorted(names.items()))]


def _check_once(paths: Iterable[str]) -> None:
    seen: dict[str, str] = {}
    for path in paths:
        place = path if is_url(path) else posixpath.normpath(path)
        if place in seen:
            raise InvalidInputError(
                f"'{path}' is named twice.", hint="A stage has a path once: as a dependency, or as one kind of output."
            )
        seen[place] = path


def _relative(folder: str | None, root: str) -> str:
    """Return a folder as seen from `root`; one outside as it leads there."""
    if not folder:
        return "."
    return posixpath.relpath(posixpath.join(root, folder), root)


def _relative_to(path: str, root: str, base: str) -> str:
    """Return a path as it is written: an absolute one below the repository as seen from the stage's folder."""
    if not path.startswith("/") or not f"{posixpath.normpath(path)}/".startswith(f"{root}/"):
        return path
    return posixpath.relpath(path, base)
