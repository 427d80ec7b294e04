"""Run benchmarks, one after the other: those named first on the command line, or every one.

python -m benchmarks [startup | data | pipeline | tracking | server]… [options of those]
"""

from __future__ import annotations

import itertools
import sys

from benchmarks import data, pipeline, sdk, server, startup, tracking

BENCHMARKS = {
    "startup": startup,
    "data": data,
    "pipeline": pipeline,
    "tracking": tracking,
    "sdk": sdk,
    "server": server,
}

named = list(itertools.takewhile(lambda word: not word.startswith("-"), sys.argv[1:]))
if unknown := set(named) - set(BENCHMARKS):
    sys.exit(f"there is no benchmark {', '.join(sorted(unknown))}; choose of {', '.join(BENCHMARKS)}")
for name in named or BENCHMARKS:
    BENCHMARKS[name].main()
