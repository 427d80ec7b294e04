"""A place in the tokens of a filter or an order, which goes forward only."""

from __future__ import annotations

from siglum.core.errors import SearchSyntaxError
from siglum.tracking.search.tokens import Token, TokenKind, tokenize


class Cursor:
    """The tokens of one text, and which is next."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._tokens = tokenize(text)
        self._next = 0

    @property
    def token(self) -> Token:
        """The next token."""
        return self._tokens[self._next]

    def take(self) -> Token:
        """Return the next token and go on behind it; the end is never passed."""
        token = self.token
        if token.kind is not TokenKind.END:
            self._next += 1
        return token

    def take_word(self, *words: str) -> bool:
        """Take the next tokens when they are these keywords."""
        tokens = self._tokens[self._next : self._next + len(words)]
        if [t.word for t in tokens] != list(words):
            return False
        self._next += len(words)
        return True

    def expect(self, kind: TokenKind) -> Token:
        """Take the next token, which must be of a kind."""
        token = self.take()
        if token.kind is not kind:
            raise self.error(f"expected {kind.value}, found {token.shown}", token)
        return token

    def error(self, problem: str, token: Token) -> SearchSyntaxError:
        """Return the error that points at a token."""
        return SearchSyntaxError(problem, self.text, token.position)

    def expect_end(self, wanted: str) -> None:
        """Raise unless all tokens are taken; `wanted` is what else could stand here."""
        if self.token.kind is not TokenKind.END:
            raise self.error(f"expected {wanted} or the end, found {self.token.shown}", self.token)

    def follows(self, kind: TokenKind) -> bool:
        """Whether a token of that kind comes after the next one."""
        return self._tokens[min(self._next + 1, len(self._tokens) - 1)].kind is kind
