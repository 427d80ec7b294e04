"""Start-up stays fast because little is imported: these tests hold the list of third-party packages that is."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

# Prints the top-level packages that running `code` imported, other than Siglum's and the standard library's.
PROBE = """
import json, sys
before = set(sys.modules)
{code}
new = {{name.partition('.')[0] for name in set(sys.modules) - before}}
new = {{n for n in new if n not in sys.stdlib_module_names and n != 'siglum' and not n.startswith(('_', 'siglum'))}}
print(json.dumps(sorted(new)))
"""

# What msgspec and the C extensions of PyYAML bring along by themselves, where it is installed.
COMPANIONS = {"typing_extensions", "cython_runtime"}

RUN_COMMAND = """
import contextlib, io
from siglum.cli import __main__
sys.argv = ['siglum', *{arguments!r}]
with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
    __main__.main()
"""


def imported_by(code: str, cwd: Path) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", PROBE.format(code=code)], cwd=cwd, capture_output=True, text=True, check=True
    )
    found: list[str] = json.loads(done.stdout.splitlines()[-1])
    return set(found)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A Git repository with one tracked file and nothing to do."""
    (tmp_path / "data.csv").write_text("a,b\n1,2\n")
    for line in ("git init -q", "siglum init -q", "siglum add -q data.csv", "git add -A", "git commit -q -m data"):
        program, *arguments = line.split()
        command = [sys.executable, "-m", "siglum.cli"] if program == "siglum" else [program]
        subprocess.run([*command, *arguments], cwd=tmp_path, check=True)
    return tmp_path


def test_version_imports_no_third_party_package(tmp_path: Path) -> None:
    assert imported_by(RUN_COMMAND.format(arguments=["--version"]), tmp_path) == set()


def test_import_siglum_imports_no_third_party_package(tmp_path: Path) -> None:
    assert imported_by("import siglum", tmp_path) == set()


def test_help_imports_click_only(tmp_path: Path) -> None:
    assert imported_by(RUN_COMMAND.format(arguments=["--help"]), tmp_path) <= {"click", "msgspec", *COMPANIONS}


def test_status_imports_a_short_list(project: Path) -> None:
    loaded = imported_by(RUN_COMMAND.format(arguments=["status"]), project)
    assert loaded <= {"click", "msgspec", "yaml", *COMPANIONS}


def test_a_training_script_pulls_in_no_heavy_package(tmp_path: Path) -> None:
    script = "import siglum\nwith siglum.start_run():\n    siglum.log_param('a', 1)\n    siglum.log_metric('b', 2)\n"
    loaded = imported_by(script, tmp_path)
    assert loaded <= {"msgspec", "apsw", *COMPANIONS}
    standard = (
        f"{script}print([name for name in ('http', 'ssl', 'email', 'importlib.metadata') if name in sys.modules])"
    )
    said = subprocess.run(
        [sys.executable, "-c", f"import sys\n{standard}"], cwd=tmp_path, capture_output=True, text=True
    )
    assert said.stdout == "[]\n"  # there is no server, and none of them is quick to import


def test_repro_with_nothing_to_do_opens_no_store(project: Path) -> None:
    (project / "dvc.yaml").write_text("stages: {s: {cmd: echo > o, deps: [data.csv], outs: [o]}}\n")
    subprocess.run([sys.executable, "-m", "siglum.cli", "repro", "-q"], cwd=project, check=True)
    loaded = imported_by(RUN_COMMAND.format(arguments=["repro"]), project)
    assert loaded <= {"click", "msgspec", "yaml", *COMPANIONS}
