"""The root command: finds commands lazily, suggests near names, and maps errors to exit statuses (only here).

0 fine; 1 failed, said in one line; 2 wrong use; 130 interrupted.
"""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from collections.abc import Sequence

import click

from siglum.cli.command import QUIET, VERBOSE
from siglum.cli.commands import COMMANDS, HIDDEN
from siglum.cli.console import Console
from siglum.core.errors import SiglumError, UsageError
from siglum.core.failures import from_os_error
from siglum.core.notices import listening
from siglum.core.text import did_you_mean

EXIT_INTERRUPTED = 130
EXIT_FAILED = 1
_CLEAR = "\r\033[K"


class _InterruptedError(Exception):
    """Ctrl-C during a command. Raised in place of KeyboardInterrupt, for which click prints an empty line."""


class RootGroup(click.Group):
    """The commands of `cli.commands`, imported when they are called."""

    def invoke(self, ctx: click.Context) -> object:
        """Run the command that was named."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise _InterruptedError from None

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return all command names in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the module of one command."""
        entry = COMMANDS.get(cmd_name) or HIDDEN.get(cmd_name)
        if entry is None:
            return None
        found = getattr(importlib.import_module(entry.module), entry.attribute)
        assert isinstance(found, click.Command)
        return found

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, or say which names are near."""
        if args and args[0] not in COMMANDS and args[0] not in HIDDEN:
            hint = did_you_mean(args[0], COMMANDS) or "See 'siglum --help' for all commands."
            raise UsageError(f"There is no command {args[0]!r}.", hint=hint)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the table's lines by section, without importing a command."""
        for section in dict.fromkeys(entry.section for entry in COMMANDS.values()):
            with formatter.section(section):
                rows = [(name, entry.summary) for name, entry in COMMANDS.items() if entry.section == section]
                formatter.write_dl(rows)


@click.command(cls=RootGroup, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--cd", "folder", metavar="PATH", type=click.Path(), help="Run as if started in PATH.")
@click.option("-V", "--version", is_flag=True, help="Print the version.")
@click.option("-q", "--quiet", is_flag=True, help="Print errors only; the same as after the command's name.")
@click.option("-v", "--verbose", count=True, help="Print where in the code an error came from, too.")
@click.option("--wait-for-lock", is_flag=True, help="Wait for others who use the repository, as Siglum always does.")
@click.pass_context
def root(
    context: click.Context, folder: str | None, version: bool, quiet: bool, verbose: int, wait_for_lock: bool
) -> None:
    """Model versioning: every model version with exactly the code, data and parameters that made it."""
    if version:
        from siglum import __version__

        print(f"siglum {__version__}")  # noqa: T201
        raise click.exceptions.Exit(0)
    if folder is not None:
        os.chdir(folder)
    del wait_for_lock  # DVC needs to be told
    context.meta.update({QUIET: quiet, VERBOSE: verbose})
    if context.invoked_subcommand is None:
        print(context.get_help())  # noqa: T201


def run(args: Sequence[str]) -> int:
    """Run one command line and return its exit status. Prints at most one line of error."""
    console = Console(json="--json" in args)
    try:
        with listening(console.notice):
            status = root.main(list(args), prog_name="siglum", standalone_mode=False)
    except SiglumError as error:
        console.error(error)
        return error.exit_status
    except click.exceptions.NoArgsIsHelpError as error:
        console.error(_needs_a_command(error.ctx))
        return UsageError.exit_status
    except click.ClickException as error:
        console.error(UsageError(error.format_message(), hint=_usage_hint(error)))
        return UsageError.exit_status
    except (_InterruptedError, KeyboardInterrupt, click.Abort):
        # A terminal has shown ^C, and maybe how far the work was: this goes in their place.
        print(f"{_CLEAR if sys.stderr.isatty() else ''}Interrupted.", file=sys.stderr)  # noqa: T201
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # The reader went away (`siglum … | head`); give the interpreter nothing left to flush.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_FAILED
    except OSError as error:
        console.error(from_os_error(error))
        return EXIT_FAILED
    except Exception:  # noqa: BLE001  -- the last resort: a bug, shown whole so that it can be reported
        traceback.print_exc()
        print(  # noqa: T201
            "This is a bug in Siglum. Please report it with the lines above and the command you ran.",
            file=sys.stderr,
        )
        return EXIT_FAILED
    return status if isinstance(status, int) else 0


def _needs_a_command(context: click.Context) -> UsageError:
    names = context.command.list_commands(context) if isinstance(context.command, click.Group) else []
    return UsageError(
        f"'{context.command_path}' needs a command.",
        hint=f"Use one of {', '.join(names)}; see '{context.command_path} --help'.",
    )


def _usage_hint(error: click.ClickException) -> str | None:
    context = error.ctx if isinstance(error, click.UsageError) else None
    return f"See '{context.command_path} --help'." if context is not None else None
