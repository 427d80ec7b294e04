"""`.dvc` files: what is read is what is written, whatever stands beside it."""

from __future__ import annotations

import tempfile
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.workspace.data_project import DataProject

from siglum.core.errors import InvalidInputError, NotFoundError
from siglum.workspace.documents import dump_yaml, update_yaml
from siglum.workspace.pointers import (
    DataFile,
    OutputSpec,
    Pointer,
    format_pointer,
    is_pointer,
    parse_pointer,
    pointer_of,
    read_pointer,
    write_pointer,
)
from siglum.workspace.targets import all_outputs

HEX = st.text("0123456789abcdef", min_size=32, max_size=32) | st.from_regex(r"[0-9]{5}e[0-9]{26}", fullmatch=True)
PATHS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), min_size=1, max_size=100)


@given(HEX, st.integers(0, 2**60), st.booleans(), PATHS)
def test_the_short_way_writes_what_yaml_would(oid: str, size: int, is_exec: bool, path: str) -> None:
    """Plain pointers are written without the YAML library: the bytes are the same, and they read back."""
    out = OutputSpec(md5=oid, size=size, isexec=is_exec, hash="md5", path=path)
    data = format_pointer(DataFile(outs=[out]))
    entry = {"md5": oid, "size": size} | ({"isexec": True} if is_exec else {}) | {"hash": "md5", "path": path}
    assert data.decode() == dump_yaml({"outs": [entry]})
    assert parse_pointer(data, "x.dvc").outs == [out]


OUTS = st.builds(
    OutputSpec, md5=HEX, size=st.none() | st.integers(0, 2**60), isexec=st.booleans(), hash=st.just("md5"), path=PATHS
)


@settings(max_examples=50, deadline=None)
@given(OUTS, OUTS, st.sampled_from(["", "# note\n", "desc: x\n"]))
def test_the_short_way_edits_as_yaml_would(old: OutputSpec, new: OutputSpec, extra: str) -> None:
    before = format_pointer(DataFile(outs=[old])) + extra.encode()
    file = DataFile(outs=[new], desc="x" if extra.startswith("desc") else None)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "f.dvc")
        path.write_bytes(before)
        write_pointer(str(path), file)
        assert path.read_bytes() == update_yaml(before, msgspec.to_builtins(file), "f.dvc").encode()


def test_an_edit_keeps_what_it_does_not_know(project: DataProject) -> None:
    text = (
        "# who made it\nouts:\n- md5: d41d8cd98f00b204e9800998ecf8427e # empty\n  path: f\n"
        "meta: {owner: me}\ndesc: text\n"
    )
    project.write({"f.dvc": text})
    path = str(project.root / "f.dvc")
    file = read_pointer(path)
    assert file.meta == {"owner": "me"}
    write_pointer(path, file)
    assert project.read("f.dvc") == text
    changed = DataFile(outs=[OutputSpec(md5="0" * 31 + "a", path="f")], meta=file.meta, desc=file.desc)
    write_pointer(path, changed)
    assert project.read("f.dvc") == text.replace("d41d8cd98f00b204e9800998ecf8427e", "0" * 31 + "a")


def test_where_outputs_are() -> None:
    file = DataFile(outs=[OutputSpec(path="../x")], wdir="below")
    assert Pointer("data/f.dvc", file).key_of(file.outs[0]) == "data/x"
    assert pointer_of("data/folder/") == "data/folder.dvc"
    assert is_pointer("a/x.dvc")
    assert not is_pointer("a/.dvc")
    with pytest.raises(NotFoundError, match=r"shown does not exist"):
        read_pointer("/nowhere/f.dvc", "shown")


@pytest.mark.parametrize("path", ["../f", "/etc/f", "a/../../../f", ".."])
def test_an_output_outside_the_repository_is_refused(project: DataProject, path: str) -> None:
    """A committed file must not be able to have `siglum pull` write elsewhere."""
    pointer = Pointer("sub/f.dvc", DataFile(wdir="..", outs=[OutputSpec(md5="0" * 32, hash="md5", path=path)]))
    with pytest.raises(InvalidInputError, match="not inside the repository"):
        pointer.key_of(pointer.file.outs[0])
    (project.root / "f.dvc").write_text(f"outs:\n- md5: d41d8cd98f00b204e9800998ecf8427e\n  path: {path}\n")
    with pytest.raises(InvalidInputError, match="not inside the repository"):
        all_outputs(project.open())
