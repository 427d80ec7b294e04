"""Run every benchmark, one after the other."""

from __future__ import annotations

from benchmarks import data, pipeline, startup, tracking

for benchmark in (startup, data, pipeline, tracking):
    benchmark.main()
