"""The characters that charts in a terminal are made of, and how wide text is there. Pure."""

from __future__ import annotations

import textwrap
import unicodedata
from collections.abc import Iterable, Iterator

import msgspec

from siglum.pipeline.results.plots.canvas import Span, Spans


class Alphabet(msgspec.Struct, frozen=True):
    """The characters of axes, bars and marks."""

    is_fine: bool
    marks: str
    side: str
    tick: str
    corner: str
    floor: str
    foot: str
    bar: str
    cut: str
    nothing: str

    def mark(self, number: int) -> str:
        """Return the mark of a line by its number."""
        return self.marks[number % len(self.marks)]


FINE = Alphabet(
    is_fine=True,
    marks="●○■□▲△◆◇abcdefghijklmnopqrstuvwxyz",
    side="│",
    tick="┤",
    corner="└",
    floor="─",
    foot="┬",
    bar="█",
    cut="…",
    nothing="·",
)
PLAIN = Alphabet(
    is_fine=False,
    marks="*o#x+@%&abcdefghijklmnpqrstuvwyz",
    side="|",
    tick="+",
    corner="+",
    floor="-",
    foot="+",
    bar="=",
    cut=".",
    nothing=".",
)


def columns(text: str) -> int:
    """Return how many columns of a terminal a text takes."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(character) else 2 if unicodedata.east_asian_width(character) in "WF" else 1
        for character in text
    )


def cut(text: str, width: int, end: str = "…") -> str:
    """Return text that takes no more than `width` columns, and in which nothing moves the cursor or changes colours."""
    shown = "".join(character if character.isprintable() else "\ufffd" for character in text)
    if columns(shown) <= width:
        return shown
    kept = ""
    for character in shown:
        if columns(kept + character) > width - 1:
            break
        kept += character
    return kept + end


def padded(text: str, width: int, *, right: bool = False) -> str:
    """Return text with blanks that make it `width` columns wide."""
    blanks = " " * (width - columns(text))
    return blanks + text if right else text + blanks


def sentences(texts: Iterable[str], width: int) -> Iterator[Spans]:
    """Yield sentences as lines no wider than `width`."""
    for text in texts:
        for line in textwrap.wrap(text, width):
            yield (Span(cut(line, width)),)
