"""The reference lists every command and option as they are."""

from __future__ import annotations

from tests.docs.commands_page import PAGE, render


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text() == render(), "Run: python -m tests.docs.commands_page"
