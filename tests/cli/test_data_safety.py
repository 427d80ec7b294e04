"""Bad input, damage, full disks and missing rights: one clear line each, and nothing of the user's lost."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import resource
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from siglum.cli import app

SIGLUM = [sys.executable, "-m", "siglum.cli"]


class Shell:
    """Runs commands of Siglum in this process and keeps what they printed."""

    def __init__(self, root: Path, capture: pytest.CaptureFixture[str]) -> None:
        self.root = root
        self._capture = capture

    def __call__(self, *arguments: str, status: int = 0) -> str:
        """Run a command that ends with `status`; return what it printed, an error's line when it failed."""
        ended = app.run(list(arguments))
        printed = self._capture.readouterr()
        assert ended == status, printed.out + printed.err
        if status:
            assert printed.err.startswith("error: ")
            assert printed.err.count("\n") == 1, printed.err
            return printed.err
        assert printed.err == ""
        return printed.out

    def json(self, *arguments: str) -> Any:
        return json.loads(self(*arguments, "--json"))

    def git(self, *arguments: str) -> str:
        done = subprocess.run(["git", *arguments], cwd=self.root, capture_output=True, text=True, check=True)
        return done.stdout


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shell:
    root = tmp_path / "project"
    root.mkdir()
    monkeypatch.chdir(root)
    made = Shell(root, capsys)
    made.git("init", "-q")
    made("init")
    return made


def object_path(root: Path, oid: str) -> Path:
    return root / ".dvc/cache/files/md5" / oid[:2] / oid[2:]


def oid_in(pointer: Path) -> str:
    return next(line.split()[-1] for line in pointer.read_text().splitlines() if "md5: " in line)


# What is refused


@pytest.mark.parametrize(
    ("prepare", "target", "said"),
    [
        (lambda root: None, "none", "none does not exist"),
        (lambda root: None, "../outside", "is outside the repository"),
        (lambda root: None, ".", "is the repository itself"),
        (lambda root: os.mkfifo(root / "fifo"), "fifo", "is a FIFO"),
        (lambda root: (root / "link").symlink_to("nowhere"), "link", "is not there"),
        (
            lambda root: (root / ".dvcignore").write_text("# no\n/hidden\n"),
            "hidden",
            "ignored by .dvcignore:2: /hidden",
        ),
        (lambda root: (root / "d/.dvcignore").write_text("x"), "d", "is inside tracked data"),
        (lambda root: (root / "behind").symlink_to("d"), "behind/f", "is behind the link behind"),
        (lambda root: (root / ".gitignore").write_text("*.dvc\n"), "hidden", "is ignored by Git"),
    ],
)
def test_what_add_refuses(shell: Shell, prepare: Callable[[Path], object], target: str, said: str) -> None:
    (shell.root / "d").mkdir()
    (shell.root / "d/f").write_text("f")
    (shell.root / "hidden").write_text("hidden")
    (shell.root.parent / "outside").write_text("o")
    prepare(shell.root)
    ignored = (shell.root / ".gitignore").read_bytes() if (shell.root / ".gitignore").exists() else None
    assert said in shell("add", target, status=1)
    assert [path.name for path in shell.root.glob("**/*.dvc")] == [".dvc"]
    assert ((shell.root / ".gitignore").read_bytes() if ignored is not None else None) == ignored
    assert (shell.root / "d/f").read_text() == "f"


def test_a_file_that_git_tracks(shell: Shell) -> None:
    (shell.root / "f").write_text("f")
    shell.git("add", "f")
    assert "git rm -r --cached f" in shell("add", "f", status=1)


def test_a_folder_with_something_tracked_in_it(shell: Shell) -> None:
    (shell.root / "d").mkdir()
    (shell.root / "d/f").write_text("f")
    shell("add", "d/f")
    assert "contains d/f, which is tracked on its own" in shell("add", "d", status=1)


def test_not_in_a_repository(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    shell = Shell(tmp_path, capsys)
    for command in ("status", "checkout", "commit", "add f", "push", "pull", "remote add x y"):
        assert "siglum init" in shell(*command.split(), status=1)


def test_a_target_that_nothing_tracks_gets_near_names(shell: Shell) -> None:
    (shell.root / "train.csv").write_text("t")
    shell("add", "train.csv")
    for command in ("status", "checkout", "commit"):
        assert "Did you mean 'train.csv'?" in shell(command, "trian.csv", status=1)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("outs:\n- md5: d41d8cd98f00b204e9800998ecf8427e\n  path: f\n   hash: md5\n", "f.dvc:4:"),
        ("outs:\n- md5: nonsense\n  path: f\n", "f.dvc:2:3: outs[0].md5: 'nonsense' is not an MD5"),
        ("outs:\n- md5: d41d8cd98f00b204e9800998ecf8427e\n  paht: f\n", "f.dvc:2:3: outs[0]"),
        (
            "outs:\n- md5: 00000000000000000000000000000000\n  path: f\n",
            "outs[0].md5: expected text or nothing, not a number",
        ),
        ("outs: 3\n", "f.dvc:1:1: outs: expected a list, not a number. Restore it with Git"),
        ("outs: []\n", "f.dvc:1:1: there is no output in it"),
        ("", "f.dvc: the file is empty"),
        ("- a\n", "f.dvc:1:1: not a mapping"),
        ("<<<<<<< HEAD\nouts:\n=======\nouts: []\n>>>>>>> b\n", "f.dvc:1:1: holds a merge conflict of Git"),
        ("outs:\n- path: f\nouts:\n- path: g\n", "f.dvc:3:1: the key 'outs' stands twice"),
        ("outs:\n- path: \xff\n", "f.dvc"),
    ],
)
def test_a_damaged_pointer(shell: Shell, text: str, place: str) -> None:
    (shell.root / "f").write_text("precious")
    shell("add", "f")
    (shell.root / "f.dvc").write_bytes(text.encode("latin-1"))
    for command in ("status", "checkout", "commit"):
        assert place in shell(command, status=1)
    assert (shell.root / "f").read_text() == "precious"
    assert (shell.root / "f.dvc").read_bytes() == text.encode("latin-1")


def test_a_pointer_that_is_gone(shell: Shell) -> None:
    (shell.root / "f").write_text("precious")
    shell("add", "f")
    (shell.root / "f.dvc").unlink()
    assert "'f.dvc' is not tracked" in shell("checkout", "f.dvc", status=1)
    assert (shell.root / "f").read_text() == "precious"


# What is never lost


def test_a_part_of_a_folder(shell: Shell) -> None:
    (shell.root / "d/sub").mkdir(parents=True)
    for name in ("a", "b", "sub/c"):
        (shell.root / "d" / name).write_text(name)
    shell("add", "d")
    (shell.root / "d/a").write_text("other a")
    (shell.root / "d/b").write_text("other b")
    shell("add", "d/b")
    assert shell.json("status") == {"d.dvc": [{"changed outs": {"d": "modified"}}]}
    assert "changes that are in no cache" in shell("checkout", "d", status=1)
    assert (shell.root / "d/a").read_text() == "other a"
    shell("checkout", "-f", "d/a")
    assert (shell.root / "d/a").read_text() == "a"
    assert (shell.root / "d/b").read_text() == "other b"
    assert shell.json("status") == {}


def test_links_of_every_kind(shell: Shell) -> None:
    (shell.root / "f").write_text("f")
    for kind in ("copy", "hardlink", "symlink", "reflink,copy"):
        shell("config", "cache.type", kind)
        shell("add", "f")
        status = os.lstat(shell.root / "f")
        assert stat.S_ISLNK(status.st_mode) == (kind == "symlink")
        assert (status.st_nlink > 1) == (kind == "hardlink")
        assert (shell.root / "f").read_text() == "f"
        assert shell.json("status") == {}
    shell("config", "cache.type", "symlink")
    shell("checkout", "--relink")
    assert (shell.root / "f").is_symlink()


def test_checkout_keeps_what_is_in_no_cache(shell: Shell) -> None:
    (shell.root / "f").write_text("old")
    (shell.root / "d").mkdir()
    (shell.root / "d/a").write_text("old")
    shell("add", "f", "d")
    (shell.root / "f").write_text("new")
    (shell.root / "d/a").write_text("new")
    (shell.root / "d/b").write_text("new, too")
    assert "changes that are in no cache" in shell("checkout", status=1)
    assert (shell.root / "f").read_text() == "new"
    assert sorted(path.name for path in (shell.root / "d").iterdir()) == ["a", "b"]
    shell("checkout", "--force")
    assert (shell.root / "f").read_text() == (shell.root / "d/a").read_text() == "old"
    assert not (shell.root / "d/b").exists()


def test_checkout_of_a_folder_with_a_missing_object(shell: Shell) -> None:
    (shell.root / "d").mkdir()
    for name in ("a", "b"):
        (shell.root / "d" / name).write_text(name)
    shell("add", "d")
    object_path(shell.root, "92eb5ffee6ae2fec3ad71c777531578f").unlink()  # b
    (shell.root / "d/b").unlink()
    for force in ([], ["--force"]):
        assert "siglum pull" in shell("checkout", *force, status=1)
        assert (shell.root / "d/a").read_text() == "a"
    assert shell.json("status") == {"d.dvc": [{"changed outs": {"d": "not in cache"}}]}


def test_a_damaged_object_is_not_checked_out(shell: Shell) -> None:
    (shell.root / "f").write_text("right")
    (shell.root / "d").mkdir()
    (shell.root / "d/a").write_text("right, too")
    shell("add", "f", "d")
    for text in (b"right", b"right, too"):
        damaged = object_path(shell.root, hashlib.md5(text).hexdigest())
        damaged.chmod(0o644)
        damaged.write_bytes(b"x" * len(text))
        damaged.chmod(0o444)
    (shell.root / "f").unlink()
    (shell.root / "d/a").write_text("kept")
    printed = shell("checkout", "f", status=1)
    assert "7c4f29407893c334a6cb7a87bf045c0d" in printed.replace("/", "")
    assert not (shell.root / "f").exists()
    shell("checkout", "--force", "d", status=1)
    assert (shell.root / "d/a").read_text() == "kept"


def test_a_whole_disk_loses_nothing(shell: Shell) -> None:
    """Add a file that the cache has no room for, in a process that may write small files only."""
    data = os.urandom(300_000)
    (shell.root / "big").write_bytes(data)
    (shell.root / "small").write_text("small")

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # the write then fails, as on a full disk
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    done = subprocess.run([*SIGLUM, "add", "big"], capture_output=True, text=True, check=False, preexec_fn=limit)
    assert done.returncode == 1
    assert os.strerror(errno.EFBIG) in done.stderr
    assert done.stderr.count("\n") == 1
    assert (shell.root / "big").read_bytes() == data
    assert not (shell.root / "big.dvc").exists()
    assert not (shell.root / ".gitignore").exists()
    assert [p for p in (shell.root / ".dvc/cache").rglob("*") if p.is_file()] == []
    shell("add", "big", "small")
    assert (shell.root / "big").read_bytes() == data


@pytest.fixture
def small_disk(tmp_path: Path) -> list[str]:
    """A command prefix that runs a script on a file system of 2 MB, or, where nobody may mount, under a size limit."""
    (tmp_path / "disk").mkdir()
    script = 'mount -t tmpfs -o size=2m tmpfs "$0" && cd "$0" && eval "$1"'
    prefix = ["unshare", "-Urm", "bash", "-euo", "pipefail", "-c", script, str(tmp_path / "disk")]
    if not shutil.which("unshare") or subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode:
        limited = 'cd "$0" && trap "" XFSZ && eval "$1"'
        return ["bash", "-euo", "pipefail", "-c", limited, str(tmp_path / "disk")]
    return prefix


def test_a_real_full_disk(small_disk: list[str]) -> None:
    siglum = " ".join(SIGLUM)
    script = f"""
        git init -q; {siglum} init -q
        head -c 1300000 /dev/urandom > big; md5sum big > sum; size=$(stat -f -c %b .)
        if test "$size" -gt 100000; then ulimit -S -f 1000; fi
        if {siglum} add big 2> said; then exit 3; fi
        cat said >&2
        md5sum -c --quiet sum; test ! -e big.dvc; test ! -e .gitignore
        ulimit -S -f unlimited; truncate -s 100000 big; md5sum big > sum
        {siglum} add -q big; {siglum} status; md5sum -c --quiet sum
    """
    done = subprocess.run([*small_disk, script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Free some space" in done.stderr
    assert any(os.strerror(number) in done.stderr for number in (errno.ENOSPC, errno.EFBIG))
    assert "Data and pipelines are up to date." in done.stdout


def as_nobody(script: str, root: Path) -> subprocess.CompletedProcess[str]:
    command = ["bash", "-c", script]
    if os.geteuid() == 0:  # root may do everything: give that up
        command = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--ambient-caps=-all", *command]
        command[1:1] = ["--securebits=+noroot"]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("locked", ["f", ".dvc/cache", "."])
def test_missing_rights(shell: Shell, locked: str) -> None:
    (shell.root / "f").write_text("precious")
    (shell.root / ".dvc/cache").mkdir(exist_ok=True)
    place = shell.root / locked
    mode = place.stat().st_mode
    place.chmod(0o000 if locked == "f" else 0o555)
    try:
        proof = as_nobody(f"cat {locked}" if locked == "f" else f"touch {locked}/x", shell.root)
        assert "Permission denied" in proof.stderr
        done = as_nobody(" ".join([*SIGLUM, "add", "f"]), shell.root)
    finally:
        place.chmod(mode)
    assert done.returncode == 1
    assert "Permission denied" in done.stderr
    assert done.stderr.count("\n") == 1
    assert (shell.root / "f").read_text() == "precious"
    assert not (shell.root / "f.dvc").exists()
    assert not (shell.root / ".gitignore").exists()


def test_what_a_remote_does_not_show_is_not_absent(shell: Shell, tmp_path: Path) -> None:
    (shell.root / "f").write_text("precious")
    shell("add", "f")
    shell("remote", "add", "-d", "r", str(tmp_path / "remote"))
    shell("push")
    place = tmp_path / "remote/files"
    place.chmod(0o000)
    try:
        done = as_nobody(" ".join([*SIGLUM, "status", "-c"]), shell.root)
    finally:
        place.chmod(0o755)
    assert (done.returncode, "permission denied" in done.stderr) == (1, True)


def test_odd_names(shell: Shell) -> None:
    names = ["sp ace", "new\nline", "ünï", "文件", "-dash", "#h", "'q'", '"', "\\", "a: b", "n" * 251, "\t", "*"]
    for name in names:
        (shell.root / name).write_text(name)
    shell("add", "--", *names)
    assert shell.json("status") == {}
    for name in names:
        (shell.root / name).unlink()
    shell("checkout")
    for name in names:
        assert (shell.root / name).read_text() == name
    assert (
        shell.git("status", "--porcelain", "--ignored=no", "-uall").count(".dvc") == len(names) + 3
    )  # and what init made
    (shell.root / ("n" * 255)).write_text("too long for a pointer")
    shell("add", "n" * 255, status=1)
    assert (shell.root / ("n" * 255)).read_text() == "too long for a pointer"


def test_a_name_that_is_not_utf8(shell: Shell) -> None:
    folder = os.fsencode(shell.root / "d")
    os.mkdir(folder)
    with open(folder + b"/\xff", "wb") as file:
        file.write(b"precious")
    assert "UTF-8" in shell("add", "d", status=1)
    assert os.listdir(folder) == [b"\xff"]
    assert not (shell.root / "d.dvc").exists()
    with open(os.fsencode(shell.root) + b"/\xff.csv", "wb") as file:
        file.write(b"precious")
    assert "UTF-8" in shell("add", os.fsdecode(b"\xff.csv"), status=1)
    shell("status")  # no .dvc file is left behind that cannot be read
