"""Completion: what the script for bash completes, in a real bash; and that all shells are told of all commands."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from tests.workspace.data_project import DataProject

from siglum.cli import app
from siglum.cli.app import root
from siglum.cli.commands import COMMANDS
from siglum.cli.completion_scripts import SCRIPTS
from siglum.cli.completion_spec import Kind, command_specs

SPECS = command_specs(root)


@pytest.fixture
def bash(tmp_path: Path) -> Path:
    """The script for bash; `siglum` in it is this one."""
    path = tmp_path / "siglum.bash"
    function = f'siglum() {{ {shlex.quote(sys.executable)} -m siglum.cli "$@"; }}\n'
    path.write_text(function + SCRIPTS["bash"](SPECS))
    return path


def completed(script: Path, *words: str, cwd: Path | None = None) -> list[str]:
    """Return what bash offers for the last of `words`."""
    line = " ".join(map(shlex.quote, words))
    code = f"source {shlex.quote(str(script))}; COMP_WORDS=(siglum {line}); COMP_CWORD={len(words)}; compopt() {{ "
    code += 'echo "compopt $*"; }; _siglum; printf "%s\\n" "${COMPREPLY[@]}"'
    done = subprocess.run(["bash", "-c", code], capture_output=True, text=True, check=True, cwd=cwd)
    assert done.stderr == ""
    return [line for line in done.stdout.splitlines() if line]


def test_commands_and_options(bash: Path) -> None:
    assert completed(bash, "") == list(COMMANDS)
    assert completed(bash, "che") == ["checkout", "check-ignore"]
    assert completed(bash, "remote", "re") == ["remove", "rename"]
    assert completed(bash, "remote", "add", "--gl") == ["--global"]
    assert "--no-commit" in completed(bash, "add", "--no")
    assert completed(bash, "add", "remote", "re") == ["compopt -o default"]
    assert completed(bash, "completion", "z") == ["zsh"]
    assert completed(bash, "completion", "--shell", "") == ["bash", "zsh", "fish"]
    assert completed(bash, "push", "-j", "") == []
    assert completed(bash, "--cd", "") == ["compopt -o default"]


def test_names_of_remotes(bash: Path, tmp_path: Path) -> None:
    """They come from the repository; what a name says is never run, whoever wrote it."""
    project = DataProject(tmp_path / "project")
    names = ["store", "storage", "$(touch pwned)", "two words"]
    sections = [f"['remote \"{name}\"']\n    url = /x\n" for name in names]
    project.write({".dvc/config": "".join(sections)})
    assert completed(bash, "push", "-r", "sto", cwd=project.root) == ["store", "storage"]
    everything = ["store", "storage", r"\$\(touch\ pwned\)", r"two\ words"]
    assert completed(bash, "remote", "remove", "", cwd=project.root) == everything
    assert completed(bash, "pull", "--remote", "", cwd=project.root) == everything
    assert not (project.root / "pwned").exists()
    assert completed(bash, "push", "-r", "", cwd=tmp_path) == []


@pytest.mark.parametrize("shell", SCRIPTS)
def test_every_command_and_option_is_known(shell: str) -> None:
    script = SCRIPTS[shell](SPECS)
    for spec in SPECS:
        assert spec.name in script
        for option in spec.options:
            for name in option.names:
                assert (name if shell != "fish" else f"'{name.lstrip('-')}'") in script, (spec.name, name)
    assert script.endswith("\n")


def test_what_takes_remotes() -> None:
    by_name = {spec.name: spec for spec in SPECS}
    assert {name for name, spec in by_name.items() if spec.kind is Kind.REMOTE} == {
        "remote default",
        "remote modify",
        "remote remove",
        "remote rename",
    }
    with_option = {spec.name for spec in SPECS if any(option.kind is Kind.REMOTE for option in spec.options)}
    assert with_option >= {"push", "pull", "fetch", "status", "gc", "add"}


def test_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, shell in (([], "bash"), (["zsh"], "zsh"), (["-s", "fish"], "fish")):
        assert app.run(["completion", *arguments]) == 0
        assert capsys.readouterr().out == SCRIPTS[shell](SPECS)
    assert app.run(["completion", "zsh", "-s", "bash"]) == 2
    assert app.run(["completion", "powershell"]) == 2
    assert capsys.readouterr().err.count("\n") == 2
