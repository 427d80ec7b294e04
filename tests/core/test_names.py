from __future__ import annotations

import posixpath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from siglum.core.errors import InvalidInputError
from siglum.core.names import (
    check_alias,
    check_experiment_name,
    check_key,
    check_page_size,
    check_registered_model_name,
    check_run_id,
    check_text,
    parse_experiment_id,
    parse_version,
)


@given(st.text(alphabet="ab./- _:ö\x00\n", max_size=8))
def test_a_key_that_is_accepted_is_a_path_below_a_folder(key: str) -> None:
    try:
        check_key(key, "key")
    except InvalidInputError:
        return
    joined = posixpath.normpath(posixpath.join("/root", key))
    assert joined == f"/root/{key}"
    assert "\n" not in key


@pytest.mark.parametrize("key", ["a\n", "a\x00", "a\ud800", "a" * 251, "../a", "a/.."])
def test_bad_keys(key: str) -> None:
    with pytest.raises(InvalidInputError, match=r"metrics\[0\].name"):
        check_key(key, "metrics[0].name")


def test_a_length_is_said_with_its_limit() -> None:
    with pytest.raises(InvalidInputError, match="maximum length of 1,000 characters: it has 1,001"):
        check_text("x" * 1001, "value", 1000)


@pytest.mark.parametrize("text", ["", "x", "-1", "1.0", "²", "１", " 1", "9" * 30, "1\n"])
def test_ids_that_are_no_numbers(text: str) -> None:
    for parse in (parse_experiment_id, parse_version):
        with pytest.raises(InvalidInputError):
            parse(text)


def test_numbers() -> None:
    assert parse_experiment_id("0") == 0
    assert parse_version("12") == 12
    assert check_page_size(1, 10) == 1


@pytest.mark.parametrize("alias", ["latest", "LATEST", "v1", "", "a b", "x\n"])
def test_bad_aliases(alias: str) -> None:
    with pytest.raises(InvalidInputError):
        check_alias(alias)


@pytest.mark.parametrize("name", ["a/b", "a:b", "", "..", "a\x1fb", "\udfff"])
def test_bad_model_names(name: str) -> None:
    with pytest.raises(InvalidInputError):
        check_registered_model_name(name)


@pytest.mark.parametrize("run_id", ["", "-a", "a/b", "a\n", "a" * 257])
def test_bad_run_ids(run_id: str) -> None:
    with pytest.raises(InvalidInputError):
        check_run_id(run_id)


@pytest.mark.parametrize("value", [None, 5, b"a", ["a"]])
def test_what_is_not_text_is_refused_with_one_sentence(value: object) -> None:
    """A training script is not type-checked: `siglum.set_experiment(5)` must not end in an AttributeError."""
    for check in (lambda v: check_key(v, "key"), check_experiment_name, check_registered_model_name):
        with pytest.raises(InvalidInputError, match="is not text"):
            check(value)  # type: ignore[arg-type]
