"""YAML: two readers that agree, edits that keep what they do not change, replacement that is whole or not at all."""

from __future__ import annotations

import errno
import io
import math
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from siglum.core.errors import FileFormatError, NotFoundError
from siglum.workspace.documents import dump_yaml, load_yaml, load_yaml_file, update_yaml, write_atomic


def ruamel_load(text: str) -> Any:
    return YAML(typ="safe", pure=True).load(text)


def ruamel_dump(value: Any) -> str:
    stream = io.StringIO()
    writer = YAML()
    writer.default_flow_style = False
    writer.dump(value, stream)
    return stream.getvalue()


def same(ours: Any, theirs: Any) -> bool:
    """Whether two values are equal in type, too, with NaN equal to itself."""
    if isinstance(ours, float) and isinstance(theirs, float):
        return ours == theirs or (math.isnan(ours) and math.isnan(theirs))
    if type(ours) is not type(theirs):
        return False
    if isinstance(ours, dict):
        return ours.keys() == theirs.keys() and all(same(ours[key], theirs[key]) for key in ours)
    if isinstance(ours, list):
        return len(ours) == len(theirs) and all(map(same, ours, theirs))
    return bool(ours == theirs)


SCALARS = [
    "yes", "no", "on", "off", "y", "n", "True", "TRUE", "tRUE", "false", "~", "null", "Null", "nUll", "",
    "010", "0o17", "0x1F", "0b101", "1_000", "0_0", "+1", "-1", "1e5", "1E-5", "1e+5", "12345e67", "1.", "1.5", "-1.5",
    ".5", "+.5", ".inf", "-.inf", "+.INF", ".nan", ".NaN", "1_0.5", "12:30:00", "1:2", "2020-01-01",
    "2020-01-01 10:00:00", "2020-1-1", "0.1.2", "1e", "e5", "--1", "+", "-", ".", "..", "0xg", "08", "0o8", "1__0",
    "'quoted'", '"1"', "a:b", "a#b", "a #b", "é 文件", "=", "|", "<<x", "1 2", "00000000000000000000000000000000",
    "1_", "2020-01-01T10:00:00Z", "12345678901234567890123456789012", "1234567890123456789012345678e012",
]  # fmt: skip


@pytest.mark.parametrize("scalar", SCALARS)
def test_scalars_mean_what_they_mean_to_ruamel(scalar: str) -> None:
    text = f"a: {scalar}\nb: [{scalar}]\n"
    try:
        theirs = ruamel_load(text)
    except (YAMLError, ValueError):
        if scalar != "=":  # a special value in YAML 1.1, a plain string in YAML 1.2
            with pytest.raises(FileFormatError):
                load_yaml(text, "f")
        return
    assert same(load_yaml(text, "f"), theirs)


@given(st.text("0123456789abcdefox_.+-:eEinfNaTZ ", min_size=1, max_size=24))
@example("+.inf")
def test_any_plain_scalar_means_the_same(scalar: str) -> None:
    text = f"- {scalar}\n"
    try:
        theirs = ruamel_load(text)
    except (YAMLError, ValueError, TypeError):
        return
    if isinstance(theirs[0], dict | list):
        return
    try:
        ours = load_yaml(text, "f")
    except FileFormatError:
        pytest.fail(f"{scalar!r} is {theirs!r}")
    assert same(ours, theirs)


DOCUMENTS = [
    "base: &b {x: 1, y: 2}\nuse: {<<: *b, y: 3}\nlist: [*b, *b]\n",
    "a: &a {p: 1}\nm: &m {<<: *a, p: 2}\ntop: {<<: *m, q: 3}\ntop2: {<<: *m, p: 9}\n",
    "a: &a {p: 1}\nb: &b {p: 2, q: 2}\nc: {<<: [*a, *b]}\n",
    "3: a\n2.5: b\ntrue: c\nnull: d\n",
    "a: |\n  one\n  two\nb: >\n  folded\n  text\nc: |-\n  x\nd: >+\n  y\n\n",
    "%YAML 1.2\n---\na: yes\n",
    "# only a comment\n",
    "---\n",
    "a: !!str 1\nb: !!int '5'\nc: !!float 1\n",
    "a: 'it''s'\nb: \"tab\\t \\u00e9\"\n",
    "stages:\n  t:\n    cmd: |\n      a\n    deps:\n    - x\n    - y: {z: 1}\n",
    "a: [1, 2,\n  3]\nb: {c: d,\n  e: f}\n",
    "\ufeffa: 1\n",
]


@pytest.mark.parametrize("text", DOCUMENTS)
def test_documents_mean_what_they_mean_to_ruamel(text: str) -> None:
    assert same(load_yaml(text.encode(), "f"), ruamel_load(text))


names = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=100)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | names,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(names, values, min_size=1, max_size=5))
def test_what_is_written_is_read_back(value: dict[str, Any]) -> None:
    written = dump_yaml(value)
    assert written == ruamel_dump(value)
    assert same(load_yaml(written, "f"), ruamel_load(written))


def test_edits_keep_comments_order_and_style() -> None:
    before = (
        "# top\nb: {x: 1, y: 'two'}  # flow\na:  # list\n- 1\n- name: n  # inner\n  kept: yes\ngone: 1\nq: \"quoted\"\n"
    )
    value = {
        "a": [1, {"name": "m", "kept": "yes", "new": True}],
        "b": {"x": 5, "y": "two"},
        "q": "quoted",
        "z": {"deep": [1]},
    }
    after = update_yaml(before, value, "f")
    assert after == (
        "# top\nb: {x: 5, y: two}    # flow\na:  # list\n- 1\n- name: m  # inner\n  kept: yes\n  new: true\nq: quoted\n"
        "z:\n  deep:\n  - 1\n"
    )
    assert load_yaml(after, "f") == value


@pytest.mark.parametrize(
    ("text", "place", "problem"),
    [
        ("a: 1\na: 2\n", (2, 1), "the key 'a' stands twice"),
        ("a: {b: 1, b: 2}\n", (1, 11), "the key 'b' stands twice"),
        ("a: [1\nb: 2\n", (2, 2), "did not find expected"),
        ("a: 'x\n", (2, 1), "end of stream"),
        ("a:\n\t- b\n", (2, 1), "cannot start any token"),
        ("a: *none\n", (1, 4), "undefined alias"),
        ("a: !!python/object:os.system x\n", (1, 4), "could not determine a constructor"),
        ("a: 1\n--- \nb: 2\n", (2, 1), "another document"),
        ("a: é\x01\n", (1, 5), "does not allow"),
        ("x: 1\n<<<<<<< HEAD\na: 1\n=======\na: 2\n>>>>>>> other\n", (2, 1), "merge conflict"),
        ("a: -_\n", (1, 4), "is not a number"),
    ],
)
def test_errors_name_line_and_column(text: str, place: tuple[int, int], problem: str) -> None:
    with pytest.raises(FileFormatError) as raised:
        load_yaml(text, "some/f.yaml")
    assert (raised.value.line, raised.value.column) == place
    assert problem in raised.value.problem
    assert raised.value.message.startswith(f"some/f.yaml:{place[0]}:{place[1]}: ")
    assert "\n" not in raised.value.message


def test_bytes_that_are_not_utf8() -> None:
    with pytest.raises(FileFormatError) as raised:
        load_yaml(b"a: 1\nb: \xff\n", "f")
    assert (raised.value.line, raised.value.column) == (2, 4)


@pytest.mark.parametrize("deeper", ["[", "{a: ", "- ", "? ", "[{a: "])
def test_nesting_without_end_is_an_error_not_a_crash(deeper: str) -> None:
    with pytest.raises(FileFormatError, match=r"^f:1:\d+: nested too deeply"):
        load_yaml(deeper * 200_000, "f")


def test_indents_without_end_are_an_error_not_a_crash() -> None:
    with pytest.raises(FileFormatError, match="nested too deeply"):
        load_yaml("\n".join(" " * i + "a:" for i in range(5000)), "f")


def test_much_nesting_is_fine() -> None:
    value = load_yaml("[" * 900 + "]" * 900, "f")
    for _ in range(899):
        (value,) = value
    assert value == []


def test_aliases_of_aliases_are_not_multiplied() -> None:
    lines = ["l0: &l0 [x, x]"] + [f"l{i}: &l{i} [*l{i - 1}, *l{i - 1}]" for i in range(1, 60)]
    assert load_yaml("\n".join(lines), "f")["l59"]


def test_files_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"^shown does not exist"):
        load_yaml_file(str(tmp_path / "none"), "shown")
    with pytest.raises(FileFormatError, match="is a folder"):
        load_yaml_file(str(tmp_path))


def test_replacing_keeps_the_mode_and_follows_links(tmp_path: Path) -> None:
    target, link = tmp_path / "f", tmp_path / "link"
    target.write_bytes(b"old")
    target.chmod(0o640)
    link.symlink_to("f")
    write_atomic(str(link), b"new")
    assert link.is_symlink()
    assert target.read_bytes() == b"new"
    assert stat.S_IMODE(target.stat().st_mode) == 0o640
    before = os.umask(0o027)
    try:
        write_atomic(str(tmp_path / "fresh"), b"x")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "fresh").stat().st_mode) == 0o640
    long = tmp_path / ("n" * 255)
    write_atomic(str(long), b"x")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["f", "link", "fresh", "n" * 255])


def test_a_failed_write_leaves_the_old_file_and_no_litter(tmp_path: Path) -> None:
    """Write more than a process may, and see the error that a full disk gives."""
    target = tmp_path / "f"
    target.write_bytes(b"old")
    script = (
        "import resource, sys\n"
        "from siglum.workspace.documents import write_atomic\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        f"try: write_atomic({str(target)!r}, b'x' * 5000)\n"
        "except OSError as error: sys.exit(error.errno)\n"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == errno.EFBIG
    assert target.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["f"]


def test_readers_see_the_old_or_the_new_whole(tmp_path: Path) -> None:
    target = tmp_path / "f"
    contents = {bytes([letter]) * 100_000 for letter in b"ab"}
    target.write_bytes(b"a" * 100_000)
    seen: set[bytes] = set()
    finished = threading.Event()

    def read() -> None:
        while not finished.is_set():
            seen.add(target.read_bytes())

    reader = threading.Thread(target=read)
    reader.start()
    for _ in range(30):
        for content in contents:
            write_atomic(str(target), content)
    finished.set()
    reader.join()
    assert seen <= contents


def test_text_with_gaps_comes_back_as_it_was_also_where_its_line_is_broken() -> None:
    for width in range(60, 80):
        value = {"cmd": f"{'x' * width} 2  1u >> o  &&   true"}
        assert load_yaml(dump_yaml(value), "dvc.lock") == value
    assert dump_yaml({"cmd": "a  b"}) == "cmd: a  b\n"
