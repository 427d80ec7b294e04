"""Which Python a reproduction runs with."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

import siglum
from siglum.core.errors import NotFoundError
from siglum.lineage.environment import Environment, capture_environment
from siglum.lineage.interpreter import (
    EnvironmentMode,
    EnvironmentPlan,
    build_environment,
    plan_environment,
    requirements,
)
from siglum.lineage.packages import Package
from siglum.lineage.record import EnvironmentRecord

COMMIT = "0123456789" * 4


@pytest.fixture(scope="module")
def running() -> Environment:
    return capture_environment({})


def recorded(environment: Environment) -> EnvironmentRecord:
    return EnvironmentRecord(digest=environment.digest, detail=environment)


def test_equal_packages_need_no_new_environment(running: Environment) -> None:
    plan = plan_environment(recorded(running), running, EnvironmentMode.AUTO)
    assert (plan.rebuild, plan.differences) == (False, ())


def test_other_packages_do(running: Environment) -> None:
    other = msgspec.structs.replace(running, packages=(*running.packages, Package("zzz", "1.0")))
    plan = plan_environment(recorded(other), running, EnvironmentMode.AUTO)
    assert plan.rebuild
    assert "zzz==1.0" in plan.requirements
    assert [(change.name, change.old, change.new) for change in plan.differences] == [("zzz", "1.0", None)]


def test_current_keeps_this_python_and_says_what_differs(running: Environment) -> None:
    other = msgspec.structs.replace(running, python="3.9.1")
    plan = plan_environment(recorded(other), running, EnvironmentMode.CURRENT)
    assert not plan.rebuild
    assert [change.name for change in plan.differences] == ["python"]


def test_rebuild_can_be_asked_for(running: Environment) -> None:
    assert plan_environment(recorded(running), running, EnvironmentMode.REBUILD).rebuild


def test_without_a_package_list(running: Environment) -> None:
    assert not plan_environment(EnvironmentRecord(digest="sha256:x"), running, EnvironmentMode.AUTO).rebuild
    with pytest.raises(NotFoundError, match="not on record"):
        plan_environment(None, running, EnvironmentMode.REBUILD)


def test_requirements_name_where_a_package_came_from() -> None:
    listed = requirements(
        [
            Package("numpy", "2.0.0"),
            Package("siglum", "0.1.0", "file:///src/siglum", True),
            Package("mine", "1.0", "file:///src/mine", True),
            Package("wheel-file", "1.0", "file:///tmp/wheel_file-1.0.whl"),
            Package("tool", "1.0", f"https://example.com/tool.git@{COMMIT}"),
        ]
    )
    assert listed == (
        "numpy==2.0.0",
        "-e /src/mine",
        "wheel-file @ file:///tmp/wheel_file-1.0.whl",
        f"tool @ git+https://example.com/tool.git@{COMMIT}",
    )


@pytest.mark.slow
def test_a_new_environment_imports_this_siglum_and_nothing_else(tmp_path: Path) -> None:
    plan = EnvironmentPlan(rebuild=True, reason="", python="{}.{}.{}".format(*sys.version_info[:3]))
    python = build_environment(plan, str(tmp_path / "environment"))
    script = (
        "import importlib.metadata as m, importlib.util as u, os, siglum;"
        "print(os.path.realpath(siglum.__file__)); print(m.version('siglum')); print(u.find_spec('msgspec'))"
    )
    printed = subprocess.run([python, "-c", script], capture_output=True, text=True, check=True, cwd=tmp_path).stdout
    assert printed.splitlines() == [os.path.realpath(siglum.__file__), siglum.__version__, "None"]


@pytest.mark.slow
def test_a_package_that_cannot_be_had_is_one_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_OFFLINE", "1")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    plan = EnvironmentPlan(
        rebuild=True, reason="", python="{}.{}.{}".format(*sys.version_info[:3]), requirements=("no-such-package==9.9",)
    )
    with pytest.raises(Exception, match=r"recorded package cannot be installed.*no-such-package"):
        build_environment(plan, str(tmp_path / "environment"))
