"""A small real project for the tests of trace, diff and reproduce: Git, data, scripts, an embedded store."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

TRAIN = """\
import json
import sys
from pathlib import Path

import numpy as np
from sklearn.linear_model import LinearRegression

import siglum
import siglum.sklearn

source = Path(sys.argv[1])
siglum.set_experiment("lines")
with siglum.start_run():
    if "--declare" in sys.argv:
        siglum.log_input(source)
    points = np.loadtxt(source, delimiter=",", ndmin=2)
    scale = json.loads(Path("params.yaml").read_text())["scale"]
    siglum.log_param("scale", scale)
    model = LinearRegression().fit(points[:, :1] * scale, points[:, 1])
    siglum.log_metric("r2", model.score(points[:, :1] * scale, points[:, 1]))
    siglum.sklearn.log_model(model, name="model", registered_model_name="line", pip_requirements=["scikit-learn"])
Path("model.txt").write_text(repr(model.coef_.tolist()))
"""

PREPARE = """\
from pathlib import Path

lines = Path("data/points.csv").read_text().split()
Path("clean.csv").write_text("".join(line + "\\n" for line in sorted(lines)))
"""

PIPELINE = """\
stages:
  prepare:
    cmd: python prepare.py
    deps:
    - data/points.csv
    - prepare.py
    outs:
    - clean.csv
  train:
    cmd: python train.py clean.csv
    deps:
    - clean.csv
    - train.py
    params:
    - scale
    outs:
    - model.txt
"""


class TrainingProject:
    """A project in its own folder; commands run as processes, as a user runs them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir()
        self.git("init", "-q")
        self.siglum("init", "-q")
        self.write("data/points.csv", "1,2.1\n2,3.9\n3,6.2\n4,7.8\n")
        self.write("train.py", TRAIN)
        self.write("prepare.py", PREPARE)
        self.write("params.yaml", '{"scale": 2}\n')
        self.siglum("add", "-q", "data/points.csv")

    def write(self, name: str, text: str) -> None:
        """Write a file of the project."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def commit(self, tag: str | None = None) -> str:
        """Commit everything; return the commit."""
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", "change")
        if tag is not None:
            self.git("tag", tag)
        return self.git("rev-parse", "HEAD")

    def git(self, *arguments: str) -> str:
        """Run git; return what it printed."""
        return self._run(["git", *arguments]).stdout.strip()

    def siglum(self, *arguments: str) -> str:
        """Run a siglum command that must succeed; return what it printed."""
        return self._run([sys.executable, "-m", "siglum.cli", *arguments]).stdout

    def train(self, *arguments: str, **environment: str) -> None:
        """Run the training script."""
        self._run([sys.executable, "train.py", *(arguments or ("data/points.csv", "--declare"))], environment)

    def python(self, *arguments: str) -> None:
        """Run Python."""
        self._run([sys.executable, *arguments])

    def attempt(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a siglum command, whatever comes of it."""
        return self._run([sys.executable, "-m", "siglum.cli", *arguments], environment, check=False)

    def state(self) -> dict[str, bytes]:
        """Return every file but Git's and Siglum's private notes, with Git's view of worktrees and refs."""
        found = {
            str(path.relative_to(self.root)): path.read_bytes()
            for path in self.root.rglob("*")
            if path.is_file() and not {".git", "tmp"} & set(path.relative_to(self.root).parts)
        }
        database = {name for name in found if ".siglum/siglum.db" in name}
        kept = {name: data for name, data in found.items() if name not in database}
        git = self.git("worktree", "list") + self.git("for-each-ref") + self.git("status", "--porcelain")
        return kept | {"git": git.encode(), "registry": self.siglum("audit", "--json").encode()}

    def leftovers(self) -> list[str]:
        """Return scratch folders that were not removed."""
        return [str(path) for path in self.root.rglob("siglum-reproduce-*")]

    def _run(
        self, command: list[str], environment: dict[str, str] | None = None, *, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        path = os.pathsep.join([os.path.dirname(sys.executable), os.environ["PATH"]])
        done = subprocess.run(
            command,
            cwd=self.root,
            env={**os.environ, "PATH": path, **(environment or {})},
            capture_output=True,
            text=True,
            check=False,
        )
        if check and done.returncode != 0:
            raise AssertionError(f"{command}: {done.stdout}{done.stderr}")
        return done
