"""The checks of faces, errors and imports can fail: each is run with a violation planted, and has to find it."""

from __future__ import annotations

import gc
import importlib
import json
import sys
from pathlib import Path

import pytest
from tests import test_exports, test_lazy_imports
from tests.cli import test_app

import siglum
import siglum.client.fluent
from siglum.cli.console import Console
from siglum.core.errors import NotFoundError, SiglumError


def test_a_listed_name_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(siglum, "__all__", [*siglum.__all__, "nope"])
    with pytest.raises(AttributeError, match="nope"):
        test_exports.test_every_listed_name_is_found()
    with pytest.raises(AssertionError):
        test_exports.test_the_fluent_module_and_the_face_list_the_same()
    with pytest.raises(AssertionError):
        test_exports.test_type_checkers_see_what_getattr_finds()


def test_a_classic_name_that_is_not_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(siglum, "__all__", [name for name in siglum.__all__ if name != "log_metric"])
    with pytest.raises(AssertionError):
        test_exports.test_every_listed_name_is_found()


def test_a_name_without_a_description(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(siglum, "log_metric", lambda: None)
    with pytest.raises(AssertionError, match="log_metric"):
        test_exports.test_everything_public_is_described()


@pytest.mark.parametrize(("face", "names"), test_exports.FACES.items())
def test_a_face_without_one_of_its_names(face: str, names: set[str], monkeypatch: pytest.MonkeyPatch) -> None:
    module = importlib.import_module(f"siglum.{face}")
    monkeypatch.setattr(module, "__all__", [name for name in module.__all__ if name != min(names)])
    with pytest.raises(AssertionError):
        test_exports.test_faces(face, names)


def test_an_error_of_another_shape(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def without_hint(_: Console, error: SiglumError) -> None:
        print(json.dumps({"error": {"code": error.code, "message": error.message}}), file=sys.stderr)

    monkeypatch.setattr(Console, "error", without_hint)
    with pytest.raises(AssertionError):
        test_app.test_json_errors_have_one_shape(capsys)


def test_an_error_class_with_the_code_of_another() -> None:
    class SecondError(NotFoundError):
        """Has the code of the class above it."""

        code = NotFoundError.code

    try:
        with pytest.raises(AssertionError):
            test_app.test_every_error_class_says_how_it_ends()
    finally:
        del SecondError
        gc.collect()
    test_app.test_every_error_class_says_how_it_ends()


def test_an_import_that_is_heavy(tmp_path: Path) -> None:
    run = test_lazy_imports.RUN_COMMAND.format(arguments=["--help"])
    assert "numpy" in test_lazy_imports.imported_by(f"import numpy\n{run}", tmp_path)
    # Planted where a careless change would put it: at the top of a module that every command loads.
    planted = "import siglum.cli.console\nexec('import ruamel.yaml', vars(siglum.cli.console))\n"
    found = test_lazy_imports.imported_by(planted + run, tmp_path)
    assert "ruamel" in found
    assert not found <= {"click", "msgspec", *test_lazy_imports.COMPANIONS}
