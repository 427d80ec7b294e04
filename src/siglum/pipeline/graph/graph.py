"""Which stage needs which: built once from paths, linear in the number of stages; and orders over it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeAlias

import msgspec

from siglum.core.errors import ConflictError, InvalidInputError
from siglum.pipeline.definition.paths import parents
from siglum.pipeline.definition.stages import Output, Stage

Place: TypeAlias = Callable[[str], str]
"""Says where a stage is written, by its address: file and line."""


class Graph(msgspec.Struct, frozen=True):
    """Edges by address: `upstream` leads to what a stage needs, `downstream` to what needs it."""

    upstream: dict[str, tuple[str, ...]]
    downstream: dict[str, tuple[str, ...]]

    def closure(self, addresses: Iterable[str], *, downstream: bool = False) -> frozenset[str]:
        """Return `addresses` and all that they need (or all that needs them), directly or not."""
        edges = self.downstream if downstream else self.upstream
        found: set[str] = set()
        todo = list(addresses)
        while todo:
            address = todo.pop()
            if address not in found:
                found.add(address)
                todo.extend(edges[address])
        return frozenset(found)

    def order(self, among: frozenset[str] | None = None) -> tuple[str, ...]:
        """Return the stages so that each stands behind what it needs: DVC's depth-first post-order."""
        done: set[str] = set()
        ordered: list[str] = []
        for start in self.upstream:
            if start in done or (among is not None and start not in among):
                continue
            done.add(start)
            stack: list[tuple[str, Iterator[str]]] = [(start, iter(self.upstream[start]))]
            while stack:
                address, needs = stack[-1]
                following = next((n for n in needs if n not in done and (among is None or n in among)), None)
                if following is None:
                    ordered.append(address)
                    stack.pop()
                else:
                    done.add(following)
                    stack.append((following, iter(self.upstream[following])))
        return tuple(ordered)

    def without_upstream(self, addresses: Iterable[str]) -> Graph:
        """Return the graph where these stages need nothing: what frozen stages depend on is left alone."""
        cut = set(addresses)
        if not cut:
            return self
        upstream = {address: () if address in cut else needs for address, needs in self.upstream.items()}
        return Graph(upstream, _reversed(upstream))


def build_graph(stages: Mapping[str, Stage], place: Place | None = None) -> Graph:
    """Connect stages by their paths; a dependency inside an output folder, or a folder that holds outputs, counts.

    Raises ConflictError when two stages claim an output, or one output (or a stage's file) lies inside another;
    InvalidInputError that shows the way around when stages need each other in a circle. Errors name the `place` of
    stages; that is asked for no other reason.
    """
    owners = _claim_outputs(stages, place)
    inside = _outputs_inside(owners)
    upstream: dict[str, tuple[str, ...]] = {}
    for address, stage in stages.items():
        needs: dict[str, None] = {}
        for key in (*(dep.key for dep in stage.deps if not dep.is_remote), *(p.key for p in stage.params)):
            for above in (*parents(key), key):
                if above in owners:
                    needs[owners[above][0].address] = None
            for below in inside.get(key, ()):
                needs[owners[below][0].address] = None
        upstream[address] = tuple(needs)
    graph = Graph(upstream, _reversed(upstream))
    _check_acyclic(graph, place)
    return graph


def _at(place: Place | None, *addresses: str) -> str:
    """Return the places of stages as the beginning of a sentence about them."""
    if place is None:
        return ""
    return " and ".join(dict.fromkeys(place(address) for address in addresses)) + ": "


def _claim_outputs(stages: Mapping[str, Stage], place: Place | None) -> dict[str, tuple[Stage, Output]]:
    owners: dict[str, tuple[Stage, Output]] = {}
    for stage in stages.values():
        for out in stage.outs:
            if out.key in owners:
                other = owners[out.key][0]
                raise ConflictError(
                    f"{_at(place, other.address, stage.address)}The output '{out.key}' is claimed by two stages: "
                    f"'{other.address}' and '{stage.address}'.",
                    hint="Each output belongs to one stage.",
                )
            owners[out.key] = (stage, out)
    for key, (stage, _) in owners.items():
        for above in parents(key):
            if above in owners:
                outer = owners[above][0].address
                raise ConflictError(
                    f"{_at(place, outer, stage.address)}The output '{key}' of '{stage.address}' lies inside the "
                    f"output '{above}' of '{outer}'.",
                    hint="Keep outputs in separate folders, or track the outer folder only.",
                )
    for stage in stages.values():
        for above in parents(stage.file):
            if above in owners:
                outer = owners[above][0].address
                raise ConflictError(
                    f"{_at(place, outer)}'{stage.file}' lies inside the output '{above}' of '{outer}'.",
                    hint="Move it out: what is in an output is replaced when its stage runs.",
                )
    return owners


def _outputs_inside(owners: Mapping[str, tuple[Stage, Output]]) -> dict[str, list[str]]:
    """Return for each folder the outputs below it."""
    inside: dict[str, list[str]] = {}
    for key in owners:
        for above in ("", *parents(key)):
            inside.setdefault(above, []).append(key)
    return inside


def _reversed(upstream: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    downstream: dict[str, list[str]] = {address: [] for address in upstream}
    for address, needs in upstream.items():
        for need in needs:
            downstream[need].append(address)
    return {address: tuple(users) for address, users in downstream.items()}


def _check_acyclic(graph: Graph, place: Place | None) -> None:
    position = {address: i for i, address in enumerate(graph.order())}
    for address, needs in graph.upstream.items():
        for need in needs:
            if position[need] >= position[address]:
                way = " -> ".join(f"'{stage}'" for stage in (*_way(graph, address, need), address))
                raise InvalidInputError(
                    f"{_at(place, address)}The stages need each other in a circle: {way}.",
                    hint="Each arrow leads from a stage to one that needs its output; take one of them away.",
                )


def _way(graph: Graph, start: str, goal: str) -> list[str]:
    """Return a shortest way from `start` down to `goal`, both included."""
    came_from: dict[str, str | None] = {start: None}
    todo = [start]
    for address in todo:
        if address == goal:
            break
        for user in graph.downstream[address]:
            if user not in came_from:
                came_from[user] = address
                todo.append(user)
    way = [goal]
    while (before := came_from[way[-1]]) is not None:
        way.append(before)
    return way[::-1]
