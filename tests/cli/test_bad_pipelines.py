"""Pipelines that cannot be: each is told in one line that names file and line, and nothing is lost or half done."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.cli.test_data_safety import Shell, shell

__all__ = ["shell"]  # the fixture

LONGEST = "n" * 255
DAMAGED = "Restore dvc.lock from Git, or delete it and run 'siglum repro'."

# Of each: the files, then what is said of them.
REFUSED: dict[str, tuple[dict[str, str | bytes], str]] = {
    "circle": (
        {"dvc.yaml": "stages:\n  a: {cmd: x, deps: [c], outs: [a]}\n  b: {cmd: x, deps: [a], outs: [b]}\n"
         "  c: {cmd: x, deps: [b], outs: [c]}\n"},
        "dvc.yaml:3: The stages need each other in a circle: 'b' -> 'c' -> 'a' -> 'b'.",
    ),
    "circle through two files": (
        {"dvc.yaml": "stages:\n  a: {cmd: x, deps: [d/b], outs: [a]}\n",
         "d/dvc.yaml": "stages:\n  b: {cmd: x, deps: [../a], outs: [b]}\n"},
        "d/dvc.yaml:2: The stages need each other in a circle: 'd/dvc.yaml:b' -> 'a' -> 'd/dvc.yaml:b'.",
    ),
    "output twice": (
        {"dvc.yaml": "stages:\n  a: {cmd: x, outs: [o]}\n  b: {cmd: x, outs: [o]}\n"},
        "dvc.yaml:2 and dvc.yaml:3: The output 'o' is claimed by two stages: 'a' and 'b'.",
    ),
    "output of data": (
        {"dvc.yaml": "stages:\n  a: {cmd: x, outs: [o]}\n", "o.dvc": "outs:\n- path: o\n"},
        "dvc.yaml:2 and o.dvc: The output 'o' is claimed by two stages: 'a' and 'o.dvc'.",
    ),
    "output inside another": (
        {"dvc.yaml": "stages:\n  a: {cmd: x, outs: [d]}\n  b: {cmd: x, outs: [d/o]}\n"},
        "dvc.yaml:2 and dvc.yaml:3: The output 'd/o' of 'b' lies inside the output 'd' of 'a'.",
    ),
    "file inside an output": (
        {"dvc.yaml": "stages:\n  a: {cmd: x, outs: [d]}\n", "d/dvc.yaml": "stages: {b: {cmd: x}}\n"},
        "dvc.yaml:2: 'd/dvc.yaml' lies inside the output 'd' of 'a'.",
    ),
    "missing dependency": (
        {"dvc.yaml": "stages:\n  a:\n    cmd: x\n    deps: [none]\n"},
        "dvc.yaml:2: Stage 'a' needs 'none', which does not exist.",
    ),
    "missing value": (
        {"dvc.yaml": "stages:\n  a:\n    cmd: x\n    deps: ['${size}']\n", "params.yaml": "sise: 1\n"},
        "dvc.yaml:4:12: stages.a.deps[0]: '${size}' is not defined: there is no 'size'. Did you mean 'sise'?",
    ),
    "missing parameter": (
        {"dvc.yaml": "stages:\n  a: {cmd: x, params: [lr]}\n", "params.yaml": "rate: 1\n"},
        "dvc.yaml:2: Stage 'a' needs the parameter 'lr', which params.yaml does not have.",
    ),
    "no parameters file": (
        {"dvc.yaml": "stages:\n  a: {cmd: x, params: [p.toml: [lr]]}\n"},
        "dvc.yaml:2: Stage 'a' needs parameters of 'p.toml', which does not exist.",
    ),
    "parameters that are a list": (
        {"dvc.yaml": "stages:\n  a: {cmd: x, params: [lr]}\n", "params.yaml": "- lr\n"},
        "params.yaml:1: expected keys and values at the top, not a list",
    ),
    "damaged parameters": (
        {"dvc.yaml": "stages:\n  a: {cmd: x, params: [p.json: [lr]]}\n", "p.json": '{\n"lr": }\n'},
        "p.json:2:7: not JSON: Expecting value",
    ),
    "parameters that are a folder": (
        {"dvc.yaml": "stages:\n  a: {cmd: x, params: [p: [lr]]}\n", "p/x": ""},
        "p: is a folder, not a file",
    ),
    "a date": (
        {"dvc.yaml": "stages:\n  a: {cmd: x, params: [day]}\n", "params.yaml": "day: 2020-01-01\n"},
        "dvc.yaml:2: The parameter 'day' in params.yaml is a date, which cannot be recorded.",
    ),
    "failing command": (
        {"dvc.yaml": "stages:\n\n  a: {cmd: exit 7}\n"},
        "dvc.yaml:3: Stage 'a' failed: 'exit 7' ended with exit status 7.",
    ),
    "killed command": (
        {"dvc.yaml": "stages:\n\n  a: {cmd: kill -9 $$}\n"},
        "dvc.yaml:3: Stage 'a' failed: 'kill -9 $$' was killed by signal 9 (SIGKILL).",
    ),
    "command that is not there": (
        {"dvc.yaml": "stages:\n  a: {cmd: no-such-program 2>&1}\n"},
        "dvc.yaml:2: Stage 'a' failed: 'no-such-program 2>&1' ended with exit status 127.",
    ),
    "output that is not made": (
        {"dvc.yaml": "stages:\n  a: {cmd: 'true', outs: [o]}\n"},
        "dvc.yaml:2: Stage 'a' ended without having made its output 'o'.",
    ),
    "output that is a FIFO": (
        {"dvc.yaml": "stages:\n  a: {cmd: mkfifo o, outs: [o]}\n"},
        "dvc.yaml:2: ",
    ),
    "absolute output": (
        {"dvc.yaml": "stages:\n  a:\n    cmd: x\n    outs:\n    - /nowhere/o\n"},
        "dvc.yaml:4:5: stages.a.outs: the output '/nowhere/o' lies outside the repository.",
    ),
    "output outside": (
        {"dvc.yaml": "stages:\n  a: {cmd: x, outs: [../o]}\n"},
        "dvc.yaml:2:15: stages.a.outs: the output '../o' lies outside the repository.",
    ),
    "folder outside": (
        {"dvc.yaml": "stages:\n  a: {cmd: x, wdir: ..}\n"},
        "dvc.yaml:2:15: stages.a.wdir: '..' lies outside the repository",
    ),
    "Git's own": (
        {"dvc.yaml": "stages:\n  a: {cmd: x, outs: [.git/config]}\n"},
        "dvc.yaml:2:15: stages.a.outs: '.git/config' lies in what Git or this tool keep for themselves",
    ),
    "NUL in a command": (
        {"dvc.yaml": 'stages:\n  a: {cmd: "x\\0"}\n'},
        "dvc.yaml:2:7: stages.a.cmd: 'x\\x00' holds a NUL character",
    ),
    "name for a terminal": (
        {"dvc.yaml": 'stages:\n  "a\\e[31m\\nb": {cmd: exit 7}\n'},
        "dvc.yaml:2: Stage 'a\\x1b[31m b' failed: ",
    ),
    "name too long for a path": (
        {"dvc.yaml": f"stages:\n  {LONGEST}n: {{cmd: 'true', outs: [{LONGEST}n]}}\n"},
        f"{LONGEST}n",
    ),
    "not YAML": ({"dvc.yaml": "stages:\n  a: [\n"}, "dvc.yaml:3:1: "),
    "stage twice": ({"dvc.yaml": "stages:\n  a: {cmd: x}\n  a: {cmd: y}\n"}, "dvc.yaml:3:3: the key 'a' stands twice"),
    "not UTF-8": ({"dvc.yaml": b"stages:\n  \xff: {cmd: x}\n"}, "dvc.yaml:2:3: not UTF-8"),
    "folder": ({"dvc.yaml/x": ""}, "dvc.yaml: is a folder, not a file"),
    "lock file that is a folder": (
        {"dvc.yaml": "stages: {a: {cmd: x}}\n", "dvc.lock/x": ""},
        "dvc.lock: is a folder, not a file",
    ),
    "lock file cut off": (
        {"dvc.yaml": "stages: {a: {cmd: x}}\n", "dvc.lock": "schema: '2.0'\nstages:\n  a:\n    cm"},
        f"dvc.lock:3:3: stages.a: expected a stage's entry. {DAMAGED}",
    ),
    "lock file of bytes": ({"dvc.yaml": "stages: {a: {cmd: x}}\n", "dvc.lock": b"\x00\x01"}, "dvc.lock:1:1: "),
    "old lock file": (
        {"dvc.yaml": "stages: {a: {cmd: x}}\n", "dvc.lock": "a: {cmd: x}\n"},
        "dvc.lock:1:1: the lock file has no schema; '2.0' is known.",
    ),
    "number for a hash": (
        {"dvc.yaml": "stages: {a: {cmd: x}}\n",
         "dvc.lock": "schema: '2.0'\nstages:\n  a:\n    cmd: x\n    outs:\n    - path: o\n      md5: 0012\n"},
        f"dvc.lock:7:7: stages.a.outs[0].md5: a number is not what belongs here. {DAMAGED}",
    ),
}  # fmt: skip


def write(root: Path, files: Mapping[str, str | bytes]) -> None:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content if isinstance(content, bytes) else content.encode())


def contents(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file() and ".dvc" not in p.parts}


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused(shell: Shell, name: str) -> None:
    files, said = REFUSED[name]
    write(shell.root, files)
    before = contents(shell.root)
    shown = shell("repro", "--no-record", status=1)
    assert said in shown
    assert "Traceback" not in shown
    assert contents(shell.root) == before


@pytest.mark.parametrize("text", ["", "\n", "# only a remark\n", "---\n", "stages:\n", "{}"])
def test_nothing_in_it_is_nothing_to_do(shell: Shell, text: str) -> None:
    write(shell.root, {"dvc.yaml": text})
    for command in (["repro"], ["status"], ["dag"], ["stage", "list"]):
        shell(*command)
    assert shell.json("status") == {}


@pytest.mark.parametrize(
    "name", [LONGEST, "ü日本🎉", "two\nlines", "a b", "-x", "it's", '"', "*?[a]", "#c", "!x", "e\u0301"]
)
def test_odd_names_and_paths(shell: Shell, name: str) -> None:
    quoted = "".join(f"\\u{ord(c):04x}" if c < "0" else c for c in name)
    pipeline = f'stages:\n  "{quoted}": {{cmd: xargs -0 -a name cp in, deps: [in], outs: ["{quoted}"]}}\n'
    write(shell.root, {"in": "1", "name": f"./{name}", "dvc.yaml": pipeline})
    shell("repro")
    assert (shell.root / name).read_text() == "1"
    assert shell.json("status") == {}
    shell("repro")
    (shell.root / name).unlink()
    assert shell.json("status")[name] == [{"changed outs": {name: "deleted"}}]
    shell("checkout", "-q")
    assert (shell.root / name).read_text() == "1"
    assert f"?? {name}" not in shell.git("status", "--porcelain", "-z").split("\0")


def test_a_command_may_make_a_link(shell: Shell) -> None:
    pipeline = "stages:\n  a: {cmd: [ln -s in o, ln -s d p], outs: [o, p]}\n"
    write(shell.root, {"in": "1", "d/x": "2", "dvc.yaml": pipeline})
    shell("repro", "-q")
    assert shell.json("status") == {}
    assert (shell.root / "in").read_text() == "1"
    assert (shell.root / "d/x").read_text() == "2"


@pytest.mark.parametrize("command", ["repro -f", "status", "dag", "stage list", "push", "gc -w --dry-run"])
def test_every_command_says_where_a_lock_file_is_damaged(shell: Shell, command: str) -> None:
    damaged = "schema: '2.0'\nstages: 5\n"
    write(shell.root, {"dvc.yaml": "stages: {a: {cmd: x}}\n", "dvc.lock": damaged})
    assert "dvc.lock:2:1: stages: expected stages by name." in shell(*command.split(), status=1)
    assert (shell.root / "dvc.lock").read_text() == damaged
