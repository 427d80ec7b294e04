"""Addresses as they may be shown."""

from __future__ import annotations

import pytest

from siglum.core.addresses import shown_url


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("ssh://me:pw@host:22/x", "ssh://me:***@host:22/x"),
        ("ssh://me@host/x@y", "ssh://me@host/x@y"),
        ("https://h/x?sig=s&se=2026&versionId=v", "https://h/x?sig=***&se=2026&versionId=v"),
        (
            "https://h/x?X-Amz-Signature=a&X-Amz-Credential=b&a=1",
            "https://h/x?X-Amz-Signature=***&X-Amz-Credential=***&a=1",
        ),
        ("https://h/x?access_token=t;AccessKey=k", "https://h/x?access_token=***;AccessKey=***"),
        ("https://h/x?monkey=m&design=d#f", "https://h/x?monkey=***&design=d#f"),
        ("https://me:pw@[h/x", "https://***"),
        ("../up@v1?x", "../up@v1?x"),
        ("s3://bucket/a b?c", "s3://bucket/a b?c"),
        ("", ""),
    ],
)
def test_shown_url(url: str, shown: str) -> None:
    assert shown_url(url) == shown
