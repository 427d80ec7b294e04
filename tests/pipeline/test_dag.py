"""Graphs as they are drawn and written."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from siglum.pipeline.graph.dag import Dag, as_dot, as_markdown, as_mermaid
from siglum.pipeline.graph.dag_text import draw


def dag(*edges: str, alone: str = "") -> Dag:
    """`a>b` says that b needs a."""
    pairs = [tuple(edge.split(">")) for edge in edges]
    nodes = dict.fromkeys([node for pair in pairs for node in pair] + alone.split())
    return Dag(tuple(nodes), {node: tuple(b for a, b in pairs if a == node) for node in nodes})


FORK = dag("raw>prep", "in>prep", "prep>left", "prep>right", "right>model", "left>model", "model>report", alone="lone")


def test_dot() -> None:
    assert as_dot(dag("b>a", 'b>q"')) == 'strict digraph {\n"b";\n"a";\n"q\\"";\n"b" -> "a";\n"b" -> "q\\"";\n}\n'
    assert as_dot(Dag((), {})) == "strict digraph {\n}\n"


def test_mermaid_numbers_each_part_by_name() -> None:
    chart = dag("z>y", "z>x", "b>a", alone="lone q")
    assert as_mermaid(chart).split("\n\t") == [
        "flowchart TD", 'node1["x"]', 'node2["y"]', 'node3["z"]', "node3-->node1", "node3-->node2",
        'node4["a"]', 'node5["b"]', "node5-->node4", 'node6["lone"]', 'node7["q"]',
    ]  # fmt: skip
    assert as_markdown(Dag((), {})) == "```mermaid\nflowchart TD\n```"
    assert "#quot;" in as_mermaid(dag(alone='a"b'))


def test_parts_of_a_graph() -> None:
    assert FORK.upstream(["left"]) == {"left", "prep", "raw", "in"}
    assert FORK.connected(["raw"]) == set(FORK.nodes) - {"lone"}
    part = FORK.within(["prep", "left", "model"])
    assert part.nodes == ("prep", "left", "model")
    assert part.users == {"prep": ("left",), "left": ("model",), "model": ()}


def test_collapsed_groups_come_last() -> None:
    grouped = dag("a>g@1", "a>g@2", "g@1>g@2", "g@1>b", "g@2>b").collapsed(
        lambda name: name.partition("@")[0] if "@" in name else None
    )
    assert grouped.nodes == ("a", "b", "g")
    assert grouped.users == {"a": ("g",), "b": (), "g": ("b",)}


def test_a_drawing() -> None:
    assert draw(FORK) == [
        "in",
        "",
        "raw",
        "|",
        "prep  <- in",
        "|-- right",
        "|",
        "left",
        "|",
        "model  <- right",
        "|",
        "report",
        "",
        "lone",
    ]


def test_needs_are_cut_to_the_width_and_names_are_not() -> None:
    many = dag(*(f"source-{i}>result" for i in range(20)))
    line = next(line for line in draw(many, 60) if line.startswith("result"))
    assert line == "result  <- source-1, source-2, source-3, source-4, 15 more"
    long = "x" * 100
    assert draw(dag(f"a>{long}"), 60)[-1] == long
    assert draw(dag(f"a>{long}", f"b>{long}"), 60)[-1] == f"{long}  <- 1 more"


def test_a_long_chain_and_a_wide_fan_stay_narrow() -> None:
    chain = Dag(tuple(map(str, range(3000))), {str(i): (str(i + 1),) if i < 2999 else () for i in range(3000)})
    assert max(map(len, draw(chain))) == 4
    # A full binary tree is the worst case for the width.
    nodes = [str(i) for i in range(1, 1024)]
    tree = Dag(tuple(nodes), {n: tuple(str(2 * int(n) + i) for i in (0, 1) if 2 * int(n) < 1024) for n in nodes})
    assert max(map(len, draw(tree))) <= 4 * 10 + 4


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)).filter(lambda pair: pair[0] < pair[1]), max_size=60))
def test_every_name_is_drawn_once_with_all_that_it_needs(pairs: list[tuple[int, int]]) -> None:
    graph = dag(*dict.fromkeys(f"n{a}>n{b}" for a, b in pairs), alone="alone")
    lines = draw(graph, 10_000)
    named = [line.lstrip("|- ") for line in lines if line.strip("|- ")]
    assert sorted(line.partition("  <- ")[0] for line in named) == sorted(graph.nodes)
    needs = graph.needs
    for line in named:
        name, _, others = line.partition("  <- ")
        listed = others.split(", ") if others else []
        assert set(listed) <= set(needs[name])
        assert len(listed) == max(len(needs[name]) - 1, 0)
