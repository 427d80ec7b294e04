"""What a shell needs to know of every command to complete its words: read off the commands themselves."""

from __future__ import annotations

import enum
import importlib
from collections.abc import Iterator

import click
import msgspec

from siglum.cli.commands import COMMANDS


class Kind(enum.StrEnum):
    """What a word can be."""

    FILE = "file"
    REMOTE = "remote"
    WORDS = "words"
    NOTHING = "nothing"


class OptionSpec(msgspec.Struct, frozen=True):
    """An option by its names; `kind` is that of its value, None for a flag."""

    names: tuple[str, ...]
    help: str
    kind: Kind | None = None
    words: tuple[str, ...] = ()


class CommandSpec(msgspec.Struct, frozen=True):
    """A command by its full name, "" for the root; a group has `commands`, others take words of one kind."""

    name: str
    help: str
    options: tuple[OptionSpec, ...]
    commands: tuple[str, ...] = ()
    kind: Kind = Kind.FILE
    words: tuple[str, ...] = ()


def command_specs(root: click.Command) -> list[CommandSpec]:
    """Return the root, every command of the table, and those of groups. Imports all of them."""
    found = [CommandSpec("", _one_line(root.help), _options(root), tuple(COMMANDS), Kind.NOTHING)]
    for name, entry in COMMANDS.items():
        command = getattr(importlib.import_module(entry.module), entry.attribute)
        found += _specs(name, command, entry.summary)
    return found


def _specs(name: str, command: click.Command, summary: str) -> Iterator[CommandSpec]:
    if isinstance(command, click.Group):
        yield CommandSpec(name, summary, _options(command), tuple(command.commands), Kind.NOTHING)
        for each, below in command.commands.items():
            yield from _specs(f"{name} {each}", below, _one_line(below.help))
        return
    kind, words = _argument(name, command)
    yield CommandSpec(name, summary, _options(command), kind=kind, words=words)


def _options(command: click.Command) -> tuple[OptionSpec, ...]:
    context = click.Context(command)
    return tuple(
        _option(option)
        for option in command.get_params(context)
        if isinstance(option, click.Option) and not option.hidden
    )


def _option(option: click.Option) -> OptionSpec:
    names = (*option.opts, *option.secondary_opts)
    text = _one_line(option.help)
    if option.is_flag or option.count:
        return OptionSpec(names, text)
    if isinstance(option.type, click.Choice):
        return OptionSpec(names, text, Kind.WORDS, tuple(map(str, option.type.choices)))
    if "--remote" in option.opts:
        return OptionSpec(names, text, Kind.REMOTE)
    takes_path = "PATH" in (option.metavar or "") or "FILE" in (option.metavar or "") or option.name == "folder"
    return OptionSpec(names, text, Kind.FILE if takes_path else Kind.NOTHING)


def _argument(name: str, command: click.Command) -> tuple[Kind, tuple[str, ...]]:
    arguments = [param for param in command.params if isinstance(param, click.Argument)]
    if not arguments:
        return Kind.NOTHING, ()
    first = arguments[0]
    if isinstance(first.type, click.Choice):
        return Kind.WORDS, tuple(map(str, first.type.choices))
    names_remote = name.startswith("remote ") and first.name == "name" and name != "remote add"
    return (Kind.REMOTE if names_remote else Kind.FILE), ()


def _one_line(text: str | None) -> str:
    """Return the first sentence of a help text, on one line."""
    return " ".join((text or "").split("\n\n")[0].split()).rstrip(".")
