"""Which stage needs which, in what order, and the pipelines that cannot be."""

from __future__ import annotations

import itertools
import sys

import pytest

from siglum.core.errors import ConflictError, InvalidInputError
from siglum.pipeline.definition.schema import OutputKind
from siglum.pipeline.definition.stages import Dependency, Output, ParamsDependency, Stage
from siglum.pipeline.graph.graph import Graph, build_graph


def stage(name: str, deps: str = "", outs: str = "", params: str = "", file: str = "dvc.yaml") -> Stage:
    return Stage(
        name,
        name,
        file,
        "",
        command=f"run {name}",
        deps=tuple(Dependency(path, path) for path in deps.split()),
        outs=tuple(Output(path, path, OutputKind.OUTS) for path in outs.split()),
        params=tuple(ParamsDependency(path, path) for path in params.split()),
    )


def graph_of(*stages: Stage) -> Graph:
    return build_graph({each.address: each for each in stages})


def test_edges_and_order() -> None:
    graph = graph_of(
        stage("eval", deps="model data/test"),
        stage("train", deps="data/train", outs="model"),
        stage("split", deps="raw", outs="data"),
        stage("lone"),
    )
    assert graph.upstream == {"eval": ("train", "split"), "train": ("split",), "split": (), "lone": ()}
    assert graph.order() == ("split", "train", "eval", "lone")
    assert graph.order(graph.closure(["train"])) == ("split", "train")
    assert graph.closure(["split"], downstream=True) == {"split", "train", "eval"}


def test_a_dependency_on_a_folder_needs_every_stage_that_writes_into_it() -> None:
    graph = graph_of(stage("b", deps="dir"), stage("a1", outs="dir/x"), stage("a2", outs="dir/sub/y"), stage("c", "d"))
    assert set(graph.upstream["b"]) == {"a1", "a2"}


def test_names_that_begin_alike_are_not_folders_of_each_other() -> None:
    assert graph_of(stage("b", deps="data2/x"), stage("a", outs="data")).upstream["b"] == ()


def test_a_parameters_file_may_be_an_output() -> None:
    assert graph_of(stage("b", params="best.yaml"), stage("a", outs="best.yaml")).upstream["b"] == ("a",)


def test_a_frozen_stage_needs_nothing() -> None:
    graph = graph_of(stage("b", deps="x"), stage("a", outs="x"))
    assert graph.without_upstream(["b"]).upstream["b"] == ()
    assert graph.without_upstream([]) is graph


def test_a_circle_is_shown() -> None:
    with pytest.raises(InvalidInputError) as caught:
        graph_of(stage("c", "b", "c"), stage("a", "c", "a"), stage("b", "a", "b"), stage("x", "a", "x"))
    assert "in a circle: " in caught.value.message
    shown = caught.value.message.partition(": ")[2].rstrip(".").split(" -> ")
    assert shown[0] == shown[-1]
    assert set(shown) == {"'a'", "'b'", "'c'"}
    following = {"'a'": "'b'", "'b'": "'c'", "'c'": "'a'"}
    assert all(following[left] == right for left, right in itertools.pairwise(shown))


def test_a_stage_that_needs_its_own_output() -> None:
    with pytest.raises(InvalidInputError, match="in a circle: 'a' -> 'a'"):
        graph_of(stage("a", "dir/x", "dir"))


def test_an_output_claimed_twice() -> None:
    with pytest.raises(ConflictError, match="The output 'x' is claimed by two stages: 'a' and 'b'"):
        graph_of(stage("a", outs="x"), stage("b", outs="x"))


@pytest.mark.parametrize("order", [1, -1])
def test_an_output_inside_another(order: int) -> None:
    stages = [stage("a", outs="d"), stage("b", outs="d/sub/x")][::order]
    with pytest.raises(ConflictError, match="'d/sub/x' of 'b' lies inside the output 'd' of 'a'"):
        graph_of(*stages)


def test_a_stage_file_inside_an_output() -> None:
    with pytest.raises(ConflictError, match=r"'d/dvc\.yaml' lies inside the output 'd' of 'a'"):
        graph_of(stage("a", outs="d"), stage("b", outs="x", file="d/dvc.yaml"))


def test_work_grows_with_the_number_of_stages_and_depth_is_no_limit() -> None:
    """Ten times the stages take ten times the steps, counted as line events of the graph's own code."""

    def steps(n: int) -> int:
        stages = {f"s{i}": stage(f"s{i}", deps=f"o/{i - 1}" if i else "raw", outs=f"o/{i}") for i in range(n)}
        counted = 0

        def count(frame: object, event: str, argument: object) -> object:
            nonlocal counted
            counted += event == "line"
            return count

        before = sys.gettrace()
        sys.settrace(count)  # type: ignore[arg-type]
        try:
            graph = build_graph(stages)
            assert len(graph.order()) == n
        finally:
            sys.settrace(before)
        return counted

    assert steps(3000) < 12 * steps(300)
