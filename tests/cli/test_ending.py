"""How the program ends: at once, with nothing left undone."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

PROGRAM = """
import atexit, sys, threading, time
from siglum.cli import __main__, app

def run(args):
{body}

app.run = run
__main__.main()
"""


def end(body: str, **streams: object) -> subprocess.CompletedProcess[str]:
    """Run the entry point with this in the place of all commands."""
    program = PROGRAM.format(body=textwrap.indent(textwrap.dedent(body), "    "))
    streams = {"stdout": subprocess.PIPE, **streams}
    return subprocess.run([sys.executable, "-c", program], text=True, stderr=subprocess.PIPE, check=False, **streams)  # type: ignore[call-overload,no-any-return]


@pytest.mark.parametrize("status", [0, 1, 2, 130])
def test_the_status_is_what_the_command_said(status: int) -> None:
    done = end(f"print('x' * 200_000)\nreturn {status}")
    assert (done.returncode, done.stdout, done.stderr) == (status, "x" * 200_000 + "\n", "")


def test_what_waits_for_the_end_is_done_first() -> None:
    done = end("""
        def late():
            time.sleep(0.2)
            print("thread")
        threading.Thread(target=late).start()
        atexit.register(print, "handler")
        print("command")
        return 3
    """)
    assert (done.returncode, done.stdout.split()) == (3, ["command", "thread", "handler"])


def test_what_nobody_expected_is_shown() -> None:
    done = end("raise ValueError('a bug')")
    assert done.returncode == 1
    assert done.stderr.endswith("ValueError: a bug\n")


def test_output_that_cannot_be_written_is_no_success() -> None:
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = end("print('x')\nreturn 0", stdout=full)
    assert done.returncode
    assert "No space left on device" in done.stderr
