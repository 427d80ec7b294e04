"""Options that take several of the words after them, as DVC has them: `--targets a b`, `--remote-config x=1 y=2`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import click

from siglum.cli.command import SiglumCommand
from siglum.core.errors import UsageError

PAIRS = "NAME=VALUE ..."
_PAIR = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=")


class ManyValuesCommand(SiglumCommand):
    """A command whose `multiple` options take any number of words each: `--targets a b` is `--targets a --targets b`.

    They end at the next option, those with the metavar PAIRS also at a word that is no pair. Words after `--` are
    arguments, as ever.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Give each word the name of its option, then parse as usual."""
        takes_pairs = {
            name: parameter.metavar == PAIRS
            for parameter in self.params
            if isinstance(parameter, click.Option) and parameter.multiple
            for name in parameter.opts
        }
        return super().parse_args(ctx, _spread(args, takes_pairs))


def _spread(args: Sequence[str], takes_pairs: Mapping[str, bool]) -> list[str]:
    spread: list[str] = []
    current: str | None = None
    for position, word in enumerate(args):
        if word == "--":
            return [*spread, *args[position:]]
        if word in takes_pairs:
            current = word
            continue
        is_option = word.startswith("-") and len(word) > 1
        if current is not None and (is_option or (takes_pairs[current] and not _PAIR.match(word))):
            current = None
        spread += [word] if current is None else [current, word]
    return spread


def pairs(option: str, words: Sequence[str]) -> dict[str, str] | None:
    """Return `name=value` words as a mapping, None when there are none. Raises UsageError for another word."""
    found: dict[str, str] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not name:
            # The word itself is not shown: it may be a password.
            raise UsageError(f"{option} takes words of the form name=value.")
        found[name] = value
    return found or None
