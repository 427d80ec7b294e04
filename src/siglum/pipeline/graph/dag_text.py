"""A graph as text that fits a terminal: every name once, below what it needs. Pure, linear in names and edges.

    raw.dvc
    |
    prepare  <- in.dvc
    |-- features@gb
    |
    features@us
    |
    train  <- features@gb

A line down leads to what needs the name above it; behind an arrow stands what a name needs besides. Of several that
need a name, the one with the most behind it goes on straight down and the others branch off, so that even a thousand
stages branch no deeper than ten times.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from siglum.pipeline.graph.dag import Dag

_BRANCH = "|-- "
_BESIDE = "|   "


def draw(dag: Dag, width: int = 80) -> list[str]:
    """Return the lines of a drawing. Lists of further needs are cut to `width`, names never."""
    forest = _Forest(dag)
    lines: list[str] = []
    alone_before = True
    for part in dag.components():
        alone = len(part) == 1
        if lines and not (alone and alone_before):
            lines.append("")
        alone_before = alone
        # What only feeds a tree stands before it, so that arrows lead back.
        trees = sorted((node for node in part if forest.above[node] is None), key=forest.size.__getitem__)
        for i, root in enumerate(trees):
            if i and forest.size[root] > 1:
                lines.append("")
            lines += (
                _with_needs(prefix, name, forest.beside.get(name, ()), width) for prefix, name in forest.walk(root)
            )
    return [line.rstrip() for line in lines]


class _Forest:
    """Every name under one of those that it needs, the one that comes last; `beside` holds the others."""

    def __init__(self, dag: Dag) -> None:
        needs = dag.needs
        order = _order(dag.nodes, needs)
        depth: dict[str, int] = {}
        for node in order:
            depth[node] = 1 + max((depth[need] for need in needs[node]), default=0)
        self.above = {node: max(needs[node], key=depth.__getitem__, default=None) for node in dag.nodes}
        self.beside = {node: [need for need in needs[node] if need != self.above[node]] for node in dag.nodes}
        self._below: dict[str, list[str]] = {node: [] for node in dag.nodes}
        for node in dag.nodes:
            above = self.above[node]
            if above is not None:
                self._below[above].append(node)
        self.size: dict[str, int] = {}
        for node in reversed(order):
            self.size[node] = 1 + sum(self.size[each] for each in self._below[node])

    def walk(self, root: str, prefix: str = "", first: str = "") -> Iterator[tuple[str, str]]:
        """Yield the lines of one tree: what stands before a name, and the name, "" for a line without one."""
        node, before = root, first or prefix
        while True:
            yield before, node
            below = self._below[node]
            if not below:
                return
            straight = max(reversed(below), key=self.size.__getitem__)
            for each in below:
                if each != straight:
                    yield from self.walk(each, prefix + _BESIDE, prefix + _BRANCH)
            yield prefix + "|", ""
            node, before = straight, prefix


def _order(nodes: Sequence[str], needs: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the names so that each stands behind what it needs."""
    waiting = {node: len(needs[node]) for node in nodes}
    users: dict[str, list[str]] = {node: [] for node in nodes}
    for node in nodes:
        for need in needs[node]:
            users[need].append(node)
    ordered = [node for node in nodes if not waiting[node]]
    for node in ordered:
        for user in users[node]:
            waiting[user] -= 1
            if not waiting[user]:
                ordered.append(user)
    return ordered


def _with_needs(prefix: str, name: str, needs: Sequence[str], width: int) -> str:
    line = prefix + name
    if not needs:
        return line
    shown = list(needs)
    while True:
        left = len(needs) - len(shown)
        rest = f"{', ' if shown else ''}{left} more" if left else ""
        whole = f"{line}  <- {', '.join(shown)}{rest}"
        if len(whole) <= width or not shown:
            return whole
        shown.pop()
