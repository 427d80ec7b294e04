"""What a notebook is called and which cells it ran, asked of a real kernel; `tests/client/test_capture.py` has runs."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from siglum.lineage.notebook import current_shell, executed_code, notebook_name, relative_name


def shell(cells: list[str], **options: Any) -> Any:
    return SimpleNamespace(
        user_ns=options.pop("user_ns", {}), history_manager=SimpleNamespace(input_hist_raw=["", *cells]), **options
    )


def test_a_program_is_no_notebook() -> None:
    assert current_shell() is None
    assert notebook_name(None, {"JPY_SESSION_NAME": "/a.ipynb"}) is None
    assert executed_code(None) is None
    assert executed_code(shell([])) is None


@pytest.mark.parametrize(
    ("environ", "variables", "name"),
    [
        ({"JPY_SESSION_NAME": "/w/a.ipynb"}, {}, "/w/a.ipynb"),
        ({"JPY_SESSION_NAME": "/w/a.ipynb"}, {"__vsc_ipynb_file__": "/w/b.ipynb"}, "/w/b.ipynb"),
        ({"SIGLUM_NOTEBOOK_NAME": "c.ipynb"}, {"__vsc_ipynb_file__": "/w/b.ipynb"}, "c.ipynb"),
        ({}, {}, None),
    ],
)
def test_names(environ: dict[str, str], variables: dict[str, str], name: str | None) -> None:
    assert notebook_name(shell([], user_ns=variables, kernel=object()), environ) == name
    assert notebook_name(shell([], user_ns=variables), environ) is None  # a terminal


def test_names_are_relative_to_the_project() -> None:
    assert relative_name("/w/p/sub/a.ipynb", "/w/p") == "sub/a.ipynb"
    assert relative_name("/w/other/a.ipynb", "/w/p") == "/w/other/a.ipynb"


def test_cells_in_their_order() -> None:
    cells = ["x = 1\n", "", "%matplotlib inline", "print('ü')"]
    assert executed_code(shell(cells)) == (
        "# %% [1]\nx = 1\n\n# %% [3]\n%matplotlib inline\n\n# %% [4]\nprint('ü')\n".encode()
    )
    kept = executed_code(shell([f"x = {i}" for i in range(1000)]), limit=100)
    assert kept is not None
    assert kept.startswith(b"# The cells before were too long")
    assert kept.endswith(b"# %% [1000]\nx = 999\n")
