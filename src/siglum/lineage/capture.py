"""What a run captures by itself when it starts, and the recipe it ends with. Values only: `client` stores them.

Nothing here fails a training: what cannot be captured is said in `Capture.problems`.
"""

from __future__ import annotations

import getpass
import os
import shlex
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

import msgspec

from siglum.core.errors import SiglumError
from siglum.lineage.code import MAX_DIFF_BYTES, CodeState, capture_code
from siglum.lineage.command import entry_command
from siglum.lineage.environment import Environment, capture_environment
from siglum.lineage.inputs import DataInput, InputLog, close_log, open_log, record_input
from siglum.lineage.notebook import relative_name
from siglum.lineage.project import project_root
from siglum.lineage.recipe import MAX_TAG_CHARACTERS, Recipe, RecipeCode, make_recipe
from siglum.lineage.seeds import seed_everything, seeds_in_force

if TYPE_CHECKING:
    from siglum.lineage.stage_inputs import StageFacts

__all__ = [
    "Capture", "DataInput", "InputLog", "capture", "close_log", "open_log", "record_input", "seed_everything",
]  # fmt: skip

RECIPE_FILE = "siglum/recipe.json"
DIFF_FILE = "siglum/uncommitted.diff"
NOTEBOOK_FILE = "siglum/notebook.py"
ENVIRONMENT_FILE = "siglum/environment.json"

T = TypeVar("T")


class Capture(msgspec.Struct, frozen=True, kw_only=True):
    """The circumstances of a run. `inputs` are those of its pipeline stage; reads come later, through an InputLog."""

    root: str
    user: str
    source_name: str
    source_type: str
    command: tuple[str, ...]
    code: CodeState
    environment: Environment | None
    seeds: dict[str, int | str] = {}
    stage: str | None = None
    inputs: tuple[DataInput, ...] = ()
    problems: tuple[str, ...] = ()

    def tags(self) -> dict[str, str]:
        """Return the tags that a new run gets."""
        found: dict[str, str | None] = {
            "mlflow.user": self.user,
            "mlflow.source.name": self.source_name,
            "mlflow.source.type": self.source_type,
            "mlflow.source.git.commit": self.code.commit,
            "mlflow.source.git.branch": self.code.branch,
            "mlflow.source.git.repoURL": self.code.remote,
            "siglum.git.dirty": None if self.code.commit is None else str(self.code.dirty).lower(),
            "siglum.command": shlex.join(self.command)[:MAX_TAG_CHARACTERS] or None,
            "siglum.seeds": " ".join(f"{name}={seed}" for name, seed in sorted(self.seeds.items())) or None,
            "siglum.stage": self.stage,
            "siglum.capture.problems": " ".join(self.problems)[:MAX_TAG_CHARACTERS] or None,
        }
        return {key: value for key, value in found.items() if value is not None}

    def files(self) -> dict[str, bytes]:
        """Return the run artifacts that are known when it starts: path and content."""
        found: dict[str, bytes] = {}
        if self.environment is not None:
            found[ENVIRONMENT_FILE] = msgspec.json.format(msgspec.json.encode(self.environment), indent=2)
        if self.code.diff is not None:
            found[DIFF_FILE] = self.code.diff
        return found

    def recipe(
        self, params: Mapping[str, str], inputs: Sequence[DataInput], environ: Mapping[str, str] | None = None
    ) -> Recipe:
        """Return the recipe as it stands: what was captured, with the parameters and inputs so far."""
        return make_recipe(
            code=RecipeCode(self.code.commit, self.code.diff_sha256),
            data=[(item.place, item.hash) for item in (*self.inputs, *inputs)],
            params=params,
            env=None if self.environment is None else self.environment.digest,
            command=self.command,
            seeds=seeds_in_force(os.environ if environ is None else environ),
        )


def capture(
    cwd: str,
    environ: Mapping[str, str],
    argv: Sequence[str],
    orig_argv: Sequence[str],
    *,
    max_diff: int = MAX_DIFF_BYTES,
    keep_diff: bool = True,
    variables: Sequence[str] = (),
    notebook: str | None = None,
) -> Capture:
    """Return the circumstances of a run that starts now, in this process. Never raises; some 0.1 s.

    Args:
        cwd: The folder that paths in the arguments are relative to.
        environ: The environment; `DVC_ROOT` and `DVC_STAGE` say that a pipeline stage runs.
        argv: `sys.argv`.
        orig_argv: `sys.orig_argv`.
        max_diff: Bytes of uncommitted changes that are kept at most.
        keep_diff: Whether they are kept, and not only their SHA-256.
        variables: Names and patterns of environment variables to record beside those that change results.
        notebook: The path of the notebook that this process is, where it is known.
    """
    problems: list[str] = []

    def attempt(what: str, function: Callable[[], T], otherwise: T) -> T:
        try:
            return function()
        except Exception as error:  # noqa: BLE001  -- a training never fails because of its record; said in the record
            reason = error.message if isinstance(error, SiglumError) else f"{type(error).__name__}: {error}"
            problems.append(f"{what} could not be recorded: {reason}")
            return otherwise

    root = project_root(cwd)
    lock_only: tuple[str, ...] = ("dvc.lock",)
    results = attempt("The pipeline's outputs", lambda: _result_paths(root), lock_only)
    code = attempt(
        "The state of the code", lambda: capture_code(root, results, max_diff, keep_diff=keep_diff), CodeState()
    )
    stage = attempt("The pipeline stage", lambda: _stage(environ, code.commit), None)
    return Capture(
        root=root,
        user=attempt("The user", user_name, "unknown"),
        source_name=relative_name(notebook, root) if notebook else argv[0] if argv and argv[0] else "python",
        source_type="NOTEBOOK" if notebook or any("ipykernel" in argument for argument in orig_argv) else "LOCAL",
        command=attempt("The command", lambda: entry_command(orig_argv, cwd, root), ()),
        code=code,
        environment=attempt("The environment", lambda: capture_environment(environ, variables), None),
        seeds=seeds_in_force(environ),
        stage=stage.name if stage is not None else None,
        inputs=stage.inputs if stage is not None else (),
        problems=(*problems, *code.problems, *(stage.problems if stage is not None else ())),
    )


def _result_paths(root: str) -> tuple[str, ...]:
    if not os.path.isdir(os.path.join(root, ".dvc")):
        return ()
    # All of pipelines: a fifth of what the client imports, and only here is something in them.
    from siglum.lineage.stage_inputs import result_paths

    return result_paths(root)


def _stage(environ: Mapping[str, str], commit: str | None) -> StageFacts | None:
    if not environ.get("DVC_STAGE"):
        return None
    from siglum.lineage.stage_inputs import capture_stage  # as above

    return capture_stage(environ, commit)


def user_name() -> str:
    """Return the login name, `unknown` for a user id without one (as in some containers)."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"
