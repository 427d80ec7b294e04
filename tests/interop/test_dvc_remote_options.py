"""The options that remotes of every scheme may have, beside those that the real DVC takes."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from siglum.core.errors import InvalidInputError
from siglum.workspace.config_schema import check_named

pytestmark = [pytest.mark.interop, pytest.mark.slow]

VALUES: list[str | list[str]] = [
    *("true", "False", "1", "0", "-1", "1.5", "text", "yes", "on", "", "copy", "hardlink,symlink", "basic", "group"),
    ["a", "b"],
]
# Asks DVC of every scheme, option and value whether it takes it: one process for some thousand questions.
PROGRAM = """
import json, sys
from dvc.config import Config
from dvc.config_schema import REMOTE_SCHEMAS

def takes(url, option, value):
    try:
        Config.validate({"remote": {"r": {"url": url, option: value}}})
    except Exception:
        return False
    return True

answers = {}
for scheme, schema in REMOTE_SCHEMAS.items():
    if scheme != "remote":
        url = f"{scheme}://host/path" if scheme else "/path"
        names = {str(getattr(key, "schema", key)) for key in schema} - {"url"} | {"nonsense"}
        answers[url] = {name: [takes(url, name, value) for value in json.loads(sys.argv[1])] for name in names}
print(json.dumps(answers))
"""
# DVC lets these be declared, but refuses every value that a file can hold.
BROKEN_IN_DVC = {("s3://host/path", "cache_regions"), ("hdfs://host/path", "replication")}


def takes(url: str, option: str, value: str | list[str]) -> bool:
    try:
        check_named("remote", "r", {"url": url, option: tuple(value) if isinstance(value, list) else value}, "config")
    except InvalidInputError:
        return False
    return True


def test_the_same_options_and_values_are_taken(dvc_command: str) -> None:
    python = Path(dvc_command).with_name("python")
    done = subprocess.run([str(python), "-c", PROGRAM, json.dumps(VALUES)], capture_output=True, text=True, check=True)
    answers: dict[str, dict[str, list[bool]]] = json.loads(done.stdout)
    assert len(answers) >= 13
    for url, options in answers.items():
        for option, expected in options.items():
            if (url, option) in BROKEN_IN_DVC:
                assert not any(expected)
                continue
            assert [takes(url, option, value) for value in VALUES] == expected, (url, option)


def test_schemes_are_read_in_any_case() -> None:
    assert takes("SSH://host/path", "keyfile", "k")
    assert not takes("SSH://host/path", "region", "r")
