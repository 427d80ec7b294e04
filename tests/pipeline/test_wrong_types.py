"""Every key of `dvc.yaml` and `dvc.lock` with a value of every kind: taken, or refused with the place, no crash."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tests.pipeline.pipeline_texts import document, parsed

from siglum.core.errors import FileFormatError
from siglum.pipeline.definition.stages import build_stage
from siglum.pipeline.definition.templates import Resolver, place_of
from siglum.pipeline.records.lock import parse_lock

VALUES = (
    "", "null", "1", "1.5", ".nan", "true", "text", "''", "' '", '"\\0"', "2020-01-01",
    "[]", "[1]", "[null]", "['']", "[[]]", "[a, a]", "[2020-01-01]",
    "{}", "{1: 2}", "{a: null}", "{a: 1}", "{a: [1]}", "{a: {b: {c: 1}}}",
    "[{}]", "[{1: 2}]", "[{'': {}}]", "[{a: null}]", "[{a: 1}]", "[{a: [1]}]", "[{a: {b: 1}}]", '["\\0"]',
    "[{a: {cache: 1, persist: x, push: [], remote: 5, desc: {}, type: [], labels: x}}]",
    "'${p}'", "['${p}']", "[{'${p}': '${p}'}]", "{'${p}': '${p}'}",
)  # fmt: skip
PARAMETERS: tuple[Any, ...] = (None, 1, True, "x", "", "\0", [1], {"a": 1})
FLAGS = ("cache", "persist", "push", "remote", "desc", "type", "labels", "meta", "x", "y", "template", "header")
RESOURCES = ("cores", "memory", "gpus", "mutex", "retries", "timeout")
SECTIONS = ("vars", "stages", "params", "metrics", "plots", "artifacts", "datasets")
STAGE = ("wdir", "deps", "params", "vars", "frozen", "meta", "desc", "always_changed", "outs", "metrics", "plots")
LOCKED = ("hash", "md5", "etag", "checksum", "size", "nfiles", "isexec", "version_id", "cloud", "files", "dataset")
PLACES = (
    "HERE",
    *(f"{key}: HERE" for key in SECTIONS),
    "vars: [{a: HERE}]",
    "stages: {a: HERE}",
    *(f"stages: {{a: {{{key}: HERE}}}}" for key in ("cmd", "foreach", "do")),
    *(f"stages: {{a: {{{key}: HERE, cmd: x}}}}" for key in (*STAGE, "matrix", "foreach")),
    *(f"stages: {{a: {{foreach: [1], do: {{{key}: HERE, cmd: x}}}}}}" for key in STAGE),
    "stages: {a: {foreach: HERE, do: {cmd: 'x ${item}'}}}",
    "stages: {a: {matrix: {m: HERE}, cmd: 'x ${item.m}'}}",
    *(f"stages: {{a: {{cmd: x, plots: [{{o: {{{flag}: HERE}}}}]}}}}" for flag in (*FLAGS, "nope")),
    *(f"stages: {{a: {{cmd: x, meta: {{siglum: {{{key}: HERE}}}}}}}}" for key in RESOURCES),
    *(f"artifacts: {{a: {{path: p, {key}: HERE}}}}" for key in ("desc", "type", "labels", "meta")),
    "artifacts: {a: {path: HERE}}",
    *(f"datasets: [{{name: n, {key}: HERE}}]" for key in ("type", "url", "path", "rev")),
    *(f"plots: [{{a: {{{key}: HERE}}}}]" for key in ("x", "y", "title", "template")),
)
ENTRY = "schema: '2.0'\nstages: {a: {cmd: x, "
LOCK_PLACES = (
    "HERE",
    "schema: HERE",
    "schema: '2.0'\nstages: HERE",
    "schema: '2.0'\nstages: {a: HERE}",
    "schema: '2.0'\nstages: {a: {cmd: HERE}}",
    *(f"{ENTRY}{key}: HERE}}}}" for key in ("deps", "params", "outs", "nope")),
    f"{ENTRY}outs: [{{path: HERE}}]}}}}",
    *(f"{ENTRY}outs: [{{path: o, {key}: HERE}}]}}}}" for key in LOCKED),
)


def texts(place: str) -> Iterator[str]:
    for value in VALUES:
        yield place.replace("HERE", value) + "\n"


def assert_placed(text: str, error: FileFormatError) -> None:
    assert error.line is not None, f"{text!r}: {error}"
    assert "\n" not in str(error), f"{text!r}: {error}"


def resolve(text: str, parameter: Any) -> None:
    checked = parsed(text)
    resolver = Resolver(checked, "", {"params.yaml": {"p": parameter}}.get)
    for resolved in resolver.stages():
        build_stage(checked.document, "dvc.yaml", place_of(checked.document, resolved.name), resolved)
    resolver.top()


@pytest.mark.parametrize("place", PLACES)
def test_a_pipeline(place: str) -> None:
    refused = 0
    for text in texts(place):
        for parameter in PARAMETERS if "${p}" in text else (1,):
            try:
                resolve(text, parameter)
            except FileFormatError as error:
                assert_placed(text, error)
                refused += 1
    assert refused or "meta: HERE" in place


@pytest.mark.parametrize("place", LOCK_PLACES)
def test_a_lock_file(place: str) -> None:
    refused = 0
    for text in texts(place):
        try:
            parse_lock(document(text, "dvc.lock"))
        except FileFormatError as error:
            assert_placed(text, error)
            refused += 1
    assert refused
