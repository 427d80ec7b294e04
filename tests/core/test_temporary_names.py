from __future__ import annotations

import errno

import pytest

from siglum.core.failures import from_os_error
from siglum.core.temporary_names import above_temporary, is_temporary

NAME = ".mglYhhuhWZtm0000000000.tmp"


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        (f"/cache/files/md5/{NAME}", "/cache/files/md5"),
        (f"/cache/files/md5/{NAME}/_ab/cdef", "/cache/files/md5"),
        (f"/{NAME}", "/"),
        (NAME, NAME),
        ("/data/.short.tmp", "/data/.short.tmp"),
    ],
)
def test_a_person_is_told_of_the_folder_not_of_an_unfinished_write_in_it(path: str, shown: str) -> None:
    assert above_temporary(path) == shown
    error = from_os_error(OSError(errno.ENOSPC, "No space left on device", path))
    assert str(error).startswith(f"{shown}: No space left on device.")


def test_names_of_unfinished_writes() -> None:
    assert is_temporary(NAME)
    assert not is_temporary(NAME[1:])
    assert not is_temporary(f"{NAME}x")
