"""Secrets in texts that are kept: passwords, tokens and keys are known by their form, and masked. Pure.

What is masked follows the forms that services give their tokens, and the names that people give to passwords. A word
that merely looks like one (`eos_token = "</s>"`, `max_tokens=512`) is left, since a masked text is not the whole one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

MARK = "<masked>"
"""Stands in the place of each secret."""

# Forms that services give their tokens; each begins with a word that can be looked for quickly.
_FORMS = (
    (b"AKIA", rb"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
    (b"ASIA", rb"\bASIA[0-9A-Z]{16}\b"),
    (b"gh", rb"\bgh[opsur]_[0-9A-Za-z]{30,255}\b"),
    (b"github_pat_", rb"\bgithub_pat_[0-9A-Za-z_]{30,255}"),
    (b"glpat-", rb"\bglpat-[0-9A-Za-z_-]{20,100}"),
    (b"xox", rb"\bxox[abeoprs]-[0-9A-Za-z-]{10,250}"),
    (b"sk-", rb"\bsk-[0-9A-Za-z_-]{20,250}"),
    (b"_live_", rb"\b[rs]k_live_[0-9A-Za-z]{16,100}"),
    (b"AIza", rb"\bAIza[0-9A-Za-z_-]{35}"),
    (b"ya29.", rb"\bya29\.[0-9A-Za-z_-]{20,300}"),
    (b"hf_", rb"\bhf_[0-9A-Za-z]{30,100}\b"),
    (b"npm_", rb"\bnpm_[0-9A-Za-z]{36}\b"),
    (b"pypi-", rb"\bpypi-[0-9A-Za-z_-]{50,300}"),
    (b"dapi", rb"\bdapi[0-9a-f]{32}\b"),
    (b"AccountKey=", rb"(?<=AccountKey=)[0-9A-Za-z+/=]{40,120}"),
    (b"eyJ", rb"\beyJ[0-9A-Za-z_-]{10,2000}\.[0-9A-Za-z_-]{10,8000}\.[0-9A-Za-z_-]{5,2000}"),
)
_TOKENS = tuple((word, re.compile(pattern)) for word, pattern in _FORMS)

# Any value of a word of the first kind is a secret; of the second kind only one that looks like it.
_SURE = rb"passw(?:or)?d|passwd|passphrase|secrets?"
_MAYBE = rb"(?:secret|api|access|private|account|auth|encryption|signing)[_-]?key|token|credentials?"
_BEHIND = rb"(?:[_-](?:key|value|string))?"
_PLAIN = rb"[^\s\"'`$<>{}()\[\],;]"

_KEY_BLOCK = re.compile(rb"(?s)(-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----)(.{1,8000}?)(?=-----END|\n[^-+ \n]|\Z)")
_URL = re.compile(rb"(://[^/\s:@\"'{}$<>]{0,100}:)([^/\s@\"'{}$<>]{1,200})(?=@)")
_HEADER = re.compile(
    rb"(?i)(authorization[\"']?\s{0,5}[:=,]\s{0,5}[\"']?(?:bearer|basic|token)\s{1,3})([\w+/=.~-]{8,2000})"
)
_QUOTED = re.compile(
    rb"(?i)(?<![A-Za-z])((?P<sure>" + _SURE + rb")|" + _MAYBE + rb")" + _BEHIND
    + rb"(?P<between>[\"']?[\])]?\s{0,10}(?:=>|:=|=|:|,)\s{0,10}[bru]{0,2})(?P<quote>[\"'])(?P<value>"
    + _PLAIN + rb"{4,500})(?P=quote)"
)  # fmt: skip
_ASSIGNED = re.compile(
    rb"(?m)^([-+ ]?[ \t]{0,20}(?:export |set |ENV )?[A-Z0-9_]{0,60}?(?:PASSWORD|PASSWD|PASSPHRASE|SECRET|TOKEN|"
    rb"API_?KEY|ACCESS_?KEY|PRIVATE_?KEY)(?:_[A-Z0-9_]{1,30})?=)(" + _PLAIN + rb"{4,500})[ \t]{0,20}\r?$"
)
_LISTED = re.compile(
    rb"(?mi)(?<![A-Za-z])((?:"
    + _SURE
    + rb")[\"']?[ \t]{0,5}:[ \t]{1,5})((?=\S{0,200}\d)"
    + _PLAIN
    + rb"{6,200})[ \t]{0,9}\r?$"
)  # fmt: skip
_OPTION = re.compile(rb"(?i)(?:.*[^a-z])?((?P<sure>" + _SURE + rb")|" + _MAYBE + rb")" + _BEHIND + rb"\Z", re.DOTALL)
_DIGIT = re.compile(rb"\d")


class Masked(msgspec.Struct, frozen=True):
    """A text in which `count` secrets are masked."""

    text: bytes
    count: int


def mask(text: bytes) -> Masked:
    """Return a text with `MARK` in the place of each secret. Takes some 0.1 s for each MB."""
    count = 0

    def whole(_match: re.Match[bytes]) -> bytes:
        nonlocal count
        count += 1
        return MARK.encode()

    def second(match: re.Match[bytes]) -> bytes:
        nonlocal count
        if match[2] == MARK.encode():
            return match[0]
        count += 1
        return match[0][: match.start(2) - match.start()] + MARK.encode() + match[0][match.end(2) - match.start() :]

    def quoted(match: re.Match[bytes]) -> bytes:
        nonlocal count
        if match["sure"] is None and not _looks_like_one(match["value"]):
            return match[0]
        count += 1
        return match[0][: match.start("value") - match.start()] + MARK.encode() + match["quote"]

    for word, pattern in _TOKENS:
        if word in text:
            text = pattern.sub(whole, text)
    if b"PRIVATE KEY-----" in text:
        text = _KEY_BLOCK.sub(second, text)
    if b"://" in text:
        text = _URL.sub(second, text)
    text = _HEADER.sub(second, text)
    text = _QUOTED.sub(quoted, text)
    text = _ASSIGNED.sub(second, text)
    return Masked(_LISTED.sub(second, text), count)


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
