"""Cut a search filter or an order clause into tokens."""

from __future__ import annotations

import enum
import re
from typing import Final

import msgspec

from siglum.core import limits
from siglum.core.errors import SearchSyntaxError


class TokenKind(enum.Enum):
    """What a token is; the value is how messages call it."""

    IDENTIFIER = "a name"
    STRING = "a quoted text"
    NUMBER = "a number"
    OPERATOR = "an operator"
    OPEN = "'('"
    CLOSE = "')'"
    COMMA = "','"
    END = "the end"


class Token(msgspec.Struct, frozen=True):
    """One token. `text` is the word, operator or number as written, or the text that was quoted.

    `key` is what follows the first dot of an identifier, `quote` the character an identifier or text was quoted with.
    """

    kind: TokenKind
    text: str
    position: int
    key: str | None = None
    quote: str = ""

    @property
    def word(self) -> str:
        """The token as a keyword in capitals; empty when it cannot be one."""
        return self.text.upper() if self.kind is TokenKind.IDENTIFIER and self.key is None and not self.quote else ""

    @property
    def shown(self) -> str:
        """The token for a message."""
        if self.kind is TokenKind.END:
            return "the end"
        return repr(self.text if self.key is None else f"{self.text}.{self.key}")


_PATTERN: Final = re.compile(
    r"""(?P<space>\s+)
      | (?P<number>[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?(?![\w.]))
      | (?P<name>[^\W\d]\w*)
            (?:\.(?:(?P<quoted_key>`[^`]+`|"(?:[^"]|"")+"|'(?:[^']|'')+')|(?P<key>[^\s=<>!,()'"`;]+)))?
      | (?P<backticks>`[^`]+`)
      | (?P<string>'(?:[^']|'')*'|"(?:[^"]|"")*")
      | (?P<operator>!=|<>|<=|>=|=|<|>)
      | (?P<open>\()
      | (?P<close>\))
      | (?P<comma>,)
    """,
    re.VERBOSE,
)
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_SIMPLE: Final = {
    "number": TokenKind.NUMBER,
    "operator": TokenKind.OPERATOR,
    "open": TokenKind.OPEN,
    "close": TokenKind.CLOSE,
    "comma": TokenKind.COMMA,
}


def tokenize(text: str) -> list[Token]:
    """Return the tokens of `text`, the last of kind END. Raises SearchSyntaxError at what is no token."""
    if len(text) > limits.FILTER:
        raise SearchSyntaxError(f"longer than {limits.FILTER:,} characters", text[:40] + "…", 40)
    if match := _SURROGATE.search(text):
        raise SearchSyntaxError("half of a surrogate pair is no character", text, match.start())
    tokens: list[Token] = []
    position = 0
    while position < len(text):
        found = _PATTERN.match(text, position)
        if found is None:
            raise SearchSyntaxError(_what_is_wrong(text[position]), text, position)
        if found.lastgroup != "space":
            tokens.append(_token(found))
        position = found.end()
    tokens.append(Token(TokenKind.END, "", len(text)))
    return tokens


def _token(found: re.Match[str]) -> Token:
    position = found.start()
    if name := found["name"]:
        if quoted := found["quoted_key"]:
            return Token(TokenKind.IDENTIFIER, name, position, key=_unquote(quoted))
        return Token(TokenKind.IDENTIFIER, name, position, key=found["key"])
    if name := found["backticks"]:
        return Token(TokenKind.IDENTIFIER, name[1:-1], position, quote="`")
    if (string := found["string"]) is not None:
        return Token(TokenKind.STRING, _unquote(string), position, quote=string[0])
    return Token(_SIMPLE[found.lastgroup or ""], found[0], position)


def _unquote(quoted: str) -> str:
    quote = quoted[0]
    return quoted[1:-1] if quote == "`" else quoted[1:-1].replace(quote * 2, quote)


def _what_is_wrong(character: str) -> str:
    if character in "'\"`":
        return f"a quote {character} is not closed"
    if character.isdigit() or character in "+-.":
        return "this is not a number"
    return f"unexpected {character!r}"
