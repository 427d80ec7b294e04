from __future__ import annotations

import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from siglum.core.errors import IntegrityError
from siglum.tracking.series import decode_journal, encode_journal

int64 = st.integers(-(2**63), 2**63 - 1)
# one NaN and one zero, as the stores make them
values = st.floats().map(lambda v: math.nan if math.isnan(v) else v + 0.0)


@given(st.lists(st.tuples(st.integers(0, 2**32 - 1), int64, int64, values), max_size=50))
def test_journal_entries_give_back_what_they_were_given(records: list[tuple[int, int, int, float]]) -> None:
    decoded = list(decode_journal(encode_journal(records)))
    assert [struct.pack("<Iqqd", *r) for r in decoded] == [struct.pack("<Iqqd", *r) for r in records]


def test_a_journal_entry_with_a_broken_record() -> None:
    with pytest.raises(IntegrityError):
        decode_journal(b"x" * 29)
