"""Settings beside the real DVC: after every command the same bytes, and the same commands are refused."""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from tests.interop.pipeline_pair import DVC_LOCK

pytestmark = [pytest.mark.interop, pytest.mark.slow]

# One command a line; `below:` runs it in a folder below the root, `!` marks what both refuse.
COMMANDS = """
remote add -d Store ../Up
remote add second /abs/olute
! remote add STORE ../other
remote add --local second over
below: remote add third rel/path
below: remote modify third url other
below: config cache.dir my cache
remote default STORE
! remote default nowhere
remote rename third fourth
remote default -u
remote default -u
! remote default
! remote remove nowhere
remote default fourth
remote modify fourth jobs 3
remote modify --local fourth jobs 4
remote modify -u fourth jobs
remote modify -u fourth jobs
! remote modify nowhere url x
! remote modify fourth nonsense x
! remote modify fourth jobs many
! remote modify --local fourth nonsense x
remote rename store first
! remote rename first fourth
remote remove first
config cache.type hardlink,copy
! config cache.type glue
! config core.nonsense 1
! config nonsense
! config core.autostage yes
config core.autostage true
config -u core.autostage
! config -u core.autostage
config remote.fourth.verify true
! config remote.nowhere.jobs 5
config core.remote nowhere
config --global core.analytics false
remote add 'two words' x
remote add --global everywhere s3://bucket/prefix
remote modify everywhere endpointurl http://localhost:1
remote modify --local everywhere access_key_id key
remote add comma 'a,b'
remote add hash 'a#b'
remote add apostrophe "it's"
remote add quote 'q"u'
remote add home '~/x'
remote add file file:///x
config exp.auto_push true
config cache.shared group
""".strip().splitlines()
FILES = (".dvc/config", ".dvc/config.local", "../global/config")


def step(command: list[str], root: Path, line: str, folder: str) -> tuple[bool, dict[str, str]]:
    place = root / "below" if folder == "below" else root
    environment = os.environ | {"DVC_GLOBAL_CONFIG_DIR": str(root.parent / "global")}
    arguments = shlex.split(line) if "'" in line or '"' in line else line.split()
    if line == "config cache.dir my cache":
        arguments = ["config", "cache.dir", "my cache"]
    done = subprocess.run(
        [*command, *arguments], cwd=place, env=environment, capture_output=True, text=True, check=False
    )
    found = {name: (root / name).read_text() if (root / name).exists() else "" for name in FILES}
    return done.returncode == 0, found


def play(command: list[str], root: Path) -> dict[str, tuple[bool, dict[str, str]]]:
    """Return what each command in turn came to: whether it was done, and what the files say after it."""
    (root / "below").mkdir(parents=True)
    subprocess.run(["git", "init", "-q"], cwd=root, check=True)
    subprocess.run([*command, "init", "-q"], cwd=root, check=True)
    found = {}
    for number, each in enumerate(COMMANDS):
        folder, _, line = each.removeprefix("! ").rpartition("below: ")
        found[f"{number} {each}"] = step(command, root, line, "below" if "below: " in each else folder)
    return found


def of_dvc(request: pytest.FixtureRequest, root: Path) -> dict[str, tuple[bool, dict[str, str]]]:
    """Return what the real DVC did: as recorded for these commands, else, and with `--peers`, by asking it."""
    asked = hashlib.sha256("\n".join(COMMANDS).encode() + DVC_LOCK.read_bytes()).hexdigest()
    recording = Path(__file__).with_name("recorded") / "config.json"
    known = json.loads(recording.read_text()) if recording.exists() else {}
    if known.get("asked") != asked or request.config.getoption("--peers"):
        found = play([request.getfixturevalue("dvc_command")], root)
        text = json.dumps({"asked": asked, "found": found}, indent=0, sort_keys=True)
        known = json.loads(text.replace(json.dumps(str(root))[1:-1], "/root"))
        recording.write_text(json.dumps(known, indent=0, sort_keys=True) + "\n")
    return {each: (done, files) for each, (done, files) in known["found"].items()}


def test_the_same_settings(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    theirs = of_dvc(request, tmp_path / "dvc/repo")
    root = tmp_path / "siglum/repo"
    for each, (done, files) in play([sys.executable, "-m", "siglum.cli"], root).items():
        here = {name: text.replace(str(root), "/root") for name, text in files.items()}
        assert (done, here) == theirs[each], each
        assert done is not each.partition(" ")[2].startswith("! "), each


COMMENTED = """# top
[core]
    # inner
    remote = x   # behind
[cache]
    type = hardlink
['remote "x"']
    url = /x
"""
LISTINGS = ("remote list", "remote list --project", "remote default", "config core.remote", "config -l --project",
            "config -l --show-origin --project", "config --show-origin remote.second.url", "root")  # fmt: skip


def test_the_same_listings(tmp_path: Path, dvc_command: str) -> None:
    """Comments go as DVC lets them go; what lists settings prints the same lines."""
    printed = []
    for name, command in {"siglum": [sys.executable, "-m", "siglum.cli"], "dvc": [dvc_command]}.items():
        root = tmp_path / name / "repo"
        (root / "below").mkdir(parents=True)
        subprocess.run(["git", "init", "-q"], cwd=root, check=True)
        subprocess.run([*command, "init", "-q"], cwd=root, check=True)
        (root / ".dvc/config").write_text(COMMENTED)
        for line in ("remote add -q a-name-of-twenty-letters s3://bucket/x", "remote add -q second ../store"):
            subprocess.run([*command, *line.split()], cwd=root, check=True)
        found = [(root / ".dvc/config").read_text()]
        for listing in LISTINGS:
            place = root / "below" if listing == "root" else root
            # A path in DVC's listing of settings is absolute, and differs between the two repositories.
            done = subprocess.run([*command, *listing.split()], cwd=place, capture_output=True, text=True, check=True)
            found.append(done.stdout.replace(str(tmp_path / name), ""))
        printed.append(found)
    for ours, theirs, what in zip(*printed, ("the file", *LISTINGS), strict=True):
        if what.startswith("config -l"):
            assert sorted(ours.splitlines()) == sorted(theirs.splitlines())
        elif what.startswith("remote list"):
            assert ours.split() == theirs.split()  # DVC breaks lines for long paths, by the width of a terminal
        else:
            assert ours == theirs, what
    assert "#" not in printed[0][0]
