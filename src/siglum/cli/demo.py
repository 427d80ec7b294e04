"""`siglum demo`: make a project in a new folder and walk the whole road once, with the real commands."""

from __future__ import annotations

import csv
import importlib.util
import os
import shlex
import shutil
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import click
import msgspec

from siglum.cli.command import command
from siglum.cli.console import Console
from siglum.core.errors import AlreadyExistsError, SiglumError, StageFailedError, UnavailableError

TEMPLATE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "demo_project")
MODEL = "cancer-classifier"
_NEEDED = {"sklearn": "scikit-learn", "skops": "skops", "pandas": "pandas", "matplotlib": "matplotlib"}
# Rows whose area is written ten times too large, as a laboratory might find later: version 2 has them corrected.
_CORRECTED_ROWS = (12, 77, 131, 208, 314, 402, 455, 519)
_CORRECTED_COLUMN = "worst area"


class DemoResult(msgspec.Struct, frozen=True):
    """What the demo did: its folder, the commands it ran and the seconds it took."""

    folder: str
    commands: tuple[str, ...]
    seconds: float


@command("demo")
@click.argument("folder", default="demo-project", type=click.Path())
def demo(console: Console, folder: str) -> None:
    """Make a project in FOLDER and walk the whole road once.

    Data, pipeline, run, model, registry, trace, diff, rebuild: each command is printed as you would type it, with what
    came of it. Needs the extra 'demo' (scikit-learn and matplotlib).
    """
    _check(folder)
    began = time.monotonic()
    os.mkdir(folder)
    walk = _Walk(console, os.path.abspath(folder))
    for step in _STEPS:
        step(walk)
    seconds = time.monotonic() - began
    console.result(DemoResult(folder, tuple(walk.commands), round(seconds, 1)))
    _say_goodbye(console, folder, seconds, len(walk.commands))


def _check(folder: str) -> None:
    missing = [name for module, name in _NEEDED.items() if importlib.util.find_spec(module) is None]
    if missing:
        raise UnavailableError(
            f"The demo needs {' and '.join(missing)}, which {'is' if len(missing) == 1 else 'are'} not installed.",
            hint="Run: pip install 'siglum[demo]'",
        )
    if shutil.which("git") is None:
        raise UnavailableError("The demo needs the command 'git', which was not found.", hint="Install Git.")
    if os.path.lexists(folder):
        raise AlreadyExistsError(
            f"{folder} is there already, and the demo overwrites nothing.",
            hint=f"To start afresh, run: rm -r {shlex.quote(folder)} (or name another folder: siglum demo FOLDER).",
        )


class _Walk:
    """The demo under way: runs commands in the project's folder and prints them with their output."""

    def __init__(self, console: Console, folder: str) -> None:
        self.console = console
        self.folder = folder
        self.commands: list[str] = []
        self._environment = _environment()

    def heading(self, text: str) -> None:
        """Begin a step."""
        self.console.say()
        self.console.say(self.console.style(text, "bold"))

    def run(self, line: str) -> str:
        """Run a command line, `siglum …` or `git …`; return what it printed."""
        words = shlex.split(line)
        program = [sys.executable, "-m", "siglum.cli"] if words[0] == "siglum" else [words[0]]
        self._announce(line)
        process = subprocess.Popen(
            [*program, *words[1:]], cwd=self.folder, env=self._environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, encoding="utf-8", errors="replace",
        )  # fmt: skip
        printed = []
        with process:
            assert process.stdout is not None
            for text in process.stdout:
                printed.append(text.rstrip("\n"))
                self.console.say(f"    {printed[-1]}".rstrip())
        if process.returncode != 0:
            if self.console.json or self.console.quiet:  # nothing of it was shown yet
                print("\n".join(printed), file=sys.stderr)  # noqa: T201
            raise StageFailedError(f"'{line}' failed with exit status {process.returncode}; the demo stops here.")
        return "\n".join(printed)

    def remove(self, *paths: str) -> None:
        """Delete files and folders, shown as `rm -rf`. Cached objects are read-only."""
        self._announce(f"rm -rf {' '.join(paths)}")
        for path in paths:
            target = os.path.join(self.folder, path)
            if os.path.isdir(target):
                shutil.rmtree(target, onerror=_delete_read_only)
            else:
                os.remove(target)

    def note(self, text: str) -> None:
        """Print what was done without a command."""
        self.console.say(f"  # {text}")

    def path(self, *names: str) -> str:
        """Return a path in the project."""
        return os.path.join(self.folder, *names)

    def _announce(self, line: str) -> None:
        self.commands.append(line)
        self.console.say(f"  $ {line}")


def _start_project(walk: _Walk) -> None:
    walk.heading("1. Data: the breast-cancer table, 569 rows, under version control")
    walk.run("git init -q")
    walk.run("git config user.name 'Siglum Demo'")
    walk.run("git config user.email demo@example.com")
    walk.run("siglum init")
    rows = _write_data(walk.path("data", "cancer.csv"))
    walk.note(f"data/cancer.csv written from scikit-learn's own copy: {rows} rows;")
    walk.note(f"in {len(_CORRECTED_ROWS)} of them a decimal point was made to slip, for step 5 to correct")
    shutil.copyfile(os.path.join(TEMPLATE, "gitignore"), walk.path(".gitignore"))
    walk.run("siglum add data/cancer.csv")
    walk.run("git add .gitignore .dvc data")
    walk.run("git commit -q -m 'Add the breast-cancer table'")
    walk.run("git tag v1.0")


def _run_pipeline(walk: _Walk) -> None:
    walk.heading("2. Pipeline: prepare, train, evaluate; run once, then skipped")
    for name in ("dvc.yaml", "params.yaml"):
        shutil.copyfile(os.path.join(TEMPLATE, name), walk.path(name))
    os.mkdir(walk.path("src"))
    for name in ("prepare.py", "train.py", "evaluate.py"):
        shutil.copyfile(os.path.join(TEMPLATE, "src", name), walk.path("src", name))
    walk.note("dvc.yaml, params.yaml and src/ written: look into them, they are short")
    walk.run("git add dvc.yaml params.yaml src")
    walk.run("git commit -q -m 'Add the pipeline'")
    walk.run("siglum repro")
    walk.run("git add dvc.lock metrics.json")
    walk.run("git commit -q -m 'Train version 1'")
    walk.run("siglum repro")


def _show_run(walk: _Walk) -> None:
    walk.heading("3. Run and model: what the training stage logged and registered")
    walk.run("siglum runs list")
    walk.run(f"siglum models versions {MODEL}")
    walk.run(f"siglum promote {MODEL}@1 --reason 'first version that works'")


def _push_and_pull(walk: _Walk) -> None:
    walk.heading("4. Remote: push, lose everything here, pull it back")
    walk.run("siglum remote add -d shared remote")
    walk.run("git commit -q -m 'Name the shared remote' .dvc/config")
    walk.run("siglum push")
    walk.remove(".dvc/cache", "data/cancer.csv", "data/prepared", "models")
    walk.run("siglum pull")
    walk.run("siglum status")


def _second_version(walk: _Walk) -> None:
    walk.heading("5. A second version: corrected data, other parameters; promoted, then rolled back")
    rows = _correct_data(walk.path("data", "cancer.csv"))
    walk.note(f"data/cancer.csv: '{_CORRECTED_COLUMN}' corrected in {rows} rows")
    _replace(walk.path("params.yaml"), {"epochs: 20": "epochs: 40", "alpha: 0.01": "alpha: 0.001"})
    walk.note("params.yaml: epochs 20 → 40, alpha 0.01 → 0.001")
    walk.run("siglum add data/cancer.csv")
    walk.run("git commit -q -a -m 'Correct rows, train longer with less regularization'")
    walk.run("siglum repro")
    walk.run("git commit -q -a -m 'Train version 2'")
    walk.run("git tag v2.0")
    walk.run("siglum push")
    walk.run(f"siglum promote {MODEL}@2 --reason 'trained on corrected rows'")
    walk.run(f"siglum rollback {MODEL} --reason 'more false alarms in the clinic'")
    walk.run(f"siglum audit {MODEL}")


def _trace(walk: _Walk) -> None:
    walk.heading("6. Trace: what version 1 was made from")
    walk.run(f"siglum trace {MODEL}@1")


def _diff(walk: _Walk) -> None:
    walk.heading("7. Diff: what differs between the two versions")
    walk.run(f"siglum diff {MODEL}@1 {MODEL}@2")


def _reproduce(walk: _Walk) -> None:
    walk.heading("8. Reproduce: rebuild version 1 from Git, the remote and the recorded environment, and compare")
    walk.remove(".dvc/cache")
    walk.run(f"siglum reproduce {MODEL}@1")


_STEPS: tuple[Callable[[_Walk], None], ...] = (
    _start_project,
    _run_pipeline,
    _show_run,
    _push_and_pull,
    _second_version,
    _trace,
    _diff,
    _reproduce,
)


def _say_goodbye(console: Console, folder: str, seconds: float, commands: int) -> None:
    program = "siglum"
    if shutil.which("siglum") is None:  # as after `make demo`, where the environment is not activated
        absolute = os.path.join(os.path.dirname(sys.executable), "siglum")
        program = min(os.path.relpath(absolute, folder), absolute, key=len)
    console.say()
    console.say(console.style("9. Look at it", "bold"))
    console.say(f"  Two versions of {MODEL}, each with its code, data and parameters; version 1 rebuilt bit for bit.")
    console.say(f"  {commands} commands in {seconds:.0f} s. Everything is in {folder}; remove it with: rm -rf {folder}")
    console.say()
    console.say("  Start the server, then look at http://127.0.0.1:5000 :")
    console.say(f"    cd {shlex.quote(folder)} && {program} server")


def _environment() -> dict[str, str]:
    """Return the environment of the demo's commands: nothing of this machine's settings decides what comes out."""
    foreign = ("SIGLUM_", "MLFLOW_", "DVC_", "GIT_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    kept["PATH"] = os.pathsep.join([os.path.dirname(sys.executable), kept.get("PATH", os.defpath)])
    kept["PYTHONUNBUFFERED"] = "1"
    return kept


def _write_data(path: str) -> int:
    from sklearn.datasets import load_breast_cancer

    table: Any = load_breast_cancer()
    os.makedirs(os.path.dirname(path))
    rows = [[*measured, label] for measured, label in zip(table.data.tolist(), table.target.tolist(), strict=True)]
    names = [str(name) for name in table.feature_names]
    column = names.index(_CORRECTED_COLUMN)
    for row in _CORRECTED_ROWS:
        rows[row][column] = round(rows[row][column] * 10)
    _save(path, [*names, "benign"], rows)
    return len(rows)


def _correct_data(path: str) -> int:
    with open(path, newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    column = header.index(_CORRECTED_COLUMN)
    for row in _CORRECTED_ROWS:
        rows[row][column] = repr(float(rows[row][column]) / 10)
    _save(path, header, rows)
    return len(_CORRECTED_ROWS)


def _save(path: str, header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    # Under another name first: the file in place may be a link into the cache, whose bytes are not ours to change.
    with open(path + ".new", "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
    os.replace(path + ".new", path)


def _replace(path: str, replacements: dict[str, str]) -> None:
    with open(path, encoding="utf-8") as file:
        text = file.read()
    for old, new in replacements.items():
        if old not in text:
            raise SiglumError(f"{path} does not hold {old!r}.")
        text = text.replace(old, new)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def _delete_read_only(function: Callable[[str], object], path: str, _: object) -> None:
    os.chmod(path, stat.S_IRWXU)
    function(path)
