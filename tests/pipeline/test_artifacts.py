"""What Git's tags say of artifacts."""

from __future__ import annotations

import itertools

import pytest

from siglum.core.errors import InvalidInputError
from siglum.pipeline.results.artifacts import Event, commit_of, precedence, read_events, split_name
from siglum.workspace.git_history import AnnotatedTag


def events(*tags: str) -> list[Event]:
    return read_events(AnnotatedTag(name, f"c{number}", number) for number, name in enumerate(tags))


def test_tags_are_read_in_the_order_of_time() -> None:
    tags = [
        AnnotatedTag("m@v1.0.0", "new", 2),
        AnnotatedTag("m#prod#12", "old", 1),
        AnnotatedTag("a/b=m@v1.0.0-rc.1!", "x", 3),
        AnnotatedTag("v1.0", "x", 4),
        AnnotatedTag("m@latest", "x", 5),
        AnnotatedTag("m@v01.0.0", "x", 6),
    ]
    assert read_events(tags) == [
        Event("m", "old", stage="prod"),
        Event("m", "new", version="v1.0.0"),
        Event("a/b:m", "x", version="v1.0.0-rc.1", undone=True),
    ]


def test_versions() -> None:
    given = events("m@v1.9.0", "m@v1.10.0", "m@v1.2.0")
    assert commit_of(given, None, None) == "c1"
    assert commit_of(given, "v1.2.0", None) == "c2"
    assert commit_of(given, "v3.0.0", None) is None
    taken_back = events("m@v1.9.0", "m@v1.10.0", "m@v1.10.0!")
    assert commit_of(taken_back, None, None) == "c0"
    assert commit_of(taken_back, "v1.10.0", None) is None
    assert commit_of([], None, None) is None
    assert commit_of(events("m#prod"), None, None) is None


def test_stages() -> None:
    given = events("m#prod#1", "m#dev#2", "m#prod#3")
    assert commit_of(given, None, "prod") == "c2"
    assert commit_of(given, None, "dev") == "c1"
    assert commit_of(given, None, "test") is None
    last = given[-1]
    undone = [*given, Event("m", last.commit, stage="prod", undone=True)]
    assert commit_of(undone, None, "prod") == "c0"


def test_the_order_of_versions_is_that_of_semver() -> None:
    ordered = [
        "v1.0.0-alpha", "v1.0.0-alpha.1", "v1.0.0-alpha.beta", "v1.0.0-beta", "v1.0.0-beta.2", "v1.0.0-beta.11",
        "v1.0.0-rc.1", "v1.0.0", "v1.0.1", "v1.9.0", "v1.10.0", "v2.0.0",
    ]  # fmt: skip
    for lower, higher in itertools.pairwise(ordered):
        assert precedence(lower) < precedence(higher), (lower, higher)
    assert precedence("v1.0.0+build") == precedence("v1.0.0")


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("model", ("", "model")),
        ("dir:model", ("dir", "model")),
        ("a/b/dvc.yaml:model", ("a/b", "model")),
        ("dvc.yaml:model", ("", "model")),
    ],
)
def test_names(name: str, split: tuple[str, str]) -> None:
    assert split_name(name) == split


@pytest.mark.parametrize("name", ["", "a b", "-x", "dir:", "a:b:c", "ümlaut"])
def test_what_cannot_be_a_name(name: str) -> None:
    with pytest.raises(InvalidInputError, match="cannot be the name"):
        split_name(name)
