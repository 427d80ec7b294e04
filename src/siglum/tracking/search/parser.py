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

from siglum.core import limits
from siglum.core.text import near_names
from siglum.tracking.search.cursor import Cursor
from siglum.tracking.search.grammar import Grammar
from siglum.tracking.search.tokens import Token, TokenKind
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
)
from siglum.tracking.search.values import Rules, read_value

_OPERATORS: Final = {op.value: op for op in Operator} | {"!=": Operator.NE}
_SYMBOLS: Final = {Operator.NE: "!="}
_WORD_OPERATORS: Final = sorted(
    (op.value.split(" ") for op in Operator if op.value[0].isalpha()), key=lambda words: -len(words)
)
_AGGREGATES: Final = {aggregate.value.upper(): aggregate for aggregate in Aggregate}
_DATA_HASH: Final = Field(FieldKind.DATA, "hash")


def parse_filter(text: str, grammar: Grammar) -> Node | None:
    """Return the tree of a filter, None when it is empty."""
    return _Parser(text, grammar).filter()


def parse_order(text: str, grammar: Grammar) -> OrderClause:
    """Parse one clause of an order: a field, then ASC or DESC or nothing."""
    return _Parser(text, grammar).order()


def parse_column(text: str, grammar: Grammar) -> Field:
    """Parse a field that a table is to show: anything that can be sorted by."""
    return _Parser(text, grammar).column()


class _Parser:
    """One pass over the tokens of one text."""

    def __init__(self, text: str, grammar: Grammar) -> None:
        self._cursor = Cursor(text)
        self._grammar = grammar
        self._depth = 0
        self._clauses = 0

    # -- filters -----------------------------------------------------------------------------------------------
    def filter(self) -> Node | None:
        if self._cursor.token.kind is TokenKind.END:
            return None
        tree = self._either()
        self._cursor.take_word("AND")
        self._cursor.expect_end("AND")
        return tree

    def _either(self) -> Node:
        parts = [self._both()]
        while self._cursor.take_word("OR"):
            parts.append(self._both())
        return parts[0] if len(parts) == 1 else Or(tuple(parts))

    def _both(self) -> Node:
        parts = [self._one()]
        while self._cursor.token.word == "AND" and not self._cursor.follows(TokenKind.END):
            self._cursor.take()
            parts.append(self._one())
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def _one(self) -> Node:
        start = self._cursor.token
        self._depth += 1
        if self._depth > limits.FILTER_DEPTH:
            raise self._cursor.error(f"more than {limits.FILTER_DEPTH} levels of NOT and parentheses", start)
        try:
            if self._cursor.take_word("NOT"):
                return Not(self._one())
            if start.kind is TokenKind.OPEN:
                self._cursor.take()
                tree = self._either()
                self._cursor.expect(TokenKind.CLOSE)
                return tree
            return self._comparison()
        finally:
            self._depth -= 1

    def _comparison(self) -> Comparison:
        self._clauses += 1
        if self._clauses > limits.FILTER_CLAUSES:
            raise self._cursor.error(f"more than {limits.FILTER_CLAUSES} comparisons", self._cursor.token)
        token = self._cursor.token
        field = self._field()
        operator = self._operator()
        rules = self._rules(field, token)
        if operator not in rules.operators:
            shown = ", ".join(sorted(_SYMBOLS.get(op, op.value) for op in rules.operators))
            raise self._cursor.error(
                f"{field.kind.value} {field.name!r} cannot be compared with {_SYMBOLS.get(operator, operator.value)}; "
                f"use one of {shown}",
                token,
            )
        return Comparison(field, operator, read_value(self._cursor, operator, rules, hash_of_data=field == _DATA_HASH))

    def _rules(self, field: Field, token: Token) -> Rules:
        if field.kind is FieldKind.PARAM and self._grammar.parameters_are_numbers:
            return Rules(self._grammar.operators[field.kind], either=True)
        if field.kind is not FieldKind.ATTRIBUTE:
            return Rules(self._grammar.operators[field.kind], number=field.kind is FieldKind.METRIC)
        attribute = self._grammar.attributes[field.name]
        if not attribute.searchable:
            raise self._cursor.error(f"{self._grammar.subject} cannot be searched by {field.name!r}", token)
        return Rules(attribute.operators, number=attribute.number, quoted=attribute.quoted)

    def _field(self) -> Field:
        token = self._cursor.take()
        grammar = self._grammar
        if grammar.aggregates and token.word in _AGGREGATES and self._cursor.token.kind is TokenKind.OPEN:
            return self._aggregate(_AGGREGATES[token.word])
        # a text in double quotes where a field must stand is a name, as in SQL
        if token.kind is TokenKind.STRING and token.quote == '"':
            return self._attribute(token.text, token)
        if token.kind is not TokenKind.IDENTIFIER:
            raise self._cursor.error(f"expected a field, found {token.shown}", token)
        if token.key is None:
            return self._attribute(token.text, token)
        kind = grammar.prefixes.get(token.text.lower())
        if kind is None:
            known = ", ".join(sorted(grammar.prefixes))
            raise self._cursor.error(f"unknown kind of field {token.text!r}; use one of {known}", token)
        if kind is FieldKind.ATTRIBUTE:
            return self._attribute(token.key, token)
        known_names = grammar.named.get(kind)
        if known_names is not None and token.key not in known_names:
            raise self._cursor.error(
                f"unknown {kind.value} {token.key!r}; use one of {', '.join(sorted(known_names))}", token
            )
        return Field(kind, token.key)

    def _aggregate(self, aggregate: Aggregate) -> Field:
        self._cursor.expect(TokenKind.OPEN)
        token = self._cursor.token
        if token.kind is not TokenKind.IDENTIFIER:
            raise self._cursor.error(f"expected a metric, found {token.shown}", token)
        field = self._field()
        if field.kind is not FieldKind.METRIC or field.aggregate is not None:
            raise self._cursor.error(
                f"{aggregate.value}() is asked of a metric only, as in {aggregate.value}(metrics.x)", token
            )
        self._cursor.expect(TokenKind.CLOSE)
        return Field(FieldKind.METRIC, field.name, aggregate)

    def _attribute(self, name: str, token: Token) -> Field:
        attribute = self._grammar.attributes.get(name)
        if attribute is None:
            near = near_names(name, self._grammar.attributes)
            known = near or sorted({a.name for a in self._grammar.attributes.values()})
            raise self._cursor.error(
                f"{self._grammar.subject} have no attribute {name!r}; "
                f"{'did you mean' if near else 'use one of'} {', '.join(known)}",
                token,
            )
        return Field(FieldKind.ATTRIBUTE, attribute.name)

    def _operator(self) -> Operator:
        for words in _WORD_OPERATORS:
            if self._cursor.take_word(*words):
                return Operator(" ".join(words))
        return _OPERATORS[self._cursor.expect(TokenKind.OPERATOR).text]

    # -- orders ------------------------------------------------------------------------------------------------
    def order(self) -> OrderClause:
        token = self._cursor.token
        field = self._field()
        attribute = self._grammar.attributes.get(field.name) if field.kind is FieldKind.ATTRIBUTE else None
        if field.kind not in self._grammar.sortable or (attribute is not None and not attribute.sortable):
            raise self._cursor.error(f"{self._grammar.subject} cannot be sorted by {token.shown}", token)
        descending = self._cursor.take_word("DESC")
        if not descending:
            self._cursor.take_word("ASC")
        self._cursor.expect_end("ASC or DESC")
        number = attribute.number if attribute is not None else field.kind is FieldKind.METRIC
        return OrderClause(field, descending, number)

    def column(self) -> Field:
        token = self._cursor.token
        field = self._field()
        if field.kind not in self._grammar.sortable:
            raise self._cursor.error(f"{token.shown} cannot be a column", token)
        self._cursor.expect_end("nothing more")
        return field
