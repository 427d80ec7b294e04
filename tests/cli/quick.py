"""A data project whose commands run in this process, which spares each the start of an interpreter."""

from __future__ import annotations

import contextlib
import io
import os
from pathlib import Path

from tests.workspace.data_project import DataProject, Ended

from siglum.cli.app import run


class QuickProject(DataProject):
    """As `DataProject`; limits of the process are not to be had."""

    def run(
        self, *arguments: str, cwd: Path | None = None, file_limit: int | None = None, umask: int | None = None
    ) -> Ended:
        assert file_limit is None
        assert umask is None
        out, err = io.StringIO(), io.StringIO()
        before = os.getcwd()
        os.chdir(cwd or self.root)
        try:
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                status = run(arguments)
        finally:
            os.chdir(before)
        return Ended(status, out.getvalue(), err.getvalue())
