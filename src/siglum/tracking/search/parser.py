"""Parse filters and orders. Any text either parses or raises SearchSyntaxError that points at a character.

    filter     = [ either { AND } ]              a trailing AND is tolerated, as MLflow does
    either     = both { OR both }
    both       = one { AND one }
    one        = NOT one | "(" either ")" | comparison
    comparison = field operator value | field [NOT] IN "(" value { "," value } ")" | field IS [NOT] NULL
               | field [NOT] BETWEEN value AND value
    field      = name | kind "." key | ( min | max | last | count ) "(" metric ")"
    operator   = = | != | < | <= | > | >= | [NOT] LIKE | [NOT] ILIKE | [NOT] RLIKE

MLflow knows AND alone; OR, NOT before an operator or a comparison, parentheses, BETWEEN, RLIKE (a regular expression,
see `search.regex`), what is asked of a metric's history, numbers for parameters, `data.` and `code.` are ours.
"""

from __future__ import annotations

from typing import Final

import msgspec

from siglum.core import limits
from siglum.core.errors import SearchSyntaxError
from siglum.core.text import near_names
from siglum.tracking.search.grammar import Grammar
from siglum.tracking.search.regex import RegexError, canonical, parse_regex
from siglum.tracking.search.tokens import Token, TokenKind, tokenize
from siglum.tracking.search.tree import (
    Aggregate,
    And,
    Comparison,
    Field,
    FieldKind,
    Node,
    Not,
    Operator,
    Or,
    OrderClause,
    Value,
)

_OPERATORS: Final = {op.value: op for op in Operator} | {"!=": Operator.NE}
_SYMBOLS: Final = {Operator.NE: "!="}
_WORD_OPERATORS: Final = sorted(
    (op.value.split(" ") for op in Operator if op.value[0].isalpha()), key=lambda words: -len(words)
)
_AGGREGATES: Final = {aggregate.value.upper(): aggregate for aggregate in Aggregate}
_DATA_HASH: Final = Field(FieldKind.DATA, "hash")
_LONG_DIGEST: Final = 32
_TEXT: Final = "a text in quotes"


def parse_filter(text: str, grammar: Grammar) -> Node | None:
    """Return the tree of a filter, None when it is empty."""
    return _Parser(text, grammar).filter()


def parse_order(text: str, grammar: Grammar) -> OrderClause:
    """Parse one clause of an order: a field, then ASC or DESC or nothing."""
    return _Parser(text, grammar).order()


def parse_column(text: str, grammar: Grammar) -> Field:
    """Parse a field that a table is to show: anything that can be sorted by."""
    return _Parser(text, grammar).column()


class _Rules(msgspec.Struct, frozen=True):
    """What a field is compared with: by which operators, and whether with numbers (quoted ones, too) or with either."""

    operators: frozenset[Operator]
    number: bool = False
    quoted: bool = False
    either: bool = False


def _digest(value: str) -> str:
    """Return a data hash as runs have it on record: without the algorithm, cut where it is long."""
    digest = value.rpartition(":")[2]
    return digest if len(digest) <= limits.DATASET_DIGEST else digest[:_LONG_DIGEST]


class _Parser:
    """One pass over the tokens of one text."""

    def __init__(self, text: str, grammar: Grammar) -> None:
        self._text = text
        self._grammar = grammar
        self._tokens = tokenize(text)
        self._next = 0
        self._depth = 0
        self._clauses = 0

    # -- tokens ------------------------------------------------------------------------------------------------
    @property
    def _token(self) -> Token:
        return self._tokens[self._next]

    def _take(self) -> Token:
        token = self._token
        if token.kind is not TokenKind.END:
            self._next += 1
        return token

    def _take_word(self, *words: str) -> bool:
        """Take the next tokens when they are these keywords."""
        tokens = self._tokens[self._next : self._next + len(words)]
        if [t.word for t in tokens] != list(words):
            return False
        self._next += len(words)
        return True

    def _expect(self, kind: TokenKind) -> Token:
        token = self._take()
        if token.kind is not kind:
            raise self._error(f"expected {kind.value}, found {token.shown}", token)
        return token

    def _error(self, problem: str, token: Token) -> SearchSyntaxError:
        return SearchSyntaxError(problem, self._text, token.position)

    def _expect_end(self, wanted: str) -> None:
        if self._token.kind is not TokenKind.END:
            raise self._error(f"expected {wanted} or the end, found {self._token.shown}", self._token)

    # -- filters -----------------------------------------------------------------------------------------------
    def filter(self) -> Node | None:
        if self._token.kind is TokenKind.END:
            return None
        tree = self._either()
        self._take_word("AND")
        self._expect_end("AND")
        return tree

    def _either(self) -> Node:
        parts = [self._both()]
        while self._take_word("OR"):
            parts.append(self._both())
        return parts[0] if len(parts) == 1 else Or(tuple(parts))

    def _both(self) -> Node:
        parts = [self._one()]
        while self._token.word == "AND" and self._tokens[self._next + 1].kind is not TokenKind.END:
            self._take()
            parts.append(self._one())
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def _one(self) -> Node:
        start = self._token
        self._depth += 1
        if self._depth > limits.FILTER_DEPTH:
            raise self._error(f"more than {limits.FILTER_DEPTH} levels of NOT and parentheses", start)
        try:
            if self._take_word("NOT"):
                return Not(self._one())
            if start.kind is TokenKind.OPEN:
                self._take()
                tree = self._either()
                self._expect(TokenKind.CLOSE)
                return tree
            return self._comparison()
        finally:
            self._depth -= 1

    def _comparison(self) -> Comparison:
        self._clauses += 1
        if self._clauses > limits.FILTER_CLAUSES:
            raise self._error(f"more than {limits.FILTER_CLAUSES} comparisons", self._token)
        token = self._token
        field = self._field()
        operator = self._operator()
        rules = self._rules(field, token)
        if operator not in rules.operators:
            shown = ", ".join(sorted(_SYMBOLS.get(op, op.value) for op in rules.operators))
            raise self._error(
                f"{field.kind.value} {field.name!r} cannot be compared with {_SYMBOLS.get(operator, operator.value)}; "
                f"use one of {shown}",
                token,
            )
        return Comparison(field, operator, self._value(operator, rules, hash_of_data=field == _DATA_HASH))

    def _rules(self, field: Field, token: Token) -> _Rules:
        if field.kind is FieldKind.PARAM and self._grammar.parameters_are_numbers:
            return _Rules(self._grammar.operators[field.kind], either=True)
        if field.kind is not FieldKind.ATTRIBUTE:
            return _Rules(self._grammar.operators[field.kind], number=field.kind is FieldKind.METRIC)
        attribute = self._grammar.attributes[field.name]
        if not attribute.searchable:
            raise self._error(f"{self._grammar.subject} cannot be searched by {field.name!r}", token)
        return _Rules(attribute.operators, number=attribute.number, quoted=attribute.quoted)

    def _field(self) -> Field:
        token = self._take()
        grammar = self._grammar
        if grammar.aggregates and token.word in _AGGREGATES and self._token.kind is TokenKind.OPEN:
            return self._aggregate(_AGGREGATES[token.word])
        # a text in double quotes where a field must stand is a name, as in SQL
        if token.kind is TokenKind.STRING and token.quote == '"':
            return self._attribute(token.text, token)
        if token.kind is not TokenKind.IDENTIFIER:
            raise self._error(f"expected a field, found {token.shown}", token)
        if token.key is None:
            return self._attribute(token.text, token)
        kind = grammar.prefixes.get(token.text.lower())
        if kind is None:
            known = ", ".join(sorted(grammar.prefixes))
            raise self._error(f"unknown kind of field {token.text!r}; use one of {known}", token)
        if kind is FieldKind.ATTRIBUTE:
            return self._attribute(token.key, token)
        known_names = grammar.named.get(kind)
        if known_names is not None and token.key not in known_names:
            raise self._error(f"unknown {kind.value} {token.key!r}; use one of {', '.join(sorted(known_names))}", token)
        return Field(kind, token.key)

    def _aggregate(self, aggregate: Aggregate) -> Field:
        self._expect(TokenKind.OPEN)
        token = self._token
        if token.kind is not TokenKind.IDENTIFIER:
            raise self._error(f"expected a metric, found {token.shown}", token)
        field = self._field()
        if field.kind is not FieldKind.METRIC or field.aggregate is not None:
            raise self._error(
                f"{aggregate.value}() is asked of a metric only, as in {aggregate.value}(metrics.x)", token
            )
        self._expect(TokenKind.CLOSE)
        return Field(FieldKind.METRIC, field.name, aggregate)

    def _attribute(self, name: str, token: Token) -> Field:
        attribute = self._grammar.attributes.get(name)
        if attribute is None:
            near = near_names(name, self._grammar.attributes)
            known = near or sorted({a.name for a in self._grammar.attributes.values()})
            raise self._error(
                f"{self._grammar.subject} have no attribute {name!r}; "
                f"{'did you mean' if near else 'use one of'} {', '.join(known)}",
                token,
            )
        return Field(FieldKind.ATTRIBUTE, attribute.name)

    def _operator(self) -> Operator:
        for words in _WORD_OPERATORS:
            if self._take_word(*words):
                return Operator(" ".join(words))
        return _OPERATORS[self._expect(TokenKind.OPERATOR).text]

    def _value(self, operator: Operator, rules: _Rules, *, hash_of_data: bool) -> Value:
        positive = operator.positive
        if positive in (Operator.IS_NULL, Operator.IS_NOT_NULL):
            return None
        if positive in (Operator.IN, Operator.NOT_IN):
            found = self._list(rules)
            return tuple(_digest(str(value)) for value in found) if hash_of_data else found
        if positive is Operator.BETWEEN:
            return self._span(rules)
        if positive is Operator.RLIKE:
            return self._expression()
        token = self._token
        value = self._scalar(rules)
        if positive in (Operator.LIKE, Operator.ILIKE):
            if not isinstance(value, str):
                raise self._error(f"expected a text in quotes, found {token.shown}", token)
            if len(value) > limits.LIKE_PATTERN:
                raise self._error(f"a pattern longer than {limits.LIKE_PATTERN:,} characters", token)
            return value
        if rules.either and isinstance(value, str) and positive not in (Operator.EQ, Operator.NE):
            raise self._error(f"expected a number, without quotes, found {token.shown}", token)
        return _digest(str(value)) if hash_of_data else value

    def _scalar(self, rules: _Rules) -> str | int | float:
        token = self._take()
        is_text = token.kind is TokenKind.STRING
        if token.kind is TokenKind.NUMBER and (rules.number or rules.either):
            return self._number(token)
        if rules.number and rules.quoted and is_text:
            return self._number(token)
        if rules.number or not is_text:
            wanted = "a number" if rules.number else "a number or a text in quotes" if rules.either else _TEXT
            raise self._error(f"expected {wanted}, found {token.shown}", token)
        return token.text

    def _number(self, token: Token) -> int | float:
        try:
            as_float = float(token.text)
        except ValueError:
            raise self._error(f"expected a number, found {token.shown}", token) from None
        if token.text.lstrip("+-").isascii() and token.text.lstrip("+-").isdigit() and len(token.text) < 19:
            return int(token.text)
        return as_float

    def _span(self, rules: _Rules) -> tuple[str | int | float, ...]:
        low = self._scalar(rules)
        if not self._take_word("AND"):
            raise self._error(f"expected AND, found {self._token.shown}", self._token)
        token = self._token
        high = self._scalar(rules)
        if isinstance(low, str) != isinstance(high, str):
            raise self._error("expected two numbers, or two texts", token)
        return low, high

    def _expression(self) -> str:
        token = self._expect(TokenKind.STRING)
        if len(token.text) > limits.LIKE_PATTERN:
            raise self._error(f"an expression longer than {limits.LIKE_PATTERN:,} characters", token)
        try:
            return canonical(parse_regex(token.text))
        except RegexError as error:
            place = token.position + 1 + error.position
            raise SearchSyntaxError(error.problem, self._text, min(place, len(self._text))) from None

    def _list(self, rules: _Rules) -> tuple[str | int | float, ...]:
        self._expect(TokenKind.OPEN)
        found: list[str | int | float] = []
        while True:
            token = self._token
            value = self._scalar(rules)
            if found and isinstance(found[0], str) != isinstance(value, str):
                raise self._error("expected numbers only, or texts only", token)
            found.append(value)
            comma = self._token.kind is TokenKind.COMMA
            if comma:
                self._take()
            if self._token.kind is TokenKind.CLOSE:  # also ('a',) as Python writes a tuple of one
                self._take()
                return tuple(found)
            if not comma:
                raise self._error(f"expected ',' or ')', found {self._token.shown}", self._token)

    # -- orders ------------------------------------------------------------------------------------------------
    def order(self) -> OrderClause:
        token = self._token
        field = self._field()
        attribute = self._grammar.attributes.get(field.name) if field.kind is FieldKind.ATTRIBUTE else None
        if field.kind not in self._grammar.sortable or (attribute is not None and not attribute.sortable):
            raise self._error(f"{self._grammar.subject} cannot be sorted by {token.shown}", token)
        descending = self._take_word("DESC")
        if not descending:
            self._take_word("ASC")
        self._expect_end("ASC or DESC")
        number = attribute.number if attribute is not None else field.kind is FieldKind.METRIC
        return OrderClause(field, descending, number)

    def column(self) -> Field:
        token = self._token
        field = self._field()
        if field.kind not in self._grammar.sortable:
            raise self._error(f"{token.shown} cannot be a column", token)
        self._expect_end("nothing more")
        return field
