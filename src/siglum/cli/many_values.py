"""Options that take all the words after them, up to the next option, as `dvc diff --targets a b` has them."""

from __future__ import annotations

from collections.abc import Sequence

import click

from siglum.cli.command import SiglumCommand


class ManyValuesCommand(SiglumCommand):
    """A command whose `multiple` options take any number of words each: `--targets a b` is `--targets a --targets b`.

    Words after `--` are arguments, as ever.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Give each word the name of its option, then parse as usual."""
        names = {
            name
            for parameter in self.params
            if isinstance(parameter, click.Option) and parameter.multiple
            for name in parameter.opts
        }
        return super().parse_args(ctx, _spread(args, names))


def _spread(args: Sequence[str], names: set[str]) -> list[str]:
    spread: list[str] = []
    current: str | None = None
    for i, word in enumerate(args):
        if word == "--":
            return [*spread, *args[i:]]
        if word in names:
            current = word
        elif word.startswith("-") and len(word) > 1:
            current = None
            spread.append(word)
        else:
            spread += [word] if current is None else [current, word]
    return spread
