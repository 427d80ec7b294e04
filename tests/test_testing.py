"""The contract suites can be had from one place."""

from __future__ import annotations

import siglum.testing


def test_every_suite_is_found_and_no_other_name() -> None:
    for name in siglum.testing.__all__:
        assert getattr(siglum.testing, name).__name__ == name
    assert not hasattr(siglum.testing, "NoSuchContract")
