"""The forms that secrets have in texts, and where in a text each may begin. Pure.

A form is a regular expression. Trying it at each place of a text would take most of the time, so that each comes with
what finds the few places where it can match: a search for words, which is many times faster.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final, TypeAlias

import msgspec


class Text:
    """A text, and where words are in it: each is looked for once."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self._lower = content.lower()
        self._found: dict[bytes, list[int]] = {}

    def exact(self, word: bytes) -> Iterator[int]:
        """Yield where a word is, as it is written."""
        return _each(self.content, word)

    def any_case(self, word: bytes) -> list[int]:
        """Return where a word of small letters is, written in any case."""
        if word not in self._found:
            self._found[word] = list(_each(self._lower, word))
        return self._found[word]

    def before(self, at: int, length: int) -> bytes:
        """Return up to `length` bytes before a place, in small letters."""
        return self._lower[max(at - length, 0) : at]


Places: TypeAlias = Callable[[Text], Iterator[int]]
"""Yields where a form may begin."""


class Form(msgspec.Struct, frozen=True):
    """A form, and where it may begin. In a match the group `value` is the secret; without that group, all of it."""

    source: bytes
    places: Places

    @property
    def pattern(self) -> re.Pattern[bytes]:
        """The form, compiled when it is first needed: most texts have no place to try it at."""
        return re.compile(self.source)


def _each(content: bytes, word: bytes) -> Iterator[int]:
    at = content.find(word)
    while at >= 0:
        yield at
        at = content.find(word, at + 1)


def _at(*words: bytes, shift: int = 0) -> Places:
    """Return what finds words as they are written; the form begins `shift` bytes from each."""

    def places(text: Text) -> Iterator[int]:
        return (max(at + shift, 0) for word in words for at in text.exact(word))

    return places


def _at_any_case(*words: bytes) -> Places:
    def places(text: Text) -> Iterator[int]:
        return (at for word in words for at in text.any_case(word))

    return places


def _of_github(text: Text) -> Iterator[int]:
    return (at for at in text.exact(b"gh") if text.content[at + 3 : at + 4] == b"_")


def _account_keys(text: Text) -> Iterator[int]:
    return (at + len(b"Key=") for at in text.any_case(b"key") if text.content.startswith(b"Key=", at))


# Forms that services give their tokens.
_TOKENS: Final = (
    Form(rb"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b", _at(b"AKIA", b"ASIA")),
    Form(rb"\bgh[opsur]_[0-9A-Za-z]{30,255}\b", _of_github),
    Form(rb"\bgithub_pat_[0-9A-Za-z_]{30,255}", _at(b"github_pat_")),
    Form(rb"\bglpat-[0-9A-Za-z_-]{20,100}", _at(b"glpat-")),
    Form(rb"\bxox[abeoprs]-[0-9A-Za-z-]{10,250}", _at(b"xox")),
    Form(rb"\bsk-[0-9A-Za-z_-]{20,250}", _at(b"sk-")),
    Form(rb"\b[rs]k_live_[0-9A-Za-z]{16,100}", _at(b"k_live_", shift=-1)),
    Form(rb"\bAIza[0-9A-Za-z_-]{35}", _at(b"AIza")),
    Form(rb"\bya29\.[0-9A-Za-z_-]{20,300}", _at(b"ya29.")),
    Form(rb"\bhf_[0-9A-Za-z]{30,100}\b", _at(b"hf_")),
    Form(rb"\bnpm_[0-9A-Za-z]{36}\b", _at(b"npm_")),
    Form(rb"\bpypi-[0-9A-Za-z_-]{50,300}", _at(b"pypi-")),
    Form(rb"\bdapi[0-9a-f]{32}\b", _at(b"dapi")),
    Form(rb"(?<=AccountKey=)[0-9A-Za-z+/=]{40,120}", _account_keys),
    Form(
        rb"\beyJ[0-9A-Za-z_-]{10,2000}\.[0-9A-Za-z_-]{10,8000}\.[0-9A-Za-z_-]{5,2000}",
        _at(b"eyJ"),
    ),
)

# Any value of a word of the first kind is a secret; of the second kind only one that looks like it.
SURE: Final = rb"passw(?:or)?d|passwd|passphrase|secrets?"
_OF_KEYS: Final = (b"secret", b"api", b"access", b"private", b"account", b"auth", b"encryption", b"signing")
MAYBE: Final = rb"(?:" + b"|".join(_OF_KEYS) + rb")[_-]?key|token|credentials?"
BEHIND: Final = rb"(?:[_-](?:key|value|string))?"
_PLAIN: Final = rb"[^\s\"'`$<>{}()\[\],;]"
_BEFORE_KEY: Final = re.compile(rb"(?:" + b"|".join(_OF_KEYS) + rb")[_-]?\Z")
_SURE_WORDS: Final = (b"passw", b"passphrase", b"secret")


def _named(text: Text) -> Iterator[int]:
    """Find where names of secrets begin."""
    for word in (*_SURE_WORDS, b"token", b"credential"):
        yield from text.any_case(word)
    for at in text.any_case(b"key"):
        match = _BEFORE_KEY.search(text.before(at, 11))
        if match is not None:
            yield at - len(match[0])


_FURTHEST: Final = 100
"""So far from the beginning of its line, at most, is the word by which an assignment is known."""


def _lines(text: Text) -> Iterator[int]:
    """Find where lines begin that may assign a secret to a variable."""
    for word in (*_SURE_WORDS, b"token", b"key"):
        for at in text.any_case(word):
            if text.content[at : at + 1].isupper():
                start = text.content.rfind(b"\n", max(at - _FURTHEST, 0), at) + 1
                if start or at <= _FURTHEST:
                    yield start


FORMS: Final = (
    *_TOKENS,
    Form(
        rb"(?s)(-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----)(?P<value>.{1,8000}?)(?=-----END|\n[^-+ \n]|\Z)",
        _at(b"-----BEGIN "),
    ),
    Form(rb"(://[^/\s:@\"'{}$<>]{0,100}:)(?P<value>[^/\s@\"'{}$<>]{1,200})(?=@)", _at(b"://")),
    Form(
        (
rb"(?i)(authorization[\"']?\s{0,5}[:=,]\s{0,5}[\"']?(?:bearer|basic|token)\s{1,3})"
            rb"(?P<value>[\w+/=.~-]{8,2000})"
),
        _at_any_case(b"authorization"),
    ),
    Form(
        (
rb"(?i)(?<![A-Za-z])((?P<sure>" + SURE + rb")|(?P<maybe>" + MAYBE + rb"))" + BEHIND
            + rb"(?P<between>[\"']?[\])]?\s{0,10}(?:=>|:=|=|:|,)\s{0,10}[bru]{0,2})(?P<quote>[\"'])(?P<value>"
            + _PLAIN + rb"{4,500})(?P=quote)"
),
        _named,
    ),
    Form(
        (
rb"(?m)^([-+ ]?[ \t]{0,20}(?:export |set |ENV )?[A-Z0-9_]{0,60}?(?:PASSWORD|PASSWD|PASSPHRASE|SECRET|TOKEN|"
            rb"API_?KEY|ACCESS_?KEY|PRIVATE_?KEY)(?:_[A-Z0-9_]{1,30})?=)(?P<value>" + _PLAIN
            + rb"{4,500})[ \t]{0,20}\r?$"
),
        _lines,
    ),
    Form(
        (
rb"(?mi)(?<![A-Za-z])((?:" + SURE + rb")[\"']?[ \t]{0,5}:[ \t]{1,5})(?P<value>(?=\S{0,200}\d)" + _PLAIN
            + rb"{6,200})[ \t]{0,9}\r?$"
),
        _at_any_case(*_SURE_WORDS),
    ),
)  # fmt: skip
"""All forms, in the order in which a text is searched for them."""
