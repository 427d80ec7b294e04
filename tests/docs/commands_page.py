"""Writes docs/reference/commands.md from the commands themselves: `python -m tests.docs.commands_page`."""

from __future__ import annotations

import importlib
from pathlib import Path

import click

from siglum.cli.commands import COMMANDS

PAGE = Path(__file__).parent.parent.parent / "docs/reference/commands.md"
_INTRODUCTION = (
    "Every command takes `--json` (the result as one line of JSON), `-q/--quiet` (errors only), `-v/--verbose` (also "
    "where in the code an error came from) and `--help`. `siglum --cd PATH …` runs one as if started in PATH. "
    "Exit statuses: 0 fine, 1 failed (said in one line on standard error), 2 wrong use, 130 interrupted."
)
COMMON = ("json", "quiet", "_verbose", "help")


def render() -> str:
    """Return the page: every command with its arguments and options, by section."""
    parts = [
        "# Commands",
        _INTRODUCTION,
    ]
    for section in dict.fromkeys(entry.section for entry in COMMANDS.values()):
        parts.append(f"## {section}")
        for name, entry in COMMANDS.items():
            if entry.section == section:
                found = getattr(importlib.import_module(entry.module), entry.attribute)
                parts += _command(name, found)
    return "\n\n".join(parts) + "\n"


def _command(name: str, found: click.Command) -> list[str]:
    if isinstance(found, click.Group):
        parts = [f"### siglum {name}", _prose(found.help)]
        for sub_name, sub_command in found.commands.items():
            parts += _command(f"{name} {sub_name}", sub_command)
        return parts
    context = click.Context(found, info_name=f"siglum {name}")
    usage = " ".join(found.collect_usage_pieces(context))
    rows = [
        f"| `{'`, `'.join([*parameter.opts, *parameter.secondary_opts])}"
        f"{' ' + parameter.make_metavar(context) if not parameter.is_flag else ''}` | {parameter.help} |"
        for parameter in found.params
        if isinstance(parameter, click.Option) and parameter.name not in COMMON
    ]
    table = ["\n".join(["| option | meaning |", "| --- | --- |", *rows])] if rows else []
    return [f"### siglum {name}", f"`siglum {name} {usage}`", _prose(found.help), *table]


def _prose(text: str | None) -> str:
    return "\n\n".join(" ".join(part.split()) for part in (text or "").replace("\b", "").split("\n\n"))


if __name__ == "__main__":
    PAGE.write_text(render())
