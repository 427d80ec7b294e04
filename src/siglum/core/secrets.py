"""Secrets in texts that are kept: passwords, tokens and keys are known by their form, and masked. Pure.

What is masked follows the forms that services give their tokens, and the names that people give to passwords. A word
that merely looks like one (`eos_token = "</s>"`, `max_tokens=512`) is left, since a masked text is not the whole one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from siglum.core.secret_forms import BEHIND, FORMS, MAYBE, SURE, Form, Text

MARK = "<masked>"
"""Stands in the place of each secret."""

_MARK = MARK.encode()
_OPTION = re.compile(rb"(?i)(?:.*[^a-z])?((?P<sure>" + SURE + rb")|" + MAYBE + rb")" + BEHIND + rb"\Z", re.DOTALL)
_DIGIT = re.compile(rb"\d")


class Masked(msgspec.Struct, frozen=True):
    """A text in which `count` secrets are masked."""

    text: bytes
    count: int


def mask(text: bytes) -> Masked:
    """Return a text with `MARK` in the place of each secret. Takes some 10 ms for each MB."""
    count, searched = 0, Text(text)
    for form in FORMS:
        found = _found(form, searched)
        if found:
            searched, count = Text(_replaced(searched.content, found)), count + len(found)
    return Masked(searched.content, count)


def _found(form: Form, text: Text) -> list[tuple[int, int]]:
    """Return where secrets of a form are, from and to; none overlaps another's match."""
    places = sorted(set(form.places(text)))
    if not places:
        return []
    found, behind, pattern = [], 0, form.pattern
    for start in places:
        match = pattern.match(text.content, start) if start >= behind else None
        if match is not None:
            behind = match.end()
            if _is_one(match):
                found.append(match.span("value" if "value" in pattern.groupindex else 0))
    return found


def _is_one(match: re.Match[bytes]) -> bool:
    groups = match.groupdict()
    if groups.get("maybe") is not None:
        return _looks_like_one(groups["value"])
    return groups.get("value") != _MARK


def _replaced(text: bytes, found: list[tuple[int, int]]) -> bytes:
    pieces, at = [], 0
    for start, end in found:
        pieces += [text[at:start], _MARK]
        at = end
    return b"".join([*pieces, text[at:]])


def mask_text(text: str) -> str:
    """Return a text without its secrets."""
    return mask(text.encode("utf-8", "surrogateescape")).text.decode("utf-8", "surrogateescape")


def mask_arguments(arguments: Sequence[str]) -> tuple[str, ...]:
    """Return a command's arguments without secrets: also the value behind `--password`, `--api-key=` and the like."""
    found: list[str] = []
    name: str | None = None
    for argument in arguments:
        before, equals, value = argument.partition("=")
        if name is not None and not argument.startswith("-") and _is_secret(name, argument):
            found.append(MARK)
        elif equals and _is_secret(before, value):
            found.append(f"{before}={MARK}")
        else:
            found.append(mask_text(argument))
        name = argument if argument.startswith("-") and not equals else None
    return tuple(found)


def _is_secret(name: str, value: str) -> bool:
    match = _OPTION.match(name.encode("utf-8", "surrogateescape")[-200:])
    if match is None or not value or value[0] in "$<{":
        return False
    return match["sure"] is not None or _looks_like_one(value.encode("utf-8", "surrogateescape"))


def _looks_like_one(value: bytes) -> bool:
    """Whether a value may be a token: long, with a digit, and no number, path or sentence."""
    if len(value) < 12 or not _DIGIT.search(value) or not re.fullmatch(rb"[\w+/=.~:-]+", value):
        return False
    return not value.isdigit() and not value.startswith((b"/", b"./", b"http"))
