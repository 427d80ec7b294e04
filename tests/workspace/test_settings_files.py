"""Settings files: the INI dialect, levels that are merged, and remotes by name."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.workspace.data_project import DataProject

from siglum.core.errors import FileFormatError, InvalidInputError, NotFoundError, NotSupportedError
from siglum.workspace.config import Config, Level, join_name, level_path, relative_to_config, split_name
from siglum.workspace.ini import format_ini, parse_ini
from siglum.workspace.remotes import open_configured_remote

NAMES = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"], exclude_characters="[]='\"#,"), min_size=1)
VALUES = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Zl", "Zp"]), max_size=20)


@example({"s": {"o": "'\"", "p": "\"'"}})
@given(st.dictionaries(NAMES.map(str.lower), st.dictionaries(NAMES.map(str.lower), VALUES, min_size=1)))
def test_what_is_written_is_read_back(sections: dict[str, dict[str, str]]) -> None:
    sections = {name.lower(): {key.lower(): value for key, value in own.items()} for name, own in sections.items()}
    try:
        text = format_ini(sections)
    except InvalidInputError:
        return  # said to be impossible
    assert parse_ini(text, "config") == sections


def test_the_dialect() -> None:
    text = "# top\n[Core]\n  Remote = x # why\n\n['remote \"A b\"']\nurl = 'a, b'\ntype = a, b,\nempty =\n"
    assert parse_ini(text, "config") == {
        "core": {"remote": "x"},
        'remote "a b"': {"url": "a, b", "type": ("a", "b"), "empty": ""},
    }
    for broken, line in (("[x\n", 1), ("[x]\n\ny\n", 3), ("[x]\ny = 'z\n", 2), ("[x]\n[x]\n", 2)):
        with pytest.raises(FileFormatError) as caught:
            parse_ini(broken, "config")
        assert (caught.value.path, caught.value.line) == ("config", line)


def test_levels(project: DataProject) -> None:
    environ = {"DVC_SYSTEM_CONFIG_DIR": str(project.root / "sys"), "XDG_CONFIG_HOME": str(project.root / "xdg")}
    dvc_dir = str(project.root / ".dvc")
    for level in Level:
        path = level_path(level, dvc_dir, environ)
        project.write({path: f"[cache]\n    dir = {level}\n[core]\n    remote = {level}\n"})
    config = Config.load(dvc_dir, environ)
    assert config.get("core.remote") == "local"
    assert config.get("cache.dir") == f"{dvc_dir}/local"
    assert Config.load(None, environ).get("cache.dir") == f"{project.root}/xdg/dvc/global"
    assert Config.load_one(Level.SYSTEM, dvc_dir, environ).get("core.remote") == "system"
    with pytest.raises(InvalidInputError, match="belongs to a repository"):
        level_path(Level.LOCAL, None, environ)


def test_names_and_paths() -> None:
    for name in ("core.remote", "remote.a.url", "remote.a.b.url"):
        assert join_name(*split_name(name)) == name
    for name in ("core", "core.", "a.b.c", ".x"):
        with pytest.raises(InvalidInputError, match="not the name of a setting"):
            split_name(name)
    assert relative_to_config("x", "/r/.dvc/config", "/r/sub") == "../sub/x"
    for kept in ("/x", "~/x", "s3://b/x"):
        assert relative_to_config(kept, "/r/.dvc/config", "/r") == kept


def test_a_remote_by_name(project: DataProject) -> None:
    project.write(
        {
            ".dvc/config": "[core]\n    remote = a\n['remote \"a\"']\n    url = ../../store\n    jobs = 3\n"
            "['remote \"b\"']\n    url = remote://a/below\n['remote \"c\"']\n    url = remote://c\n"
            "['remote \"d\"']\n    url = remote://a\n    worktree = true\n['remote \"e\"']\n    url = oss://h/p\n"
        }
    )
    store = str(project.root.parent / "store")
    assert open_configured_remote(project.open()).url == store
    assert open_configured_remote(project.open(), "B").url == f"{store}/below"
    with pytest.raises(InvalidInputError, match="refers to itself: c -> c"):
        open_configured_remote(project.open(), "c")
    with pytest.raises(NotSupportedError, match="worktree"):
        open_configured_remote(project.open(), "d")
    with pytest.raises(NotSupportedError, match="oss://"):
        open_configured_remote(project.open(), "e")
    with pytest.raises(NotFoundError, match="There is no remote 'x'"):
        open_configured_remote(project.open(), "x")
