"""Git's hooks and merge drivers for a data repository: what `siglum install` puts where.

The driver of `.dvc` files has the name that DVC's has, so that an attribute `*.dvc merge=dvc` in a repository works
with either tool. DVC has none for `dvc.lock`.
"""

from __future__ import annotations

import os
import stat
from typing import Final

import msgspec

from siglum.core.errors import AlreadyExistsError, InvalidInputError, NotFoundError
from siglum.workspace.documents import decoded, dump_yaml, load_for_edit, read_bytes, write_atomic
from siglum.workspace.git import Git

HOOKS: Final = ("post-checkout", "pre-commit", "pre-push")
MERGE_DRIVER: Final = "siglum git-hook merge-driver --ancestor %O --our %A --their %B"
LOCK_DRIVER: Final = "siglum git-hook merge-lock --ancestor %O --our %A --their %B --marker-size %L --path %P"
ATTRIBUTES: Final = ("*.dvc merge=dvc", "dvc.lock merge=siglum-lock")
PRE_COMMIT_FILE: Final = ".pre-commit-config.yaml"


class Installed(msgspec.Struct, frozen=True):
    """What was put in place, by absolute path: hooks, or the settings of the pre-commit tool; and the attributes."""

    files: tuple[str, ...]
    attributes: str


def install(git: Git, *, use_pre_commit_tool: bool = False) -> Installed:
    """Put hooks and merge drivers in place; again changes nothing.

    Hooks that DVC wrote are replaced by ours. Raises AlreadyExistsError for any other hook that is there, and then
    changes nothing; InvalidInputError where Git's hooks are kept outside the repository, for others too.
    """
    files: tuple[str, ...]
    if use_pre_commit_tool:
        files = (_write_pre_commit(os.path.join(git.root, PRE_COMMIT_FILE)),)
    else:
        folder = _hooks_folder(git)
        wanted = {os.path.join(folder, name): _hook("siglum", name) for name in HOOKS}
        for path in wanted:
            _check_ours(path)
        os.makedirs(folder, exist_ok=True)
        for path, text in wanted.items():
            write_atomic(path, text.encode())
            mode = stat.S_IMODE(os.stat(path).st_mode)
            os.chmod(path, mode | (mode & 0o444) >> 2)  # who may read it may run it
        files = tuple(wanted)
    git.set_config("merge.dvc.name", "Merge of folders that .dvc files record")
    git.set_config("merge.dvc.driver", MERGE_DRIVER)
    git.set_config("merge.siglum-lock.name", "Merge of dvc.lock stage by stage")
    git.set_config("merge.siglum-lock.driver", LOCK_DRIVER)
    return Installed(files, _write_attributes(git.path_of("info/attributes")))


def _hook(program: str, name: str) -> str:
    # DVC does not quote the arguments; one with a blank in it would become two.
    arguments = '"$@"' if program == "siglum" else "$@"
    return f"#!/bin/sh\nexec {program} git-hook {name} {arguments}\n"


def _hooks_folder(git: Git) -> str:
    folder = git.path_of("hooks")
    homes = (os.path.realpath(git.path_of(".")), os.path.realpath(git.root))
    if not any(os.path.realpath(folder).startswith(home + os.sep) for home in homes):
        raise InvalidInputError(
            f"Git takes its hooks from {folder} (core.hooksPath), which other repositories may use, too.",
            hint="Unset core.hooksPath here, or use --use-pre-commit-tool.",
        )
    return folder


def _check_ours(path: str) -> None:
    try:
        text = decoded(read_bytes(path), path)
    except NotFoundError:
        return
    name = os.path.basename(path)
    command = text.partition("\n")[2]
    if command not in {_hook(program, name).partition("\n")[2] for program in ("siglum", "dvc")}:
        raise AlreadyExistsError(
            f"There is a hook {path} already.",
            hint=f"Add the line 'siglum git-hook {name} \"$@\"' to it, or remove it and run this again.",
        )


def _write_pre_commit(path: str) -> str:
    try:
        document = load_for_edit(read_bytes(path), path) or {}
    except NotFoundError:
        document = {}
    if not isinstance(document, dict) or not isinstance(document.setdefault("repos", []), list):
        raise InvalidInputError(f"{path} is not what the pre-commit tool reads: 'repos' should be a list.")
    ours = {f"siglum-{name}" for name in HOOKS}
    known = {hook.get("id") for repo in document["repos"] for hook in repo.get("hooks", ()) if isinstance(hook, dict)}
    if not ours <= known:
        document["repos"].append({"repo": "local", "hooks": [_pre_commit_hook(name) for name in HOOKS]})
        write_atomic(path, dump_yaml(document).encode())
    return path


def _pre_commit_hook(name: str) -> dict[str, object]:
    return {
        "id": f"siglum-{name}",
        "name": f"siglum {name}",
        "entry": f"siglum git-hook {name}",
        "language": "system",
        "pass_filenames": False,
        "always_run": True,
        "verbose": True,
        "stages": [name],
    }


def _write_attributes(path: str) -> str:
    """Have Git use the drivers, in this clone; lines in .gitattributes would do so for all."""
    try:
        text = decoded(read_bytes(path), path)
    except NotFoundError:
        text = ""
    known = {line.strip() for line in text.splitlines()}
    missing = [line for line in ATTRIBUTES if line not in known]
    if missing:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        joint = "" if not text or text.endswith("\n") else "\n"
        write_atomic(path, "".join([text, joint, *(f"{line}\n" for line in missing)]).encode())
    return path
