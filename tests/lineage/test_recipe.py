"""The recipe's canonical form and digest: fixed values, order, and that every change shows."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from siglum.core.errors import FileFormatError
from siglum.lineage.recipe import Recipe, RecipeCode, make_recipe, parse_recipe

COMMIT = "3ef405900ce7a20c5a0a3e66cc2404e40b6fb401"
EXAMPLE = make_recipe(
    code=RecipeCode(COMMIT, "c9" * 32),
    data=[("data/b.csv", "md5:" + "b" * 32), ("data/a", "md5:" + "a" * 32 + ".dir")],
    params={"depth": "3", "alpha": "0.1"},
    env="sha256:" + "e" * 64,
    command=["python", "train.py", "--fast"],
    seeds={"random": 7},
)
EXAMPLE_JSON = (
    '{"code":{"commit":"' + COMMIT + '","diff":"' + "c9" * 32 + '"},'
    '"command":["python","train.py","--fast"],'
    '"data":[["data/a","md5:' + "a" * 32 + '.dir"],["data/b.csv","md5:' + "b" * 32 + '"]],'
    '"env":"sha256:' + "e" * 64 + '",'
    '"params":{"alpha":"0.1","depth":"3"},'
    '"seeds":{"random":7}}'
)  # fmt: skip


def test_the_canonical_form_is_fixed() -> None:
    assert EXAMPLE.to_json().decode() == EXAMPLE_JSON
    assert EXAMPLE.digest == "sha256:" + hashlib.sha256(EXAMPLE_JSON.encode()).hexdigest()
    assert EXAMPLE.digest == "sha256:80c0c6b623eba56d6730788b8b01f6bf60928f24f747087c9ff34e9288744934"


def test_nothing_known_is_a_recipe_too() -> None:
    assert Recipe().to_json() == (
        b'{"code":{"commit":null,"diff":null},"command":[],"data":[],"env":null,"params":{},"seeds":{}}'
    )


def test_it_reads_back() -> None:
    assert parse_recipe(EXAMPLE.to_json(), "x") == EXAMPLE
    for text in ("[]", "{", '{"params": {"a": 1}}'):
        with pytest.raises(FileFormatError, match=r"recipe\.json"):
            parse_recipe(text, "recipe.json")


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
RECIPES = st.builds(
    make_recipe,
    code=st.builds(RecipeCode, st.none() | TEXTS, st.none() | TEXTS),
    data=st.lists(st.tuples(TEXTS, TEXTS), max_size=4),
    params=st.dictionaries(TEXTS, TEXTS, max_size=4),
    env=st.none() | TEXTS,
    command=st.lists(TEXTS, max_size=4),
    seeds=st.dictionaries(TEXTS, st.integers(0, 2**32 - 1) | TEXTS, max_size=3),
)


@given(RECIPES, st.randoms(use_true_random=False))
def test_order_does_not_matter(recipe: Recipe, random: Any) -> None:
    def shuffled(mapping: dict[str, Any]) -> dict[str, Any]:
        items = list(mapping.items())
        random.shuffle(items)
        return dict(items)

    data = list(recipe.data)
    random.shuffle(data)
    again = make_recipe(
        code=recipe.code,
        data=data,
        params=shuffled(recipe.params),
        env=recipe.env,
        command=recipe.command,
        seeds=shuffled(recipe.seeds),
    )
    assert again.digest == recipe.digest


@given(RECIPES, RECIPES)
def test_every_change_shows(one: Recipe, other: Recipe) -> None:
    assert (one == other) == (one.digest == other.digest)
    for field in one.__struct_fields__:
        mixed = msgspec.structs.replace(one, **{field: getattr(other, field)})
        assert (mixed.digest == one.digest) == (getattr(one, field) == getattr(other, field))


@given(RECIPES)
def test_anybody_can_check_it_with_json_alone(recipe: Recipe) -> None:
    plain = json.loads(recipe.to_json())
    text = json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert json.loads(text) == plain
    assert parse_recipe(text, "x").digest == recipe.digest
