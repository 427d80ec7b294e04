"""`siglum completion`: a script that completes command lines."""

from __future__ import annotations

import click

from siglum.cli.command import command
from siglum.cli.console import Console
from siglum.core.errors import UsageError

_SHELLS = click.Choice(["bash", "zsh", "fish"])


@command("completion")
@click.argument("shell", type=_SHELLS, required=False)
@click.option("-s", "--shell", "shell_option", type=_SHELLS, help="The shell; bash by default.")
def completion(console: Console, shell: str | None, shell_option: str | None) -> None:
    """Print a script that completes commands, options, files and remotes in a shell.

    Keep it where its first lines say. It knows the commands of this version: print it again after an upgrade.
    """
    from siglum.cli.app import root
    from siglum.cli.completion_scripts import SCRIPTS
    from siglum.cli.completion_spec import command_specs

    if shell is not None and shell_option not in (None, shell):
        raise UsageError(f"{shell} and --shell {shell_option} exclude each other.")
    name = shell or shell_option or "bash"
    script = SCRIPTS[name](command_specs(root))
    console.say(script.rstrip("\n"))
    console.result({"shell": name, "script": script})
