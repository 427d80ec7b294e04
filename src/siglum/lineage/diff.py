"""What differs between two versions on record: reads both, asks Git about the code, leaves the rest to `compare`."""

from __future__ import annotations

from siglum.lineage.capture import DIFF_FILE
from siglum.lineage.compare import FileChange, PatchComparison, VersionDiff, compare, compare_patches
from siglum.lineage.history import run_git_in
from siglum.lineage.record import VersionRecord
from siglum.lineage.trace import Project, RecordSource, read_artifact, read_version


def diff_versions(source: RecordSource, project: Project | None, old: str, new: str) -> VersionDiff:
    """Return what differs between the versions that two references name. Raises as `trace.read_version`."""
    before = read_version(source, project, old)
    after = read_version(source, project, new)
    return compare(before, after, compare_code(source, project, before, after))


def compare_code(
    source: RecordSource, project: Project | None, old: VersionRecord, new: VersionRecord
) -> PatchComparison:
    """Return the files that differ between two commits, and those whose uncommitted change differs."""
    if old.code is None or new.code is None:
        return PatchComparison()
    files: tuple[FileChange, ...] | None = ()
    if old.code.commit != new.code.commit:
        files = _changed_files(project, old.code.commit, new.code.commit)
    uncommitted: tuple[str, ...] = ()
    if old.code.diff_sha256 != new.code.diff_sha256:
        uncommitted = compare_patches(_patch(source, old), _patch(source, new))
    return PatchComparison(files, uncommitted)


def _changed_files(project: Project | None, old: str, new: str) -> tuple[FileChange, ...] | None:
    if project is None or project.git.resolve(old) is None or project.git.resolve(new) is None:
        return None
    listed = run_git_in(project.git, ["diff", "--numstat", "-z", "--no-renames", "--no-ext-diff", old, new]).decode(
        "utf-8", "surrogateescape"
    )
    changes = []
    for record in filter(None, listed.split("\0")):
        added, deleted, path = record.split("\t", 2)
        if not path.endswith((".dvc", "dvc.lock")):  # pointers are data, not code: the data section compares them
            changes.append(FileChange(path, _lines(added), _lines(deleted)))
    return tuple(changes)


def _lines(text: str) -> int | None:
    return int(text) if text.isdecimal() else None  # Git writes "-" for a binary file


def _patch(source: RecordSource, version: VersionRecord) -> str:
    if version.run is None or version.code is None or version.code.diff_sha256 is None:
        return ""
    data = read_artifact(source, version.run.artifact_uri, DIFF_FILE)
    return data.decode("utf-8", "surrogateescape") if data is not None else ""
