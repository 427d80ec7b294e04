"""Run every benchmark, one after the other."""

from __future__ import annotations

from benchmarks import data, startup, tracking

for benchmark in (startup, data, tracking):
    benchmark.main()
