"""Small pipelines in the hands of both tools: what each ran, recorded, reported and left on disk, side by side.

A case is a pipeline and steps: files to write, then command lines. All cases of a module run in one process of each
tool (`pipeline_program.py`), since DVC starts slowly. It works slowly, too: what it did in a case is recorded beside
the tests, by a hash of the case, of the program and of DVC's versions. `pytest --peers` (`make interop`) asks the real
one about each case and writes its answers down; without, only what is not recorded is asked.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import msgspec

from siglum.workspace.documents import load_yaml_file

DVC_LOCK = Path(__file__).parents[1] / "peers" / "dvc.lock"
PROGRAM = str(Path(__file__).with_name("pipeline_program.py"))
Files: TypeAlias = Mapping[str, str | None]
STATUS = ["status", "--json"]
CACHE = ".dvc/cache/files/md5/"
REPRO = ["repro"]


class Step(msgspec.Struct, frozen=True):
    """Files to write (None deletes one), then command lines to run."""

    write: Files = {}
    run: Sequence[Sequence[str]] = (STATUS, REPRO, STATUS)


class Case(msgspec.Struct, frozen=True):
    """A repository and what is done in it. `better` says what DVC does wrong, where Siglum does otherwise."""

    files: Files
    steps: Sequence[Step]
    config: str = ""
    better: str = ""


Seen: TypeAlias = dict[str, list[dict[str, Any]]]


def case(pipeline: str, files: Files | None = None, *changes: Files, config: str = "", better: str = "") -> Case:
    """Return the usual case: everything runs, then after each change what has to; the state is asked for in between."""
    steps = [Step(run=(REPRO, STATUS)), *(Step(change) for change in changes)]
    return Case({"dvc.yaml": pipeline, **(files or {})}, steps, config, better)


def load_cases(path: Path, short: Callable[[dict[str, Any]], Case] | None = None) -> dict[str, Case]:
    """Read cases by name; `short` makes one of what has no files. Steps may be given, or what changes before each."""
    cases = {}
    for name, written in load_yaml_file(str(path)).items():
        if short is not None and "files" not in written:
            cases[name] = short(written)
            continue
        config, better = written.get("config", ""), written.get("better", "")
        if "steps" in written:
            steps = [Step(step.get("write", {}), [line.split() for line in step["run"]]) for step in written["steps"]]
        else:
            steps = [Step(run=(REPRO, STATUS)), *(Step(change) for change in written.get("changes", ()))]
        cases[name] = Case(written["files"], steps, config, better)
    return cases


def take_cases(cases: Mapping[str, Case], tool: str, dvc: str, folder: Path) -> Seen:
    """Take all cases through their steps with one tool, "siglum" or "dvc"; return what was seen of each."""
    folder.mkdir()
    python = sys.executable if tool == "siglum" else str(Path(dvc).with_name("python"))
    called = ("siglum.cli.app", "run") if tool == "siglum" else ("dvc.cli", "main")
    done = subprocess.run(
        [python, PROGRAM, *called, str(folder)],
        input=msgspec.json.encode({name: _in_order(case, tool) for name, case in cases.items()}),
        env=_environment(folder.with_name(f"{folder.name}-home")),
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    seen: Seen = json.loads(done.stdout)
    return seen


def dvc_answers(cases: Mapping[str, Case], dvc: str, folder: Path, recording: Path, *, anew: bool) -> Seen:
    """Return what the real DVC did in all cases: as recorded, or by running it for what is not, or, `anew`, for all."""
    recorded: dict[str, Any] = json.loads(recording.read_text()) if recording.exists() and not anew else {}
    keys = {name: _key(case) for name, case in cases.items()}
    asked = {name: case for name, case in cases.items() if keys[name] not in recorded}
    for name, steps in (take_cases(asked, "dvc", dvc, folder) if asked else {}).items():
        recorded[keys[name]] = json.loads(json.dumps(steps).replace(json.dumps(steps[0]["top"])[1:-1], "/top"))
    if anew:
        recording.write_text(json.dumps(recorded, sort_keys=True, separators=(",", ":")).replace('},"', '},\n"') + "\n")
    return {name: recorded[key] for name, key in keys.items()}


def _key(case: Case) -> str:
    hasher = hashlib.sha256(msgspec.json.encode(_in_order(case, "dvc"), order="deterministic"))
    for path in (Path(PROGRAM), DVC_LOCK):
        hasher.update(path.read_bytes())
    return hasher.hexdigest()[:32]


def _environment(home: Path) -> dict[str, str]:
    """Return an environment without the machine's settings: a module's fixtures run before a test's own isolation."""
    home.mkdir()
    foreign = ("SIGLUM_", "MLFLOW_", "DVC_", "GIT_", "XDG_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    dvc = {f"DVC_{name}_DIR": str(home / name) for name in ("SITE_CACHE", "GLOBAL_CONFIG", "SYSTEM_CONFIG")}
    return kept | dvc | {"HOME": str(home), "DVC_NO_ANALYTICS": "1", "NO_COLOR": "1", "LC_ALL": "C.UTF-8"}


def _in_order(case: Case, tool: str) -> dict[str, Any]:
    """Return the case as data, in which Siglum runs one stage after the other, as DVC does."""
    steps = [
        {
            "write": step.write,
            "run": [[*line, "-j", "1"] if line[0] == "repro" and tool == "siglum" else line for line in step.run],
        }
        for step in case.steps
    ]
    return {"files": case.files, "config": case.config, "steps": steps}


def comparable(steps: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return what both tools have to agree on after each step: success, what ran in which order, state and files.

    After a failure, DVC takes back the lines that it added to .gitignore; from then on that is left out.
    """
    failed = False
    found = []
    for step in steps:
        failed = failed or any(each["failed"] for each in step["commands"])
        found.append(_comparable(step, with_gitignore=not failed))
    return found


def _comparable(step: Mapping[str, Any], *, with_gitignore: bool) -> dict[str, Any]:
    return {
        "commands": [
            {
                "line": [word for word in each["line"] if word not in ("-j", "1")],
                "failed": each["failed"],
                "ran": each["ran"],
                "status": json.loads(each["out"].replace(step["top"], ""))
                if each["line"][:2] == STATUS and not each["failed"]
                else None,
            }
            for each in step["commands"]
        ],
        "files": {
            # DVC adds lines to .gitignore in an order that it does not fix.
            path: sorted(text.splitlines()) if path.endswith(".gitignore") else text
            for path, text in step["files"].items()
            if not path.startswith(CACHE) and (with_gitignore or not path.endswith(".gitignore"))
        },
    }


def assert_cached(ours: Mapping[str, str], theirs: Mapping[str, str]) -> None:
    """Assert that both caches hold the same. Siglum's has what a person or a failed command left in an output, too."""
    locks = "".join(text for path, text in ours.items() if path.endswith(("dvc.lock", ".dvc")))
    cached = {path: text for path, text in theirs.items() if path.startswith(CACHE)}
    assert {path: ours.get(path) for path in cached} == cached
    for path in set(ours) - set(theirs):
        assert not path.startswith(CACHE) or path.removeprefix(CACHE).replace("/", "") not in locks


def assert_plain_words(step: Mapping[str, Any]) -> None:
    """Assert that Siglum says in one line why a command failed, and nothing of its insides."""
    for each in step["commands"]:
        said = [line for line in each["err"].splitlines() if line.startswith(("error: ", '{"error":'))]
        assert len(said) == (1 if each["failed"] else 0), each["err"]
        assert "Traceback" not in each["err"]


def assert_same(case: Case, ours: list[dict[str, Any]], theirs: list[dict[str, Any]]) -> None:
    """Assert that both tools did the same in a case; or that they did not, where Siglum does better."""
    assert len(ours) == len(theirs) == len(case.steps)
    for step in ours:
        assert_plain_words(step)
    one, other = comparable(ours), comparable(theirs)
    if case.better:
        assert one != other
        return
    for number in range(len(one)):
        assert one[number] == other[number]
        assert_cached(ours[number]["files"], theirs[number]["files"])
