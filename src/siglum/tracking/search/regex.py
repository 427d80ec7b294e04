r"""Regular expressions that are matched in linear time: no look-around, no references back, no lazy repetition.

    alternatives = sequence { "|" sequence }
    sequence     = { atom [ "*" | "+" | "?" | "{m}" | "{m,}" | "{m,n}" ] }
    atom         = character | "." | "^" | "$" | "(" alternatives ")" | "(?:" alternatives ")" | class | escape
    class        = "[" [ "^" ] { character | character "-" character | escape } "]"
    escape       = "\" ( d D w W s S n t r | "u" 4 hex digits | punctuation )

Classes are those of ASCII. An expression matches anywhere in a text unless `^` and `$` tie it to its ends; `.` is any
character. `canonical` writes one so that PostgreSQL reads the same; `automaton.matcher` matches it.
"""

from __future__ import annotations

import string
from typing import Final, TypeAlias

import msgspec

MAX_REPEAT: Final = 255
MAX_SIZE: Final = 400
"""Steps that an expression may have once its repetitions are written out."""
MAX_DEPTH: Final = 40

Span: TypeAlias = tuple[int, int]
"""First and last code point."""
LAST: Final = 0x10FFFF
_DIGITS: Final[tuple[Span, ...]] = ((48, 57),)
_WORD: Final[tuple[Span, ...]] = ((48, 57), (65, 90), (95, 95), (97, 122))
_SPACE: Final[tuple[Span, ...]] = ((9, 13), (32, 32))
_NAMED: Final = {"d": _DIGITS, "w": _WORD, "s": _SPACE}
_CONTROLS: Final = {"n": "\n", "t": "\t", "r": "\r"}
_PLAIN: Final = frozenset(string.ascii_letters + string.digits)


class RegexError(ValueError):
    """An expression that is none; `position` counts its characters from 0."""

    def __init__(self, problem: str, position: int) -> None:
        super().__init__(problem)
        self.problem = problem
        self.position = position


class Chars(msgspec.Struct, frozen=True):
    """One character out of these spans, which are sorted and do not touch."""

    spans: tuple[Span, ...]


class Edge(msgspec.Struct, frozen=True):
    """The beginning or the end of the text."""

    is_end: bool


class Sequence(msgspec.Struct, frozen=True):
    """These, one after another."""

    parts: tuple[Regex, ...]


class Either(msgspec.Struct, frozen=True):
    """One of these."""

    parts: tuple[Regex, ...]


class Repeat(msgspec.Struct, frozen=True):
    """This, from `least` to `most` times; without an end when `most` is None."""

    part: Regex
    least: int
    most: int | None


Regex: TypeAlias = Chars | Edge | Sequence | Either | Repeat


def parse_regex(text: str) -> Regex:
    """Return the tree of an expression. Raises RegexError that points at a character."""
    parser = _Parser(text)
    tree = parser.alternatives(0)
    if parser.position < len(text):
        raise RegexError("')' closes nothing", parser.position)
    if size(tree) > MAX_SIZE:
        raise RegexError(f"the expression has more than {MAX_SIZE} steps", 0)
    return tree


def size(tree: Regex) -> int:
    """Return how many steps an expression has once its repetitions are written out."""
    if isinstance(tree, Chars | Edge):
        return 1
    if isinstance(tree, Repeat):
        return 1 + size(tree.part) * max(1, tree.least, tree.most or 0)
    return 1 + sum(size(part) for part in tree.parts)


def canonical(tree: Regex) -> str:
    """Write a tree in the one way that both this parser and PostgreSQL's `~` read as it is meant."""
    if isinstance(tree, Chars):
        return _class(tree.spans)
    if isinstance(tree, Edge):
        return "$" if tree.is_end else "^"
    if isinstance(tree, Sequence):
        return "".join(map(canonical, tree.parts))
    if isinstance(tree, Either):
        return "(?:" + "|".join(map(canonical, tree.parts)) + ")"
    most = "" if tree.most is None else str(tree.most)
    return f"(?:{canonical(tree.part)}){{{tree.least},{most}}}"


def _class(spans: tuple[Span, ...]) -> str:
    if spans == ((0, LAST),):
        return "."
    inverse = spans[0][0] == 0 and spans[-1][1] == LAST
    shown = "".join(
        _one(first) if first == last else f"{_one(first)}-{_one(last)}"
        for first, last in (_complement(spans) if inverse else spans)
    )
    return f"[{'^' if inverse else ''}{shown}]"


def _one(code: int) -> str:
    character = chr(code)
    if character in _PLAIN:
        return character
    return f"\\u{code:04x}" if code <= 0xFFFF else character


def _complement(spans: tuple[Span, ...]) -> tuple[Span, ...]:
    found: list[Span] = []
    begin = 0
    for first, last in spans:
        if first > begin:
            found.append((begin, first - 1))
        begin = last + 1
    if begin <= LAST:
        found.append((begin, LAST))
    return tuple(found)


def _merged(spans: list[Span]) -> tuple[Span, ...]:
    found: list[Span] = []
    for first, last in sorted(spans):
        if found and first <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(found[-1][1], last))
        else:
            found.append((first, last))
    return tuple(found)


class _Parser:
    """One pass over one expression."""

    def __init__(self, text: str) -> None:
        self._text = text
        self.position = 0

    def _peek(self) -> str:
        return self._text[self.position : self.position + 1]

    def _take(self, wanted: str) -> bool:
        if self._text.startswith(wanted, self.position):
            self.position += len(wanted)
            return True
        return False

    def _next(self, what: str) -> str:
        character = self._peek()
        if not character:
            raise RegexError(f"{what} is not closed", self.position)
        if character == "\0":
            raise RegexError("no text holds the character NUL", self.position)
        self.position += 1
        return character

    def alternatives(self, depth: int) -> Regex:
        if depth > MAX_DEPTH:
            raise RegexError(f"more than {MAX_DEPTH} groups in one another", self.position)
        parts = [self._sequence(depth)]
        while self._take("|"):
            parts.append(self._sequence(depth))
        return parts[0] if len(parts) == 1 else Either(tuple(parts))

    def _sequence(self, depth: int) -> Regex:
        parts: list[Regex] = []
        while self._peek() not in ("", "|", ")"):
            parts.append(self._repeated(self._atom(depth)))
        return parts[0] if len(parts) == 1 else Sequence(tuple(parts))

    def _repeated(self, atom: Regex) -> Regex:
        start = self.position
        bounds = self._bounds()
        if bounds is None:
            return atom
        if isinstance(atom, Edge):
            raise RegexError("'^' and '$' cannot be repeated", start)
        if self._peek() in ("*", "+", "?", "{") and self._peek():
            raise RegexError("a repetition cannot be repeated, nor be lazy", self.position)
        return Repeat(atom, *bounds)

    def _bounds(self) -> tuple[int, int | None] | None:
        for sign, bounds in (("*", (0, None)), ("+", (1, None)), ("?", (0, 1))):
            if self._take(sign):
                return bounds
        start = self.position
        if not self._take("{"):
            return None
        least = self._number()
        most: int | None = least
        if self._take(","):
            most = self._number() if self._peek() != "}" else None
        if not self._take("}"):
            raise RegexError("'{' is not closed; write \\{ for the character", start)
        if most is not None and most < least:
            raise RegexError("the bounds of the repetition are the wrong way round", start)
        return least, most

    def _number(self) -> int:
        start = self.position
        while self._peek() and self._peek() in string.digits:
            self.position += 1
        digits = self._text[start : self.position]
        if not digits or len(digits) > 3 or int(digits) > MAX_REPEAT:
            raise RegexError(f"expected a number up to {MAX_REPEAT}", start)
        return int(digits)

    def _atom(self, depth: int) -> Regex:
        start = self.position
        character = self._next("the expression")
        match character:
            case "(":
                if self._peek() == "?" and not self._take("?:"):
                    raise RegexError("groups with '?' other than (?:…) are not supported", start)
                inner = self.alternatives(depth + 1)
                if not self._take(")"):
                    raise RegexError("'(' is not closed", start)
                return Sequence((inner,)) if isinstance(inner, Edge) else inner
            case "[":
                return self._bracket(start)
            case ".":
                return Chars(((0, LAST),))
            case "^" | "$":
                return Edge(character == "$")
            case "\\":
                return Chars(self._escape(start))
            case "*" | "+" | "?" | "{":
                raise RegexError(f"{character!r} repeats nothing; write \\{character} for the character", start)
            case _:
                return Chars(((ord(character), ord(character)),))

    def _escape(self, start: int) -> tuple[Span, ...]:
        character = self._next("an escape")
        if character.lower() in _NAMED:
            spans = _NAMED[character.lower()]
            return spans if character.islower() else _complement(spans)
        if character == "u":
            digits = self._text[self.position : self.position + 4]
            if len(digits) != 4 or not set(digits) <= set(string.hexdigits):
                raise RegexError("\\u is followed by four hexadecimal digits", start)
            code = int(digits, 16)
            if code == 0 or 0xD800 <= code <= 0xDFFF:
                raise RegexError(f"no text holds the character \\u{digits}", start)
            self.position += 4
            return ((code, code),)
        if character in _PLAIN:
            if character not in _CONTROLS:
                raise RegexError(f"\\{character} is not supported", start)
            character = _CONTROLS[character]
        return ((ord(character), ord(character)),)

    def _bracket(self, start: int) -> Chars:
        inverse = self._take("^")
        spans: list[Span] = []
        while not (self._peek() == "]" and spans):
            if self._text.startswith(("[:", "[.", "[="), self.position):
                raise RegexError("named classes are not supported", self.position)
            found = self._member(start)
            if len(found) == 1 and self._peek() == "-" and self._text[self.position + 1 : self.position + 2] != "]":
                self.position += 1
                last = self._member(start)
                if len(last) != 1 or last[0][0] != last[0][1] or found[0][0] != found[0][1] or last[0] < found[0]:
                    raise RegexError("a range goes from one character to a later one", self.position)
                found = ((found[0][0], last[0][1]),)
            spans.extend(found)
        self.position += 1
        merged = _merged(spans)
        result = _complement(merged) if inverse else merged
        if not result:
            raise RegexError("no character is left", start)
        return Chars(result)

    def _member(self, start: int) -> tuple[Span, ...]:
        here = self.position
        if not self._peek():
            raise RegexError("'[' is not closed", start)
        character = self._next("'['")
        return self._escape(here) if character == "\\" else ((ord(character), ord(character)),)
