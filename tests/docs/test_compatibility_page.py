"""The reference lists what the server has, what it has not and what differs, as they are."""

from __future__ import annotations

from tests.docs.compatibility_page import PAGE, render


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text() == render(), "Run: python -m tests.docs.compatibility_page"
