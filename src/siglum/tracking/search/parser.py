"""Parse filters and orders. Any text either parses or raises SearchSyntaxError that points at a character.

    filter     = [ either { AND } ]              a trailing AND is tolerated, as MLflow does
    either     = both { OR both }
    both       = one { AND one }
    one        = NOT one | "(" either ")" | comparison
    comparison = field operator value | field [NOT] IN "(" text { "," text } ")" | field IS [NOT] NULL

MLflow knows AND alone; OR, NOT and parentheses are ours.
"""

from __future__ import annotations

from typing import Final

from siglum.core import limits
from siglum.core.errors import SearchSyntaxError
from siglum.core.text import near_names
from siglum.tracking.search.grammar import Grammar
from siglum.tracking.search.tokens import Token, TokenKind, tokenize
from siglum.tracking.search.tree import And, Comparison, Field, FieldKind, Node, Not, Operator, Or, OrderClause, Value

_OPERATORS: Final = {op.value: op for op in Operator} | {"!=": Operator.NE}
_SYMBOLS: Final = {Operator.NE: "!="}


def parse_filter(text: str, grammar: Grammar) -> Node | None:
    """Return the tree of a filter, None when it is empty."""
    return _Parser(text, grammar).filter()


def parse_order(text: str, grammar: Grammar) -> OrderClause:
    """Parse one clause of an order: a field, then ASC or DESC or nothing."""
    return _Parser(text, grammar).order()


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
        allowed, number, quoted = self._rules(field, token)
        if operator not in allowed:
            shown = ", ".join(sorted(_SYMBOLS.get(op, op.value) for op in allowed))
            raise self._error(
                f"{field.kind.value} {field.name!r} cannot be compared with {_SYMBOLS.get(operator, operator.value)}; "
                f"use one of {shown}",
                token,
            )
        return Comparison(field, operator, self._value(operator, number=number, quoted=quoted))

    def _rules(self, field: Field, token: Token) -> tuple[frozenset[Operator], bool, bool]:
        """Return the operators of a field, whether its values are numbers, and whether they may be quoted."""
        if field.kind is not FieldKind.ATTRIBUTE:
            return self._grammar.operators[field.kind], field.kind is FieldKind.METRIC, False
        attribute = self._grammar.attributes[field.name]
        if not attribute.searchable:
            raise self._error(f"{self._grammar.subject} cannot be searched by {field.name!r}", token)
        return attribute.operators, attribute.number, attribute.quoted

    def _field(self) -> Field:
        token = self._take()
        grammar = self._grammar
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
        if kind is FieldKind.DATASET and token.key not in grammar.dataset_fields:
            raise self._error(
                f"unknown dataset field {token.key!r}; use one of {', '.join(sorted(grammar.dataset_fields))}", token
            )
        return Field(kind, token.key)

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
        for words in (("IS", "NOT", "NULL"), ("IS", "NULL"), ("NOT", "IN"), ("IN",), ("LIKE",), ("ILIKE",)):
            if self._take_word(*words):
                return Operator(" ".join(words))
        return _OPERATORS[self._expect(TokenKind.OPERATOR).text]

    def _value(self, operator: Operator, *, number: bool, quoted: bool) -> Value:
        if operator in (Operator.IS_NULL, Operator.IS_NOT_NULL):
            return None
        if operator in (Operator.IN, Operator.NOT_IN):
            return self._texts()
        token = self._take()
        if number and (token.kind is TokenKind.NUMBER or (quoted and token.kind is TokenKind.STRING)):
            return self._number(token)
        if number or token.kind is not TokenKind.STRING:
            raise self._error(f"expected {'a number' if number else 'a text in quotes'}, found {token.shown}", token)
        if operator in (Operator.LIKE, Operator.ILIKE) and len(token.text) > limits.LIKE_PATTERN:
            raise self._error(f"a pattern longer than {limits.LIKE_PATTERN:,} characters", token)
        return token.text

    def _number(self, token: Token) -> int | float:
        try:
            as_float = float(token.text)
        except ValueError:
            raise self._error(f"expected a number, found {token.shown}", token) from None
        if token.text.lstrip("+-").isascii() and token.text.lstrip("+-").isdigit() and len(token.text) < 19:
            return int(token.text)
        return as_float

    def _texts(self) -> tuple[str, ...]:
        self._expect(TokenKind.OPEN)
        texts = [self._expect(TokenKind.STRING).text]
        while self._take().kind is TokenKind.COMMA:
            if self._tokens[self._next].kind is TokenKind.CLOSE:
                self._next += 1  # ('a',) as Python writes a tuple of one
                return tuple(texts)
            texts.append(self._expect(TokenKind.STRING).text)
        last = self._tokens[self._next - 1]
        if last.kind is not TokenKind.CLOSE:
            raise self._error(f"expected ',' or ')', found {self._token.shown}", self._token)
        return tuple(texts)

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
