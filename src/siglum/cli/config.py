"""`siglum config`: read and change settings."""

from __future__ import annotations

import os

import click

from siglum.cli.command import command
from siglum.cli.console import Console
from siglum.cli.levels import chosen_level, level_options, settings
from siglum.core.errors import UsageError


@command("config")
@click.argument("name", required=False)
@click.argument("value", required=False)
@click.option("-u", "--unset", is_flag=True, help="Remove the setting.")
@click.option("-l", "--list", "show_all", is_flag=True, help="Show all settings.")
@click.option("--show-origin", is_flag=True, help="Show the file that each setting is from.")
@level_options
def config(
    console: Console, name: str | None, value: str | None, unset: bool, show_all: bool, show_origin: bool
) -> None:
    """Show the setting NAME, or set it to VALUE.

    NAME is section.option, as core.remote, or remote.NAME.option. Without a level, reading looks at all of them and
    writing changes the repository's.
    """
    if show_all:
        if name is not None or unset:
            raise UsageError("--list takes no NAME and no --unset.")
        _show_all(console, show_origin)
        return
    if name is None:
        raise UsageError("Give the NAME of a setting, or --list.")
    if value is not None and unset:
        raise UsageError("VALUE and --unset exclude each other.")
    if (value is not None or unset) and show_origin:
        raise UsageError("--show-origin is for reading.")
    if value is None and not unset:
        _show_one(console, name, show_origin)
        return
    from siglum.workspace.settings import set_option, unset_option

    edit = unset_option(settings(), name) if value is None else set_option(settings(), name, value)
    shown = None if value is None else _masked(name, value)
    console.result({"name": name, "value": shown, "file": edit.path, "changed": edit.changed})


def _show_all(console: Console, show_origin: bool) -> None:
    """List settings. A secret is masked: whoever needs it asks for it by its name."""
    found = settings().load(only=chosen_level()).items()
    items = [(name, _masked(name, value), file) for name, value, file in found]
    console.result([{"name": name, "value": value, "file": file} for name, value, file in items])
    for name, value, file in items:
        console.say(_line(f"{name}={value}", file, show_origin))


def _show_one(console: Console, name: str, show_origin: bool) -> None:
    from siglum.workspace.config import join_name, split_name
    from siglum.workspace.settings import check_readable

    check_readable(name)
    wanted = join_name(*split_name(name))
    items = settings().load(only=chosen_level()).items()
    found = next(((value, file) for each, value, file in items if each == wanted), None)
    console.result({"name": wanted, "value": found[0] if found else None, "file": found[1] if found else None})
    if found is not None:
        console.say(_line(found[0], found[1], show_origin))


def _masked(name: str, value: str) -> str:
    from siglum.workspace.credentials import shown_value

    parts = name.lower().split(".")
    return shown_value(parts[0], parts[-1], value)


def _line(text: str, file: str, show_origin: bool) -> str:
    return f"{os.path.relpath(file)}\t{text}" if show_origin else text
