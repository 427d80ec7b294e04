"""What a run of a pipeline lacks, from a remote: contents one by one as stages need them, the run cache at once."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from siglum.core.errors import NotSupportedError, SiglumError
from siglum.core.notices import notify
from siglum.pipeline.data import run_cache_transfer
from siglum.pipeline.data.transfers import Remotes
from siglum.pipeline.definition.stages import Output
from siglum.pipeline.records.lock import LockedPath
from siglum.workspace.outputs import is_cached
from siglum.workspace.repository import Repository
from siglum.workspace.transfer import Wanted, move, plan, routes


class Missing:
    """Gets what is missing from the remotes that it belongs on. What is on none stays missing: its stage then runs."""

    def __init__(self, repo: Repository, *, run_cache: bool) -> None:
        """Fetch the run cache of the default remote, where wanted and possible."""
        self._repo = repo
        self._remotes = Remotes(repo, None)
        if run_cache and self._remotes.lacks_default:
            notify("There is no default remote: results of earlier runs are not fetched.")
        elif run_cache:
            remote = self._remotes.open(self._remotes.name)
            try:
                entries = run_cache_transfer.missing_here(repo.run_cache_dir, remote)
                if entries:
                    run_cache_transfer.fetch(repo.run_cache_dir, entries, remote)
            except NotSupportedError as error:
                notify(f"Results of earlier runs are not fetched: {error}")

    def fetch(self, outs: Sequence[tuple[Output, LockedPath]]) -> None:
        """Get the contents of outputs, with what is recorded of each, into the cache."""
        wanted = [
            Wanted(out.key, data, remote=out.remote)
            for out, recorded in outs
            if out.cache and (data := recorded.data_hash) is not None and not is_cached(self._repo, data)
        ]
        for name, mine in routes(wanted, self._remotes.name, sending=False).items():
            with contextlib.suppress(SiglumError):
                remote = self._remotes.open(name)
                jobs = self._remotes.jobs(remote)
                for planned in plan(self._repo, mine, remote, sending=False, jobs=jobs):
                    move(planned, jobs, None)
