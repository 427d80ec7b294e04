"""Run every benchmark, one after the other."""

from __future__ import annotations

from benchmarks import data, pipeline, server, startup, tracking

for benchmark in (startup, data, pipeline, tracking, server):
    benchmark.main()
