"""Which module holds which command, and its line in the help: a table, so that `siglum --help` imports none of them."""

from __future__ import annotations

import msgspec


class CommandEntry(msgspec.Struct, frozen=True):
    """A command: the module and attribute that hold it, its section and its line in the help."""

    module: str
    attribute: str
    section: str
    summary: str


DATA = "Data"
PIPELINES = "Pipelines"
MODELS = "Models and runs"
SERVER = "Server"
OTHER = "Other"

COMMANDS: dict[str, CommandEntry] = {
    "init": CommandEntry("siglum.cli.data", "init", DATA, "Start data versioning in a folder."),
    "add": CommandEntry("siglum.cli.record", "add", DATA, "Put files and folders under version control."),
    "commit": CommandEntry("siglum.cli.record", "commit", DATA, "Record changed outputs."),
    "checkout": CommandEntry("siglum.cli.data", "checkout", DATA, "Bring data to what the pointers say."),
    "remove": CommandEntry("siglum.cli.tracked", "remove", DATA, "Stop tracking data or stages."),
    "move": CommandEntry("siglum.cli.tracked", "move", DATA, "Move or rename tracked data."),
    "rm": CommandEntry("siglum.cli.tracked", "remove", DATA, "The same as remove."),
    "mv": CommandEntry("siglum.cli.tracked", "move", DATA, "The same as move."),
    "unprotect": CommandEntry("siglum.cli.tracked", "unprotect", DATA, "Make linked files safe to edit."),
    "freeze": CommandEntry("siglum.cli.tracked", "freeze", DATA, "Keep imports and stages as they are."),
    "unfreeze": CommandEntry("siglum.cli.tracked", "unfreeze", DATA, "Have frozen imports and stages follow again."),
    "status": CommandEntry("siglum.cli.status", "status", DATA, "Show what changed, here or against a remote."),
    "data": CommandEntry("siglum.cli.data_status", "data", DATA, "Look at tracked data: its state in three places."),
    "diff": CommandEntry("siglum.cli.diff", "diff", DATA, "Compare data of two revisions, or two model versions."),
    "list": CommandEntry("siglum.cli.list", "list_", DATA, "List what is in a repository, here or elsewhere."),
    "ls": CommandEntry("siglum.cli.list", "list_", DATA, "The same as list."),
    "list-url": CommandEntry("siglum.cli.list_url", "list_url", DATA, "List what is at a path or URL."),
    "ls-url": CommandEntry("siglum.cli.list_url", "list_url", DATA, "The same as list-url."),
    "du": CommandEntry("siglum.cli.list", "du", DATA, "Show how large the data of a repository is."),
    "push": CommandEntry("siglum.cli.transfer", "push", DATA, "Send data to a remote."),
    "fetch": CommandEntry("siglum.cli.transfer", "fetch", DATA, "Get data from a remote into the cache."),
    "pull": CommandEntry("siglum.cli.transfer", "pull", DATA, "Get data from a remote into the workspace."),
    "get": CommandEntry("siglum.cli.external", "get", DATA, "Get data of another repository, untracked."),
    "get-url": CommandEntry("siglum.cli.external", "get_url", DATA, "Get data at a URL, untracked."),
    "import": CommandEntry("siglum.cli.imports", "import_", DATA, "Get and track data of another repository."),
    "import-url": CommandEntry("siglum.cli.imports", "import_url", DATA, "Get and track data at a URL."),
    "update": CommandEntry("siglum.cli.imports", "update", DATA, "Bring imports to what their sources have."),
    "gc": CommandEntry("siglum.cli.gc", "gc", DATA, "Move data that nobody needs out of the cache."),
    "cache": CommandEntry("siglum.cli.cache", "cache", DATA, "Say where the cache is, and verify what is in it."),
    "remote": CommandEntry("siglum.cli.remote", "remote", DATA, "Name the places that hold copies of data."),
    "config": CommandEntry("siglum.cli.config", "config", DATA, "Read and change settings."),
    "check-ignore": CommandEntry("siglum.cli.project", "check_ignore", DATA, "Say which paths .dvcignore files hide."),
    "root": CommandEntry("siglum.cli.project", "root", DATA, "Print where the repository's root is."),
    "install": CommandEntry("siglum.cli.hooks", "install", DATA, "Have Git check, place and send data by itself."),
    "resolve": CommandEntry("siglum.cli.resolve", "resolve", DATA, "Merge dvc.lock and .dvc files in conflict."),
    "repro": CommandEntry("siglum.cli.pipeline", "repro", PIPELINES, "Run what is out of date in a pipeline."),
    "stage": CommandEntry("siglum.cli.stage", "stage", PIPELINES, "Put stages into a pipeline, and list them."),
    "dag": CommandEntry("siglum.cli.dag", "dag", PIPELINES, "Draw which stage needs which."),
    "metrics": CommandEntry("siglum.cli.metrics", "metrics", PIPELINES, "Show metrics, and compare them."),
    "params": CommandEntry("siglum.cli.params", "params", PIPELINES, "Compare parameters."),
    "plots": CommandEntry("siglum.cli.plots", "plots", PIPELINES, "Show plots, compare them, say how they look."),
    "trace": CommandEntry("siglum.cli.lineage", "trace", MODELS, "Say what a model version was made from."),
    "reproduce": CommandEntry("siglum.cli.lineage", "reproduce", MODELS, "Rebuild a model version and compare."),
    "models": CommandEntry("siglum.cli.models", "models", MODELS, "List and show registered models."),
    "promote": CommandEntry("siglum.cli.models", "promote", MODELS, "Point an alias at a model version."),
    "rollback": CommandEntry("siglum.cli.models", "rollback", MODELS, "Point an alias back at the version before."),
    "audit": CommandEntry("siglum.cli.models", "audit", MODELS, "Show who changed what in the registry, and why."),
    "runs": CommandEntry("siglum.cli.runs", "runs", MODELS, "List, compare, draw, watch and change runs."),
    "experiments": CommandEntry(
        "siglum.cli.experiments", "experiments", MODELS, "List, show, create, rename and delete experiments."
    ),
    "sync": CommandEntry("siglum.cli.sync", "sync", MODELS, "Send what training scripts could not send."),
    "spool": CommandEntry("siglum.cli.spool", "spool", MODELS, "Look at what waits to be sent to a server."),
    "server": CommandEntry(
        "siglum.cli.server", "server", SERVER, "Serve runs and models to MLflow and Siglum clients."
    ),
    "db": CommandEntry("siglum.cli.db", "db", SERVER, "Look after the database of runs and models."),
    "migrate": CommandEntry("siglum.cli.migrate", "migrate", SERVER, "Bring runs and models over, or to a folder."),
    "completion": CommandEntry("siglum.cli.completion", "completion", OTHER, "Print a script for Tab in a shell."),
    "version": CommandEntry(
        "siglum.cli.version", "version", OTHER, "Show versions, the platform and where things are."
    ),
    "doctor": CommandEntry("siglum.cli.version", "version", OTHER, "The same as version."),
    "demo": CommandEntry("siglum.cli.demo", "demo", OTHER, "Make a project and walk the whole road once."),
}

# What other programs run, not people: not in the help.
HIDDEN: dict[str, CommandEntry] = {
    "git-hook": CommandEntry("siglum.cli.hooks", "git_hook", DATA, "What Git runs after 'siglum install'."),
}
