"""The root command: statuses, shapes of errors, near names, and the options that every command has."""

from __future__ import annotations

import importlib
import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from siglum import __version__
from siglum.cli import app
from siglum.cli.command import SiglumCommand
from siglum.cli.commands import COMMANDS
from siglum.core import errors


def all_commands() -> Iterator[tuple[str, click.Command]]:
    """Yield every command with its full name, those of groups included."""
    for name, entry in COMMANDS.items():
        found = getattr(importlib.import_module(entry.module), entry.attribute)
        if isinstance(found, click.Group):
            for sub_name, sub_command in found.commands.items():
                yield f"{name} {sub_name}", sub_command
        else:
            yield name, found


EVERY_COMMAND = pytest.mark.parametrize("command", [pytest.param(found, id=name) for name, found in all_commands()])


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert app.run(["--version"]) == 0
    assert capsys.readouterr().out == f"siglum {__version__}\n"


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert app.run(["--help"]) == 0
    listed = capsys.readouterr().out
    assert all(f"  {name} " in listed for name in COMMANDS)


@EVERY_COMMAND
def test_every_command_has_json_and_quiet(command: click.Command) -> None:
    options = {option for parameter in command.params for option in parameter.opts}
    assert isinstance(command, SiglumCommand)
    assert {"--json", "--quiet", "-q"} <= options


@EVERY_COMMAND
def test_every_command_and_option_is_described(command: click.Command) -> None:
    assert command.help
    undescribed = [p.name for p in command.params if isinstance(p, click.Option) and not p.help]
    assert undescribed == []


def test_no_two_commands_share_an_option_with_different_letters() -> None:
    """`-q` is always `--quiet`, `-r` always `--remote` and so on, as far as DVC's own flags allow."""
    for _, command in all_commands():
        letters = [o for p in command.params for o in p.opts if len(o) == 2]
        assert len(letters) == len(set(letters)), command.name


def test_a_mistyped_command_gets_near_names(capsys: pytest.CaptureFixture[str]) -> None:
    assert app.run(["psuh"]) == 2
    assert "Did you mean 'push'" in capsys.readouterr().err


def test_wrong_use_is_one_line_and_status_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert app.run(["add", "--no-such-flag"]) == 2
    printed = capsys.readouterr().err
    assert printed.startswith("error: ")
    assert printed.count("\n") == 1
    assert "--no-such-flag" in printed


@pytest.mark.parametrize("name", [name for name, entry in COMMANDS.items() if entry.attribute in ("runs", "models")])
def test_a_group_alone_says_what_it_has(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert app.run([name]) == 2
    printed = capsys.readouterr()
    assert printed.err.startswith(f"error: 'siglum {name}' needs a command. Use one of ")
    assert "list, " in printed.err
    assert " show" in printed.err
    assert printed.err.count("\n") == 1
    assert printed.out == ""


def test_a_folder_that_was_removed_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    for command in (["status"], ["runs", "list"], ["init"]):
        assert app.run(command) == 1
        assert capsys.readouterr().err == (
            "error: The current folder does not exist any more. Change to another one.\n"
        )


def test_json_errors_have_one_shape(capsys: pytest.CaptureFixture[str]) -> None:
    assert app.run(["trace", "--json"]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert set(json.loads(printed.err)["error"]) == {"code", "message", "hint"}


def error_classes(of: type[errors.SiglumError] = errors.SiglumError) -> Iterator[type[errors.SiglumError]]:
    yield of
    for below in of.__subclasses__():
        yield from error_classes(below)


def test_every_error_class_says_how_it_ends() -> None:
    # One that is below a port's own classes ends as its parent does, whose code it has.
    drawn = [found for found in error_classes() if "code" in vars(found)]
    assert len({found.code for found in drawn}) == len(drawn)
    for found in drawn:
        assert found.exit_status in (1, 2)
        assert 400 <= found.http_status < 600
        assert found.__name__ in (errors.__doc__ or ""), f"{found.__name__} is missing in the drawn tree"


@pytest.mark.parametrize(
    ("raised", "status", "said"),
    [
        (errors.NotFoundError("No run 'x'.", hint="See 'siglum runs list'."), 1, "No run 'x'. See 'siglum runs list'."),
        (errors.UsageError("Two targets."), 2, "Two targets."),
        (OSError(28, "No space left on device", "/data/x"), 1, "/data/x: No space left on device. Free some space"),
        (OSError(13, "Permission denied", "/data/x"), 1, "/data/x: Permission denied. Check who owns it"),
        (KeyboardInterrupt(), 130, "Interrupted."),
    ],
)
def test_how_errors_end(
    raised: BaseException,
    status: int,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail() -> None:
        raise raised

    monkeypatch.setattr(app.root, "main", lambda *_args, **_options: fail())
    assert app.run(["status"]) == status
    printed = capsys.readouterr()
    assert said in printed.err
    assert printed.err.count("\n") == 1
    assert printed.out == ""


def test_a_bug_shows_a_traceback_and_how_to_report_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_arguments: object, **_options: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(app.root, "main", fail)
    assert app.run(["status"]) == 1
    printed = capsys.readouterr().err
    assert "Traceback" in printed
    assert "Please report it" in printed


@pytest.mark.parametrize("terminal", [False, True])
def test_ctrl_c_is_one_clean_line(terminal: bool) -> None:
    """Nothing but the line, and on a terminal in the place of the `^C` that it shows itself."""
    code = (
        "import os, signal, sys\n"
        "from siglum.cli import app, commands\n"
        "import click\n"
        "class Waiting(click.Command):\n"
        "    def invoke(self, ctx):\n"
        "        os.kill(os.getpid(), signal.SIGINT)\n"
        "        signal.pause()\n"
        "app.root.get_command = lambda *_: Waiting('status')\n"
        "sys.exit(app.run(['status']))\n"
    )
    reader, writer = pty.openpty() if terminal else os.pipe()
    done = subprocess.run([sys.executable, "-c", code], stderr=writer, check=False)
    os.close(writer)
    printed = os.read(reader, 1000)
    os.close(reader)
    assert done.returncode == 130
    assert printed == (b"\r\x1b[KInterrupted.\r\n" if terminal else b"Interrupted.\n")
