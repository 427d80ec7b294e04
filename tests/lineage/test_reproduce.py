"""Commands that cannot be run again: each is refused with its reason, before anything is checked out."""

from __future__ import annotations

import pytest

from siglum.core.errors import ConflictError
from siglum.lineage.reproduce import _check_command


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ((), "not on record"),
        (("python", "-m", "ipykernel_launcher"), r"cells that it ran are .* in siglum/notebook.py"),
        (("python", "-c", "sha256:00"), "too long to be recorded"),
        (("python", "train.py", "--token", "<masked>"), "had a secret in it, which was masked"),
        (("python",), "interactive session"),
    ],
)
def test_what_cannot_be_run_again(command: tuple[str, ...], reason: str) -> None:
    with pytest.raises(ConflictError, match=reason):
        _check_command("churn@1", command)


def test_a_script_can() -> None:
    _check_command("churn@1", ("python", "train.py", "--lr", "0.1"))
