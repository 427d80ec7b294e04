"""The documentation does what it says: its console blocks are run, in order, and their output compared.

In a block marked `console`, a line that begins with `$ ` is a command; `> ` continues it. The lines below are what it
prints, where `…` stands for anything within a line and a line of `…` alone for any number of lines. A block marked
`python file=NAME` or `yaml file=NAME` (any language) is written to that file.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
PAGES = sorted(
    page
    for page in [ROOT / "README.md", *ROOT.glob("docs/**/*.md")]
    if re.search(r"^```console", page.read_text(), re.MULTILINE)
)
FENCE = re.compile(r"^```(?P<info>[^\n]*)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page: str) -> Iterator[tuple[str, str]]:
    for match in FENCE.finditer(page):
        yield match["info"].strip(), match["body"]


def commands(block: str) -> Iterator[tuple[str, list[str]]]:
    """Yield each command of a console block with the lines it is said to print."""
    command, expected = "", list[str]()
    for line in block.splitlines():
        if line.startswith("$ "):
            if command:
                yield command, expected
            command, expected = line[2:], []
        elif line.startswith("> ") and not expected:
            command += "\n" + line[2:]
        else:
            expected.append(line)
    if command:
        yield command, expected


def literal(text: str) -> str:
    """Return a pattern for a text; columns of a table may be wider than they are on the page."""
    return re.sub(r"(\\ ){2,}", r"\\ {2,}", re.escape(text))


def pattern(expected: list[str]) -> re.Pattern[str]:
    lines = [
        r"(?:[^\n]*\n)*?" if line.strip() == "…" else "[^\n]*".join(map(literal, line.rstrip().split("…"))) + r"[ ]*\n"
        for line in expected
    ]
    return re.compile("".join(lines) + r"\s*\Z")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_page(page: Path, tmp_path: Path) -> None:
    environment = dict(os.environ, PATH=f"{Path(sys.executable).parent}:{os.environ['PATH']}", COLUMNS="120")
    for info, block in blocks(page.read_text()):
        language, _, attributes = info.partition(" ")
        if attributes.startswith("file="):
            target = tmp_path / attributes.removeprefix("file=")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(block)
        elif language == "console":
            for command, expected in commands(block):
                # The shell keeps its folder from one block to the next through a file, as a reader's does.
                kept = tmp_path / ".cwd"
                script = f'cd "$(cat {kept} 2>/dev/null || echo .)"\n{command}\nstatus=$?\npwd > {kept}\nexit $status'
                done = subprocess.run(
                    ["bash", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=240
                )
                printed = done.stdout + done.stderr
                assert done.returncode == 0 or "error:" in "\n".join(expected), f"$ {command}\n{printed}"
                assert not expected or pattern(expected).match(printed), (
                    f"$ {command}\n{printed}\n-- expected --\n" + "\n".join(expected)
                )
