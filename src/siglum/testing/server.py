"""A real `siglum server` process on a free port, for tests that need one.

with ServerProcess(folder) as server:
    session = RestSession(server.url)
"""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

STOP_SECONDS = 30


class ServerProcess:
    """A server whose database and artifacts are in `folder`. It may be killed and started again, on the same port."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.folder = folder
        self.url = ""
        self._options = options
        self._process: subprocess.Popen[str] | None = None

    @property
    def port(self) -> int:
        """The port that the server listens on; 0 before it was first started."""
        return int(self.url.rpartition(":")[2] or 0)

    @property
    def pid(self) -> int:
        """The process id while the server runs."""
        assert self._process is not None
        return self._process.pid

    @property
    def log(self) -> str:
        """What the server has written to standard error."""
        return (self.folder / "server.log").read_text()

    def start(self) -> Self:
        """Start the server and wait until it answers. Raises RuntimeError with its log when it does not."""
        self.folder.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "siglum.cli", "server", "--json", "--port", str(self.port)]
        command += ["--backend-store-uri", "sqlite:///siglum.db", "--default-artifact-root", "./artifacts"]
        with (self.folder / "server.log").open("a") as log:
            self._process = subprocess.Popen(
                [*command, *self._options], cwd=self.folder, stdout=subprocess.PIPE, stderr=log, text=True
            )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._end(signal.SIGKILL)
            raise RuntimeError(f"the server did not start:\n{self.log}")
        self.url = msgspec.json.decode(line)["url"]
        return self

    def stop(self) -> int:
        """Ask the server to stop, and return its exit status."""
        return self._end(signal.SIGTERM)

    def kill(self) -> int:
        """Kill the server at once, as a crash would, and return its exit status."""
        return self._end(signal.SIGKILL)

    def interrupt(self) -> int:
        """Stop the server as Ctrl-C does, and return its exit status."""
        return self._end(signal.SIGINT)

    def _end(self, number: signal.Signals) -> int:
        process, self._process = self._process, None
        if process is None:
            return 0
        process.send_signal(number)
        try:
            return process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise
        finally:
            assert process.stdout is not None
            process.stdout.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
