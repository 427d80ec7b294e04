"""Blocks of text as commands: a line each, as in DVC, but for what only several lines make."""

from __future__ import annotations

import subprocess

import pytest

from siglum.pipeline.definition.command_lines import split_commands

ALONE = [
    "echo a", "cd sub && ls", "x=1; echo $x", "", "   ", "# it's a remark", "echo 'a b' \"c d\" `e`", "echo it\\'s",
    "echo if then fi done { } case", "for i in 1 2; do echo $i; done", "if a; then b; else c; fi",
    "echo $((1 << 2)) ${#x}", "case $x in a|b) echo 1;; *) echo 2;; esac", "(cd a; ls) | sort", "{ a; b; }",
    "cat <<< word", "echo ${x:-$(a 'b')}",
    "echo \"$(cat 'f g')\" > o # | done", "find . -name '*.py' -exec cat {} \\;", "a & b", "echo a\\\\",
    "((x = 1 << 2))", "while read l; do echo \"$l\"; done < in",
    "f() { echo; }; f", "python -c 'print(\"(\")'", "echo a#b 'c", "fi",
]  # fmt: skip
TOGETHER = [
    "echo a \\\n  b",
    "cat a |\n  sort",
    "a && # first\n  b",
    "a ||\n\n  # why\n  b",
    "for i in 1 2\ndo\n  echo $i\ndone",
    "while read l; do\n  case $l in\n    a) echo 1;;\n    (b|c) echo 2 ;;\n  esac\ndone < in",
    "if a; then\n  if b; then\n    c\n  fi\nfi > o",
    "python3 - <<EOF\nprint('it''s (')\nEOF",
    "cat <<'E' <<-\"F\" > o\n$x\nE\n\ttabs\n\tF",
    "cat > o << \\EOF && b\nif\nEOF",
    "python -c '\nimport os\nprint(1)\n'",
    'echo "a\n  b" c',
    "{\n  a\n  b\n} > o",
    "(\n  a\n)",
    "f() {\n  echo $1\n}",
    "x=$(\n  a\n)",
    "echo `\na`",
]


@pytest.mark.parametrize("line", ALONE)
def test_a_line_alone(line: str) -> None:
    assert split_commands(f"first\n{line}\nlast") == ("first", line, "last")


@pytest.mark.parametrize("command", TOGETHER)
def test_what_several_lines_make(command: str) -> None:
    assert split_commands(f"first\n{command}\nlast\n") == ("first", command, "last")
    # The shell agrees that neither the whole nor what stands before it is cut in the middle.
    assert subprocess.run(["sh", "-n", "-c", command], capture_output=True, check=False).returncode == 0


def test_what_never_ends_is_cut_as_dvc_cuts_it() -> None:
    assert split_commands("echo 'a\nb\nc") == ("echo 'a", "b", "c")
    assert split_commands("a &&\nif b\nc") == ("a &&", "if b", "c")
    assert split_commands("") == ()
