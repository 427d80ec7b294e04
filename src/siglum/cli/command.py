"""How commands are declared: the options that every command has, and those that several share."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import Any, TypeVar

import click

from siglum.cli.console import Console
from siglum.core.errors import SiglumError

F = TypeVar("F", bound=Callable[..., Any])


QUIET, VERBOSE = "siglum.quiet", "siglum.verbose"
"""Where a context's `meta` keeps what was said before the command's name: `siglum -q status`."""


class SiglumCommand(click.Command):
    """A command with `--json`, `--quiet` and `--verbose`, whose callback gets a `Console` as its first argument."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params.append(click.Option(["--json"], is_flag=True, help="Print the result as one line of JSON."))
        self.params.append(click.Option(["-q", "--quiet"], is_flag=True, help="Print errors only."))
        if not any("-v" in each.opts for each in self.params):
            text = "Print where in the code an error came from, too."
            self.params.append(click.Option(["-v", "--verbose", "_verbose"], count=True, help=text))

    def invoke(self, ctx: click.Context) -> Any:
        """Take the common options out of the parameters and call back with a console."""
        quiet = ctx.params.pop("quiet") or ctx.meta.get(QUIET, False)
        verbose = ctx.params.pop("_verbose", 0) or ctx.meta.get(VERBOSE, 0)
        console = Console(json=ctx.params.pop("json"), quiet=quiet)
        ctx.find_root().obj = console  # so that `cli.app` prints an error in the shape that was asked for
        if self.callback is None:
            return None
        try:
            return ctx.invoke(self.callback, console, **ctx.params)
        except SiglumError:
            if verbose:
                traceback.print_exc()
            raise


class SiglumGroup(click.Group):
    """A group whose commands are SiglumCommands; a mistyped one gets near names."""

    command_class = SiglumCommand
    group_class = type  # sub-groups are of the same class

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        same = "the same as after the command's name."
        self.params.append(click.Option(["-q", "--quiet"], is_flag=True, help=f"Print errors only; {same}"))
        text = f"Print where in the code an error came from; {same}"
        self.params.append(click.Option(["-v", "--verbose", "_verbose"], count=True, help=text))

    def invoke(self, ctx: click.Context) -> Any:
        """Keep what was said before the command's name for the command."""
        ctx.meta[QUIET] = ctx.params.pop("quiet") or ctx.meta.get(QUIET, False)
        ctx.meta[VERBOSE] = ctx.params.pop("_verbose") or ctx.meta.get(VERBOSE, 0)
        return super().invoke(ctx)


def command(
    name: str | None = None, cls: type[SiglumCommand] = SiglumCommand, **attributes: Any
) -> Callable[[Callable[..., Any]], SiglumCommand]:
    """Declare a top-level command; the function's docstring is its help."""

    def declare(function: Callable[..., Any]) -> SiglumCommand:
        made = click.command(name, cls=cls, **attributes)(function)
        assert isinstance(made, SiglumCommand)
        return made

    return declare


def group(name: str | None = None, **attributes: Any) -> Callable[[Callable[..., Any]], SiglumGroup]:
    """Declare a top-level group of commands; declare its commands with `@the_group.command("name")`."""

    def declare(function: Callable[..., Any]) -> SiglumGroup:
        made = click.group(name, cls=SiglumGroup, **attributes)(function)
        assert isinstance(made, SiglumGroup)
        return made

    return declare


def tracking_option(function: F) -> F:
    """Add `--tracking-uri`, passed as `tracking_uri`: None means the environment, else the embedded store."""
    return click.option(
        "--tracking-uri",
        metavar="URI",
        help="A server's URL or a database URI (sqlite:///path, postgresql://user@host/name). "
        "Default: SIGLUM_TRACKING_URI, MLFLOW_TRACKING_URI, else the project's embedded store.",
    )(function)
