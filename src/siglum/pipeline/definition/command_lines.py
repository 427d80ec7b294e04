r"""A stage's block of text as commands: each line in a shell of its own, as DVC runs it, but never a part of a command.

DVC cuts the text at every line break. Where a line only makes sense with those below it (an open quote, a loop, a here
document, `\` or `&&` at its end), it is kept together with them: cut off, it could do nothing but fail. Pure; this
knows as much of the shell's language as that takes.
"""

from __future__ import annotations

import re

_OPENERS = {"if": "fi", "case": "esac", "for": "done", "while": "done", "until": "done", "select": "done"}
_CLOSERS = frozenset({"fi", "esac", "done"})
# Behind these words and signs a command begins.
_BEFORE_COMMANDS = frozenset({"then", "do", "else", "elif", "if", "while", "until", "!", "{", "time"})
_HEREDOC = re.compile(r"<<(-?)[ \t]*(?:'([^'\n]+)'|\"([^\"\n]+)\"|\\?([A-Za-z0-9_.+@%/-]+))")
_WORD = re.compile(r"[^\s;&|()<>'\"`\\$#]+")
_OPERATOR_AT_END = re.compile(r"(?:&&|\|\|?)[ \t]*(?:#[^\n]*)?\Z")


def split_commands(text: str) -> tuple[str, ...]:
    """Return the commands of a block of text, in order."""
    lines = text.splitlines()
    if len(lines) < 2:
        return tuple(lines)
    found: list[str] = []
    start = 0
    while start < len(lines):
        end = _end_of_command(lines, start)
        found.append("\n".join(lines[start:end]))
        start = end
    return tuple(found)


def _end_of_command(lines: list[str], start: int) -> int:
    """Return behind which line the command that begins at `start` ends; the next one when it never does."""
    reader = _Reader()
    for end in range(start, len(lines)):
        if reader.read(lines[end]):
            return end + 1
    return start + 1


class _Reader:
    """Reads line by line, and knows what is open."""

    def __init__(self) -> None:
        self._quote = ""
        self._open: list[str] = []
        self._heredocs: list[tuple[str, bool]] = []
        self._operator = False

    def read(self, line: str) -> bool:
        """Take one more line; return whether what was read is a whole."""
        if self._heredocs:
            word, tabs = self._heredocs[0]
            if (line.lstrip("\t") if tabs else line) == word:
                self._heredocs.pop(0)
            return not (self._heredocs or self._open or self._quote)
        if self._operator and (not line.strip() or line.lstrip().startswith("#")):
            return False
        self._operator = False
        continued = self._scan(line)
        return not (continued or self._operator or self._heredocs or self._open or self._quote)

    def _scan(self, line: str) -> bool:
        """Follow one line; return whether a backslash at its end joins it with the next."""
        at, begins = 0, True
        while at < len(line):
            sign = line[at]
            if self._quote:
                at = self._in_quote(line, at)
            elif sign == "\\":
                if at == len(line) - 1:
                    return True
                at, begins = at + 2, False
            elif sign in "'\"`":
                self._quote, at, begins = sign, at + 1, False
            elif sign == "#" and (at == 0 or line[at - 1] in " \t;&|("):
                self._operator = bool(_OPERATOR_AT_END.search(line[:at]))
                return False
            else:
                at, begins = self._plain(line, at, begins)
        self._operator = not self._quote and bool(_OPERATOR_AT_END.search(line))
        return False

    def _in_quote(self, line: str, at: int) -> int:
        if line[at] == "\\" and self._quote != "'":
            return at + 2
        if line[at] == self._quote:
            self._quote = ""
        return at + 1

    def _plain(self, line: str, at: int, begins: bool) -> tuple[int, bool]:
        """Follow what is not quoted from `at` on; `begins` says whether a command begins here."""
        sign = line[at]
        if line.startswith(("$((", "${", "$("), at):
            opened = "((" if line.startswith("$((", at) else line[at + 1]
            self._open.append({"((": "))", "{": "}$", "(": ")"}[opened])
            return at + 1 + len(opened), opened == "("
        top = self._open[-1] if self._open else ""
        if line.startswith("<<", at) and top != "))":
            if line.startswith("<<<", at):
                return at + 3, False
            here = _HEREDOC.match(line, at)
            if here is not None:
                self._heredocs.append((here[2] or here[3] or here[4], bool(here[1])))
                return here.end(), False
        if line.startswith("((", at) and begins:
            self._open.append("))")
            return at + 2, False
        if (top == "))" and line.startswith("))", at)) or (top == "}$" and sign == "}"):
            self._open.pop()
            return at + len(top.rstrip("$")), False
        if sign in "()":
            return at + 1, self._parenthesis(sign, top)
        if sign in ";&|":
            return at + 1, True
        word = _WORD.match(line, at)
        if word is None:
            return at + 1, begins and sign in " \t"
        return word.end(), begins and self._word(word[0], top)

    def _parenthesis(self, sign: str, top: str) -> bool:
        """Follow one; return whether a command may begin behind it."""
        if sign == "(":
            self._open.append(")")
        elif top == ")":
            self._open.pop()
        return True  # also behind a pattern of `case`, and the `()` of a function

    def _word(self, word: str, top: str) -> bool:
        """Follow the first word of a command; return whether another command may begin behind it."""
        if word in _OPENERS:
            self._open.append(_OPENERS[word])
        elif word == "{":
            self._open.append("}")
        elif (word in _CLOSERS or word == "}") and top == word:
            self._open.pop()
        return word in _BEFORE_COMMANDS
