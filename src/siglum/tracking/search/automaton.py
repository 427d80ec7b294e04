"""Match a regular expression in time that grows with the text alone: states are sets of places in the expression.

What follows from a state by a character is remembered, so that most characters cost one look-up.
"""

from __future__ import annotations

import functools
import threading
from typing import Final, TypeAlias

from siglum.tracking.search.regex import Chars, Edge, Either, Regex, Repeat, Sequence, Span, parse_regex

_REMEMBERED: Final = 10_000
"""Transitions that one matcher keeps before it begins anew."""

_State: TypeAlias = frozenset[int]


class _Program:
    """An expression as steps: characters to be read, ways that part, edges of the text, and the match."""

    def __init__(self, tree: Regex) -> None:
        self.spans: dict[int, tuple[Span, ...]] = {}
        self.ways: dict[int, tuple[int, ...]] = {}
        self.edges: dict[int, bool] = {}
        self.next: dict[int, int] = {}
        self._size = 0
        self.start = self._step()
        self.match = self._add(tree, self.start)

    def _step(self) -> int:
        self._size += 1
        return self._size - 1

    def _add(self, tree: Regex, begin: int) -> int:
        """Add what `tree` does from step `begin` on, and return the step that follows it."""
        if isinstance(tree, Chars | Edge):
            if isinstance(tree, Chars):
                self.spans[begin] = tree.spans
            else:
                self.edges[begin] = tree.is_end
            end = self._step()
            self.next[begin] = end
            return end
        if isinstance(tree, Sequence):
            for part in tree.parts:
                begin = self._add(part, begin)
            return begin
        if isinstance(tree, Either):
            begins = [self._step() for _ in tree.parts]
            self.ways[begin] = tuple(begins)
            ends = [self._add(part, place) for part, place in zip(tree.parts, begins, strict=True)]
            end = self._step()
            for place in ends:
                self.ways[place] = (end,)
            return end
        return self._repeat(tree, begin)

    def _repeat(self, tree: Repeat, begin: int) -> int:
        for _ in range(tree.least):
            begin = self._add(tree.part, begin)
        end = self._step()
        if tree.most is None:
            inner = self._step()
            self.ways[begin] = (inner, end)
            self.ways[self._add(tree.part, inner)] = (begin,)
            return end
        for _ in range(tree.most - tree.least):
            inner = self._step()
            self.ways[begin] = (inner, end)
            begin = self._add(tree.part, inner)
        self.ways[begin] = (end,)
        return end


class Matcher:
    """Tells whether an expression matches somewhere in a text. May be used from any thread."""

    def __init__(self, pattern: str) -> None:
        self._program = _Program(parse_regex(pattern))
        self._lock = threading.Lock()
        self._reached: dict[tuple[_State, bool, bool], tuple[_State, bool]] = {}
        self._transitions: dict[tuple[_State, str], _State] = {}

    def search(self, text: str) -> bool:
        """Return whether the expression matches somewhere in `text`."""
        with self._lock:
            state = frozenset({self._program.start})
            for position, character in enumerate(text):
                reading, matched = self._reach(state, position == 0, False)
                if matched:
                    return True
                key = (reading, character)
                following = self._transitions.get(key)
                if following is None:
                    following = self._after(reading, character)
                    if len(self._transitions) >= _REMEMBERED:
                        self._transitions.clear()
                        self._reached.clear()
                    self._transitions[key] = following
                state = following
            return self._reach(state, not text, True)[1]

    def _reach(self, state: _State, at_start: bool, at_end: bool) -> tuple[_State, bool]:
        """Return the steps that read a character and can be reached without one, and whether the match can."""
        key = (state, at_start, at_end)
        found = self._reached.get(key)
        if found is None:
            program = self._program
            seen, waiting, reading = set(state), list(state), []
            while waiting:
                step = waiting.pop()
                if step in program.spans:
                    reading.append(step)
                    continue
                onwards: tuple[int, ...] = program.ways.get(step, ())
                if step in program.edges and (at_end if program.edges[step] else at_start):
                    onwards = (program.next[step],)
                for place in onwards:
                    if place not in seen:
                        seen.add(place)
                        waiting.append(place)
            found = self._reached[key] = frozenset(reading), program.match in seen
        return found

    def _after(self, reading: _State, character: str) -> _State:
        code, program = ord(character), self._program
        taken = {
            program.next[step] for step in reading if any(first <= code <= last for first, last in program.spans[step])
        }
        return frozenset(taken | {program.start})


@functools.lru_cache(maxsize=64)
def matcher(pattern: str) -> Matcher:
    """Return the matcher of an expression, which is kept for the next time. Raises RegexError."""
    return Matcher(pattern)
