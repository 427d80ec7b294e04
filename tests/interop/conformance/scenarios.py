"""What both tools are made to do. Each scenario begins in an empty folder; see `replay` for its lines.

Left out is where Siglum differs on purpose: `push -A`, `-a` and `-T` send every version (DVC 3.67.1 sends one for each
path); `push` fails when the cache lacks what it should send (DVC warns, and ends well); a part of a folder is fetched
without the folder's manifest, which says that all files are there; links to files inside a folder stay links; and
`add -o` of what is there already succeeds, so that a command that was killed can be run again.
"""

from __future__ import annotations

GIT = ["git init -q -b main", "$T init -q", "git add -A && git commit -qm init"]
KEEP = "git add -A && git commit -qm data"
TREE = (
    "mkdir -p d/sub/deep 'd/ünï cödé' d/emptydir; printf x > d/x; printf x > d/sub/x2; : > d/empty; "
    "printf 'é\\n' > 'd/ünï cödé/naïve 文件.txt'; printf 'b\\r\\nb\\r\\n' > d/sub/crlf.txt; printf 1 > d/sub/deep/1; "
    "printf Z > d/Z; printf u > d/sub-x; printf q > 'd/quote\"back\\slash'"
)
TWO = "printf f > f; mkdir d; printf a > d/a; printf b > d/b"
LATER = "printf ff > f; printf aa > d/a; rm d/b; mkdir d/s; printf c > d/s/c"
REMOTE = ["mkdir ../remote", "$T remote add -q -d r ../remote"]
UP = (
    "git init -q -b main ../up && cd ../up && git config user.name n && git config user.email a@b.c "
    "&& printf plain > plain && git add -A && git commit -qm up"
)
ODD_NAMES = ("#h", "!b", "a*b", "a[1]", "sp ace", "ünï", "q?m", "007", "1e5", "true", "- x", "a: b")
STAGE = (
    "printf 'lr: 0.1\\n' > params.yaml; printf in > in; printf 'stages:\\n  s:\\n    cmd: cat in > out; echo done\\n"
    "    deps: [in]\\n    params: [lr]\\n    outs: [out]\\n' > dvc.yaml"
)

SCENARIOS: dict[str, list[str]] = {
    "init": ["git init -q -b main", "$T init"],
    "init twice": [*GIT, "$T init", "$T init -f"],
    "init without git": ["$T init", "$T init --no-scm", "printf f > f", "$T add f", "$T status --json"],
    "init in a subfolder": [
        "git init -q -b main; mkdir sub", "sub> $T init", "sub> $T init --subdir", "printf f > sub/f", "sub> $T add f",
    ],
    "add file": [*GIT, "printf 'hello\\n' > a.txt; chmod 600 a.txt", "$T add a.txt", "$T add a.txt"],
    "add empty and executable": [*GIT, ": > zero; printf '#!/bin/sh\\n' > tool.sh; chmod 755 tool.sh",
                                 "$T add zero tool.sh"],
    "add folder": [*GIT, TREE, "$T add d", "$T status --json"],
    "add empty folder": [*GIT, "mkdir e", "$T add e"],
    "add from a subfolder": [*GIT, "mkdir -p a/b; printf f > a/f; printf g > a/b/g", "a/b> $T add g ../f",
                             "a> $T status --json"],
    "add odd names": [
        *GIT,
        *(line for n in ODD_NAMES for line in (f"printf x > './{n}'", f"$T add './{n}'")),
    ],
    "add what is not there": [*GIT, "$T add nothing"],
    "add what git has": [*GIT, f"printf f > f; {KEEP}", "$T add f"],
    "add what is ignored": [*GIT, "printf f > f; printf 'f\\n' >> .dvcignore", "$T add f"],
    "add outside": [*GIT, "printf f > ../f", "$T add ../f"],
    "add glob": [*GIT, "for i in 1 2 3; do printf $i > g$i.csv; done; printf n > n", "$T add --glob 'g*.csv'"],
    "add no commit": [*GIT, "printf nc > f", "$T add --no-commit f", "$T status --json", "$T commit -q f.dvc",
                      "$T status --json"],
    "add out": [*GIT, "mkdir -p ../ext/d; printf e > ../ext/f; printf 1 > ../ext/d/1", "$T add ../ext/f -o got",
                "$T add ../ext/d -o dir", "printf e2 > ../ext/f",
                "$T add -f ../ext/f -o got"],
    "add to remote": [*GIT, *REMOTE, "mkdir -p ../ext; printf e > ../ext/f", "$T add --to-remote ../ext/f -o got"],
    "add inside": [*GIT, TWO, "$T add d", "printf n > d/new; printf aa > d/a", "$T add d/new", "$T status --json",
                   "$T add d/a", "$T status --json"],
    "add hardlink": [*GIT, "$T config cache.type hardlink,copy", TWO + "; : > d/empty", "$T add d f",
                     "$T status --json"],
    "add symlink": [*GIT, "$T config cache.type symlink", TWO, "$T add d f", "$T status --json"],
    "add copy": [*GIT, "$T config cache.type copy", TWO + "; chmod 600 f", "$T add d f"],
    "add a link": [*GIT, "printf t > target; ln -s target l; mkdir d; printf 1 > d/1; ln -s d dl", "$T add l",
                   "$T add dl/1"],
    "add autostage": [*GIT, "$T config core.autostage true", TWO, "$T add d f"],
    "add with dvcignore": [*GIT, TREE + "; printf '*.txt\\n/d/sub/deep\\n!crlf.txt\\n' >> .dvcignore", "$T add d",
                           "$T check-ignore d/sub/deep/1", "$T check-ignore d/x"],
    "add overlapping": [*GIT, TWO, "$T add d/a", "$T add d", "$T add d/b"],
    "commit": [*GIT, TWO, "$T add d f", LATER, "$T commit -f", "$T status --json"],
    "commit one": [*GIT, TWO, "$T add d f", LATER, "$T commit -f f.dvc", "$T status --json"],
    "checkout switch": [*GIT, TWO, "$T add d f", KEEP, LATER, "$T add d f", KEEP, "git checkout -q HEAD~1",
                        "$T checkout", "$T status --json", "git checkout -q main", "$T checkout d.dvc",
                        "$T status --json"],
    "checkout switch hardlink": [
        *GIT, "$T config cache.type hardlink,copy", TWO, "$T add d f", KEEP, "$T unprotect d f", LATER, "$T add d f",
        KEEP, "git checkout -q HEAD~1", "$T checkout",
    ],
    "checkout gone": [*GIT, TWO, "$T add d f", "rm -r d f", "$T checkout", "rm d/a", "$T checkout d/a"],
    "checkout relink": [*GIT, TWO, "$T add d f", "$T config cache.type hardlink,copy", "$T checkout --relink"],
    "checkout force": [*GIT, TWO, "$T add d f", "printf mine > f; printf mine > d/n", "$T checkout", "$T checkout -f"],
    "checkout missing": [*GIT, TWO, "$T add f", "rm -r f .dvc/cache", "$T checkout", "$T checkout --allow-missing"],
    "kinds": [*GIT, "printf f > x", "$T add x", KEEP, "rm x; mkdir x; printf 1 > x/1", "$T add x", KEEP,
              "git checkout -q HEAD~1", "$T checkout", "git checkout -q main", "$T checkout"],
    "status": [*GIT, TWO, "$T add d f", "$T status --json", "rm f; printf n > d/n", "$T status --json", "$T status -q",
               "rm -r .dvc/cache", "$T status --json"],
    "data status": [*GIT, TWO, "$T add d f", "$T data status --json", KEEP, "$T data status --json --unchanged",
                    LATER + "; printf u > untracked", "$T data status --json --granular --untracked-files",
                    "$T add d", "$T data status --json --granular"],
    "data status renamed": [*GIT, TWO, "$T add d", KEEP, "mv d/a d/z", "$T add d", "$T data status --json --granular"],
    "diff": [*GIT, TWO, "$T add d f", KEEP, LATER, "$T diff --json", "$T add d f", "$T diff --json --show-hash", KEEP,
             "$T diff --json HEAD~1", "$T diff --json HEAD~1 HEAD --targets d", "$T diff --json nothing"],
    "diff renamed": [*GIT, TWO, "$T add d f", KEEP, "mv d/a d/moved", "$T add d", "$T diff --json"],
    "remove": [*GIT, TWO, "$T add d f", "$T remove f.dvc", "$T remove --outs d.dvc", "$T remove none.dvc"],
    "remove stage": [*GIT, STAGE, "$T repro -q", "$T remove s"],
    "move": [*GIT, TWO, "$T add d f", "mkdir sub", "$T move f sub/g", "$T move d d2", "$T move sub/g sub/h"],
    "move within": [*GIT, TWO, "$T add f", "mkdir sub", "$T move f sub", "$T move nothing x"],
    "unprotect": [*GIT, "$T config cache.type hardlink,copy", TWO, "$T add d f", "$T unprotect d f"],
    "freeze": [*GIT, STAGE, "$T repro -q", "$T freeze s", "printf in2 > in", "$T status --json", "$T unfreeze s",
               "$T status --json"],
    "push and pull": [*GIT, *REMOTE, TWO, "$T add d f", "$T status -c --json", "$T push", "$T status -c --json",
                      "rm -rf .dvc/cache d f", "$T pull", "$T status --json"],
    "status of branches": [*GIT, *REMOTE, TWO, "$T add d f", "$T push", KEEP, "git checkout -q -b side", LATER,
                           "$T add d f", KEEP, "git checkout -q main", "$T checkout", "$T status -c -a --json"],
    "fetch one": [*GIT, *REMOTE, TWO, "$T add d f", "$T push", "rm -rf .dvc/cache", "$T fetch d",
                  "$T status -c --json"],
    "fetch a part": [*GIT, *REMOTE, TWO, "$T add d", "$T push", "rm -rf .dvc/cache d", "$T fetch d/a"],
    "pull a part": [*GIT, *REMOTE, TWO, "$T add d", "$T push", "rm -rf .dvc/cache d", "$T pull d/a"],
    "push without remote": [*GIT, TWO, "$T add f", "$T push", "$T push -r none"],
    "push run cache": [*GIT, *REMOTE, STAGE, "$T repro -q", "$T push --run-cache", "rm -r .dvc/cache",
                       "$T fetch --run-cache"],
    "gc": [*GIT, "printf 1 > f", "$T add f", "printf 2 > f", "$T add f", "$T gc", "$T gc -w --dry", "$T gc -w -f"],
    "gc revisions": [*GIT, "printf 1 > f", "$T add f", KEEP, "git tag one", "printf 2 > f", "$T add f", KEEP,
                     "printf 3 > f", "$T add f", "$T gc -w -T -f"],
    "gc cloud": [*GIT, *REMOTE, "printf 1 > f", "$T add f", "$T push", "printf 2 > f", "$T add f", "$T push",
                 "$T gc -w -c -f"],
    "import-url": [*GIT, "mkdir -p ../ext/d; printf e > ../ext/f; printf 1 > ../ext/d/a", "$T import-url ../ext/f",
                   "$T import-url ../ext/d imp", "$T import-url --no-download ../ext/f nd",
                   "$T import-url --no-exec ../ext/f ne", "printf e2 > ../ext/f", "$T status --json",
                   "$T update f.dvc"],
    "import": [*GIT, UP, "$T import ../up plain", "$T import ../up plain -o other --rev main", "$T import ../up none"],
    "get": [*GIT, UP, "$T get ../up plain", "$T get ../up plain -o g2", "$T get ../up none",
            "mkdir -p ../ext; printf e > ../ext/f", "$T get-url ../ext/f", "$T get-url ../ext/f g3"],
    "list": [*GIT, TWO, "$T add d f", KEEP, "$T list . --json", "$T list . --json -R", "$T list . d --json",
             "$T list . --json --dvc-only", "$T list . none --json"],
    "remotes": [
        *GIT, "$T remote add -d x s3://bucket/pre", "$T remote modify x endpointurl http://127.0.0.1:1",
        "$T remote modify --local x access_key_id k", "$T remote add y rel/path", "$T remote modify y jobs 4",
        "$T remote rename y z", "$T remote default z", "$T remote modify z jobs -u", "$T remote remove z",
        "$T remote remove none", "$T remote add z other", "$T remote modify none url x",
    ],
    "config of nothing": [*GIT, "$T config core.autostage true", "$T config -u core.autostage"],
    "config": [*GIT, "$T config core.autostage true", "$T config --local cache.type copy",
               "$T config cache.type symlink", "$T config -u core.autostage", "$T config core.nope 1",
               "$T config core.remote", "$T cache dir ../shared", "printf f > f", "$T add f"],
    "cache migrate": [
        *GIT, "mkdir -p .dvc/cache/8f; printf f > .dvc/cache/8f/a14cdd754f91cc6554c9e71929cce7; printf f > f",
        "printf 'outs:\\n- md5: 8fa14cdd754f91cc6554c9e71929cce7\\n  size: 1\\n  path: f\\n' > f.dvc",
        "printf '/f\\n' > .gitignore",
        "$T status --json", "$T cache migrate", "$T cache migrate --dvc-files", "$T status --json",
    ],
    "install": [*GIT, "$T install", "find .git/hooks -type f ! -name '*.sample' | sort > hooks"],
    "repro": [*GIT, STAGE, "$T repro -q", "$T status --json", "printf 'lr: 0.2\\n' > params.yaml", "$T status --json",
              "$T repro -q", "printf 'lr: 0.1\\n' > params.yaml; rm out", "$T repro -q"],
    "comments survive": [*GIT, "printf f > f", "$T add f",
                         "printf '# mine\\n' | cat - f.dvc > t; mv t f.dvc",
                         "printf 'meta: {a: 1}\\ndesc: \"d: e\"\\n' >> f.dvc",
                         "printf g > f", "$T commit -f f.dvc", "$T status --json"],
    "damaged pointer": [*GIT, "printf f > f", "$T add f", "printf 'outs: [' > f.dvc", "$T status", "$T add f"],
    "root and version": [*GIT, "mkdir -p a/b", "a/b> $T root", "$T version", "$T nonsense"],
}  # fmt: skip

# By scenario: the paths, as a pattern, that are not compared (see above).
NOT_COMPARED = {"fetch a part": r"\.dir$", "pull a part": r"\.dir$"}
