"""The `git` command: how it is run, and what is made of its failures."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit, urlunsplit

from siglum.core.errors import SiglumError, UnavailableError

# Set by Git for its hooks; they would point commands at another index or repository than the one at `root`.
_LOCAL_VARIABLES = (
    "GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR", "GIT_PREFIX",
    "GIT_NAMESPACE", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_QUARANTINE_PATH", "GIT_LITERAL_PATHSPECS",
    "GIT_GLOB_PATHSPECS", "GIT_NOGLOB_PATHSPECS", "GIT_ICASE_PATHSPECS", "GIT_EXTERNAL_DIFF", "GIT_DIFF_OPTS",
)  # fmt: skip
# How the line of Git's that says what is the matter begins; others are advice.
_TELLING = ("fatal:", "error:", "ssh:", "remote: error", "host key verification")
_USER_INFO = re.compile(r"(?<=:)//[^/@\s']+@")


class GitProcess:
    """Runs `git` for the repository at `root`, an absolute path."""

    def __init__(self, root: str) -> None:
        self.root = root

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start a `git` that answers on its standard output what is asked on its standard input."""
        try:
            return subprocess.Popen(
                ["git", "-C", self.root, *arguments],
                env=git_environment(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
        except FileNotFoundError:
            raise _no_git() from None

    def _absolute(self, output: bytes) -> str:
        return os.path.join(self.root, os.fsdecode(output.rstrip(b"\n")))

    def _out(self, *arguments: str, extra: Mapping[str, str] | None = None, stdin: bytes | None = None) -> bytes:
        done = self._run(*arguments, extra=extra, stdin=stdin)
        if done.returncode != 0:
            raise failed(next(a for a in arguments if not a.startswith("-") and "=" not in a), done)
        return done.stdout

    def _run(
        self, *arguments: str, extra: Mapping[str, str] | None = None, stdin: bytes | None = None
    ) -> subprocess.CompletedProcess[bytes]:
        return run_git(["-C", self.root, *arguments], git_environment() | dict(extra or {}), stdin)


def git_environment() -> dict[str, str]:
    """Return the variables for a `git` that takes paths literally, asks nothing, and works where it is told to."""
    return _outer_environment() | {
        "GIT_LITERAL_PATHSPECS": "1",
        "GIT_OPTIONAL_LOCKS": "0",
        "LC_ALL": "C",
        "GIT_TERMINAL_PROMPT": "0",
    }


def _outer_environment() -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if key not in _LOCAL_VARIABLES}


def run_git(
    arguments: Sequence[str], environment: Mapping[str, str] | None = None, stdin: bytes | None = None
) -> subprocess.CompletedProcess[bytes]:
    """Run `git` with these arguments and return what came of it, whatever its exit status."""
    try:
        if stdin is None:
            return subprocess.run(
                ["git", *arguments], env=environment, stdin=subprocess.DEVNULL, capture_output=True, check=False
            )
        return subprocess.run(["git", *arguments], env=environment, input=stdin, capture_output=True, check=False)
    except FileNotFoundError:
        raise _no_git() from None


def _no_git() -> UnavailableError:
    return UnavailableError("The command 'git' was not found.", hint="Install Git, or put it on the PATH.")


def init_bare(target: str) -> None:
    """Make an empty repository without a working tree in the new folder `target`."""
    done = run_git(["init", "-q", "--bare", "--", target], _outer_environment() | {"LC_ALL": "C"})
    if done.returncode != 0:
        raise failed("init", done)


def failed(command: str, done: subprocess.CompletedProcess[bytes]) -> SiglumError:
    """Return the error for a command that Git ended with a failure."""
    return SiglumError(f"git {command} failed: {reason_of(done)}")


def reason_of(done: subprocess.CompletedProcess[bytes]) -> str:
    """Return what Git gave as the reason, as one sentence, with no password in it."""
    lines = [line.strip() for line in os.fsdecode(done.stderr).splitlines() if line.strip()]
    telling = [line for line in lines if line.lower().startswith(_TELLING)] or lines[-1:]
    if not telling:
        return f"exit status {done.returncode}."
    reason = telling[0].removeprefix("fatal: ").removeprefix("error: ")
    return _USER_INFO.sub("//", reason).rstrip(".") + "."


def without_password(url: str) -> str:
    """Return a URL as it may be shown: without a password, and without a user that is a token."""
    parts = urlsplit(url) if "://" in url else None
    if parts is None or (parts.password is None and not (parts.username and parts.scheme.startswith("http"))):
        return url
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=host))
