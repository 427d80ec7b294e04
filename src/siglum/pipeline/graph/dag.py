"""The graph of a pipeline as people look at it: of stages, of outputs, or of groups of stages. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from siglum.pipeline.definition.paths import parents
from siglum.pipeline.definition.stages import Stage
from siglum.pipeline.graph.graph import Graph


class Dag(msgspec.Struct, frozen=True):
    """Names in the pipeline's order, and for each those that need it."""

    nodes: tuple[str, ...]
    users: dict[str, tuple[str, ...]]

    @property
    def needs(self) -> dict[str, tuple[str, ...]]:
        """For each name what it needs."""
        found: dict[str, list[str]] = {node: [] for node in self.nodes}
        for node in self.nodes:
            for user in self.users[node]:
                found[user].append(node)
        return {node: tuple(needs) for node, needs in found.items()}

    def within(self, kept: Iterable[str]) -> Dag:
        """Return the part that consists of these names and what is between them."""
        names = frozenset(kept)
        return Dag(
            tuple(node for node in self.nodes if node in names),
            {node: tuple(u for u in users if u in names) for node, users in self.users.items() if node in names},
        )

    def upstream(self, names: Iterable[str]) -> frozenset[str]:
        """Return `names` and all that they need, directly or not."""
        return _reached(names, self.needs.__getitem__)

    def components(self) -> list[list[str]]:
        """Return the parts that have nothing to do with each other, each in the pipeline's order."""
        needs = self.needs
        found: list[list[str]] = []
        part_of: dict[str, int] = {}
        for node in self.nodes:
            if node not in part_of:
                reached = _reached([node], lambda each: (*needs[each], *self.users[each]))
                part_of.update(dict.fromkeys(reached, len(found)))
                found.append([])
            found[part_of[node]].append(node)
        return found

    def connected(self, names: Iterable[str]) -> frozenset[str]:
        """Return all that has to do with `names`, upstream, downstream or beside."""
        wanted = frozenset(names)
        return frozenset(node for part in self.components() if not wanted.isdisjoint(part) for node in part)

    def collapsed(self, group_of: Callable[[str], str | None]) -> Dag:
        """Return the graph in which one name stands for each group; those come last."""
        alone = [node for node in self.nodes if group_of(node) is None]
        groups = dict.fromkeys(group for node in self.nodes if (group := group_of(node)) is not None)
        nodes = (*alone, *groups)
        users: dict[str, dict[str, None]] = {node: {} for node in nodes}
        for node in self.nodes:
            name = group_of(node) or node
            for user in self.users[node]:
                other = group_of(user) or user
                if other != name:
                    users[name][other] = None
        return Dag(nodes, {node: tuple(found) for node, found in users.items()})


def stage_dag(graph: Graph, shown: Mapping[str, str]) -> Dag:
    """Return the graph of stages; `shown` gives the name of each address."""
    return Dag(
        tuple(shown[address] for address in graph.upstream),
        {shown[address]: tuple(shown[user] for user in users) for address, users in graph.downstream.items()},
    )


def output_dag(stages: Iterable[Stage], shown: Callable[[str], str]) -> Dag:
    """Return the graph of outputs: each leads to the outputs of the stages that read it."""
    listed = list(stages)
    keys = [out.key for stage in listed for out in stage.outs]
    inside: dict[str, list[str]] = {}
    for key in keys:
        for above in (*parents(key), ""):
            inside.setdefault(above, []).append(key)
    known = frozenset(keys)
    users: dict[str, dict[str, None]] = {key: {} for key in keys}
    for stage in listed:
        read = [dep.key for dep in stage.deps if not dep.is_remote] + [dep.key for dep in stage.params]
        for key in read:
            sources = [above for above in (*parents(key), key) if above in known] + inside.get(key, [])
            for source in sources:
                users[source].update(dict.fromkeys(out.key for out in stage.outs))
    return Dag(
        tuple(shown(key) for key in keys),
        {shown(key): tuple(shown(user) for user in found) for key, found in users.items()},
    )


def as_dot(dag: Dag) -> str:
    """Return a graph in the language of Graphviz, in DVC's form."""
    lines = [f"{_dot(node)};" for node in dag.nodes]
    lines += [f"{_dot(node)} -> {_dot(user)};" for node in dag.nodes for user in dag.users[node]]
    return "\n".join(["strict digraph {", *lines, "}", ""])


def as_mermaid(dag: Dag) -> str:
    """Return a graph as a Mermaid flow chart, in DVC's form: part by part, each part's names sorted."""
    lines = ["flowchart TD"]
    number = 0
    for part in dag.components():
        numbers = {node: number + i for i, node in enumerate(sorted(part), start=1)}
        number += len(part)
        lines += [f'\tnode{n}["{_mermaid(node)}"]' for node, n in numbers.items()]
        for node, n in numbers.items():
            lines += [f"\tnode{n}-->node{user}" for user in sorted(numbers[user] for user in dag.users[node])]
    return "\n".join(lines)


def as_markdown(dag: Dag) -> str:
    """Return a graph as a block of Markdown that holds a Mermaid flow chart."""
    return f"```mermaid\n{as_mermaid(dag)}\n```"


def _dot(name: str) -> str:
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _mermaid(name: str) -> str:
    return name.replace('"', "#quot;")


def _reached(names: Iterable[str], edges: Callable[[str], Sequence[str]]) -> frozenset[str]:
    found: set[str] = set()
    todo = list(names)
    while todo:
        name = todo.pop()
        if name not in found:
            found.add(name)
            todo.extend(edges(name))
    return frozenset(found)
