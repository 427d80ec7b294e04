"""`siglum remote`: the places that hold copies of the data."""

from __future__ import annotations

import os

import click

from siglum.cli.command import group
from siglum.cli.console import Console
from siglum.cli.levels import chosen_level, level_options, settings
from siglum.core.errors import NotFoundError, UsageError


@group("remote")
def remote() -> None:
    """Name the places that hold copies of data."""


@remote.command("add")
@click.argument("name")
@click.argument("url")
@click.option("-d", "--default", is_flag=True, help="Use it where no remote is named.")
@click.option("-f", "--force", is_flag=True, help="Replace a remote of this name.")
@level_options
def add(console: Console, name: str, url: str, default: bool, force: bool) -> None:
    """Give the place URL a name. A path that is relative here stays so, seen from the settings' file."""
    from siglum.workspace.settings import add_remote

    level = settings()
    edit = add_remote(level, name, url, default=default, force=force)
    console.result({"name": name.lower(), "default": default, "file": edit.path})
    console.say(f"Added the remote {name.lower()!r}{', the default' if default else ''}.")


@remote.command("default")
@click.argument("name", required=False)
@click.option("-u", "--unset", is_flag=True, help="Have no default.")
@level_options
def default(console: Console, name: str | None, unset: bool) -> None:
    """Show the default remote, or make NAME the default."""
    from siglum.workspace.settings import set_default

    if name is None and not unset:
        _show_default(console)
        return
    if name is not None and unset:
        raise UsageError("NAME and --unset exclude each other.")
    edit = set_default(settings(), name)
    console.result({"default": name.lower() if name else None, "file": edit.path})
    console.say(f"The default remote is {name.lower()!r}." if name else "There is no default remote now.")


@remote.command("list")
@click.option("--name", "names_only", is_flag=True, help="Print the names only.")
@level_options
def list_remotes(console: Console, names_only: bool) -> None:
    """List the remotes with their URLs; a password in one is masked."""
    from siglum.core.addresses import shown_url

    config = settings().load(only=chosen_level())
    default = config.get("core.remote")
    rows = [
        {"name": name, "url": shown_url(options.get("url", "")), "default": name == default}
        for name, options in config.remotes().items()
    ]
    console.result([row["name"] for row in rows] if names_only else rows)
    for row in rows:
        # DVC's lines, which scripts split at blanks.
        line = f"{row['name']}\t{row['url']}" + ("\t(default)" if row["default"] else "")
        console.say(str(row["name"]) if names_only else line.expandtabs().rstrip())
    if not rows and console.interactive:
        console.say("There are no remotes. Add one with 'siglum remote add -d NAME URL'.")


@remote.command("modify")
@click.argument("name")
@click.argument("option")
@click.argument("value", required=False)
@click.option("-u", "--unset", is_flag=True, help="Remove the option.")
@level_options
def modify(console: Console, name: str, option: str, value: str | None, unset: bool) -> None:
    """Set OPTION of the remote NAME to VALUE, or remove it."""
    from siglum.workspace.credentials import shown_value
    from siglum.workspace.settings import modify_remote

    if (value is None) is not unset:
        raise UsageError("Give a VALUE, or --unset without one.")
    edit = modify_remote(settings(), name, option, value)
    shown = None if value is None else shown_value("remote", option.lower(), value)
    console.result({"name": name.lower(), "option": option.lower(), "value": shown, "changed": edit.changed})
    console.say(f"{'Changed' if edit.changed else 'Nothing to change in'} {os.path.relpath(edit.path)}.")


@remote.command("remove")
@click.argument("name")
@level_options
def remove(console: Console, name: str) -> None:
    """Forget the remote NAME. The data that it holds stays."""
    from siglum.workspace.settings import remove_remote

    edit = remove_remote(settings(), name)
    console.result({"name": name.lower(), "file": edit.path})
    console.say(f"Removed the remote {name.lower()!r}; the data there stays.")


@remote.command("rename")
@click.argument("name")
@click.argument("new")
@level_options
def rename(console: Console, name: str, new: str) -> None:
    """Give the remote NAME the name NEW."""
    from siglum.workspace.settings import rename_remote

    edit = rename_remote(settings(), name, new)
    console.result({"name": new.lower(), "file": edit.path})
    console.say(f"The remote {name.lower()!r} is now {new.lower()!r}.")


def _show_default(console: Console) -> None:
    name = settings().load(only=chosen_level()).get("core.remote")
    if name is None:
        raise NotFoundError("There is no default remote.", hint="Set one with 'siglum remote default NAME'.")
    console.result({"default": name})
    console.say(name)
