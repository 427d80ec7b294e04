"""Parse what a field is compared with: a number, a text, a list, a range, a regular expression."""

from __future__ import annotations

from typing import Final

import msgspec

from siglum.core import limits
from siglum.core.errors import SearchSyntaxError
from siglum.tracking.search.cursor import Cursor
from siglum.tracking.search.regex import RegexError, canonical, parse_regex
from siglum.tracking.search.tokens import Token, TokenKind
from siglum.tracking.search.tree import Operator, Value

_LONG_DIGEST: Final = 32
_TEXT: Final = "a text in quotes"


class Rules(msgspec.Struct, frozen=True):
    """What a field is compared with: by which operators, and whether with numbers (quoted ones, too) or with either."""

    operators: frozenset[Operator]
    number: bool = False
    quoted: bool = False
    either: bool = False


def _digest(value: str) -> str:
    """Return a data hash as runs have it on record: without the algorithm, cut where it is long."""
    digest = value.rpartition(":")[2]
    return digest if len(digest) <= limits.DATASET_DIGEST else digest[:_LONG_DIGEST]


def read_value(cursor: Cursor, operator: Operator, rules: Rules, *, hash_of_data: bool) -> Value:
    """Return what a field is compared with by an operator. With `hash_of_data` it is a data hash, whole or in part."""
    positive = operator.positive
    if positive in (Operator.IS_NULL, Operator.IS_NOT_NULL):
        return None
    if positive in (Operator.IN, Operator.NOT_IN):
        found = _list(cursor, rules)
        return tuple(_digest(str(value)) for value in found) if hash_of_data else found
    if positive is Operator.BETWEEN:
        return _span(cursor, rules)
    if positive is Operator.RLIKE:
        return _expression(cursor)
    token = cursor.token
    value = _scalar(cursor, rules)
    if positive in (Operator.LIKE, Operator.ILIKE):
        if not isinstance(value, str):
            raise cursor.error(f"expected a text in quotes, found {token.shown}", token)
        if len(value) > limits.LIKE_PATTERN:
            raise cursor.error(f"a pattern longer than {limits.LIKE_PATTERN:,} characters", token)
        return value
    if rules.either and isinstance(value, str) and positive not in (Operator.EQ, Operator.NE):
        raise cursor.error(f"expected a number, without quotes, found {token.shown}", token)
    return _digest(str(value)) if hash_of_data else value


def _scalar(cursor: Cursor, rules: Rules) -> str | int | float:
    token = cursor.take()
    is_text = token.kind is TokenKind.STRING
    if token.kind is TokenKind.NUMBER and (rules.number or rules.either):
        return _number(cursor, token)
    if rules.number and rules.quoted and is_text:
        return _number(cursor, token)
    if rules.number or not is_text:
        wanted = "a number" if rules.number else "a number or a text in quotes" if rules.either else _TEXT
        raise cursor.error(f"expected {wanted}, found {token.shown}", token)
    return token.text


def _number(cursor: Cursor, token: Token) -> int | float:
    try:
        as_float = float(token.text)
    except ValueError:
        raise cursor.error(f"expected a number, found {token.shown}", token) from None
    if token.text.lstrip("+-").isascii() and token.text.lstrip("+-").isdigit() and len(token.text) < 19:
        return int(token.text)
    return as_float


def _span(cursor: Cursor, rules: Rules) -> tuple[str | int | float, ...]:
    low = _scalar(cursor, rules)
    if not cursor.take_word("AND"):
        raise cursor.error(f"expected AND, found {cursor.token.shown}", cursor.token)
    token = cursor.token
    high = _scalar(cursor, rules)
    if isinstance(low, str) != isinstance(high, str):
        raise cursor.error("expected two numbers, or two texts", token)
    return low, high


def _expression(cursor: Cursor) -> str:
    token = cursor.expect(TokenKind.STRING)
    if len(token.text) > limits.LIKE_PATTERN:
        raise cursor.error(f"an expression longer than {limits.LIKE_PATTERN:,} characters", token)
    try:
        return canonical(parse_regex(token.text))
    except RegexError as error:
        place = token.position + 1 + error.position
        raise SearchSyntaxError(error.problem, cursor.text, min(place, len(cursor.text))) from None


def _list(cursor: Cursor, rules: Rules) -> tuple[str | int | float, ...]:
    cursor.expect(TokenKind.OPEN)
    found: list[str | int | float] = []
    while True:
        token = cursor.token
        value = _scalar(cursor, rules)
        if found and isinstance(found[0], str) != isinstance(value, str):
            raise cursor.error("expected numbers only, or texts only", token)
        found.append(value)
        comma = cursor.token.kind is TokenKind.COMMA
        if comma:
            cursor.take()
        if cursor.token.kind is TokenKind.CLOSE:  # also ('a',) as Python writes a tuple of one
            cursor.take()
            return tuple(found)
        if not comma:
            raise cursor.error(f"expected ',' or ')', found {cursor.token.shown}", cursor.token)
