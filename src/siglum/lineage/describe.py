"""A version and a difference in words: values in, sections of aligned rows out. Printing them is the command's."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from siglum.core.text import count, size, timestamp
from siglum.lineage.compare import CodeChange, DataChange, FieldChange, FileChange, MetricChange, VersionDiff
from siglum.lineage.record import CodeRecord, DataRecord, EnvironmentRecord, RunRecord, VersionRecord, labels
from siglum.lineage.verdict import Verdict

MAX_ROWS = 14
"""Rows of one section before the rest is folded; `--json` has all."""

NOT_ON_RECORD = "not on record"


class Section(msgspec.Struct, frozen=True):
    """A heading, what stands beside it, and rows of cells that are aligned below it."""

    title: str
    summary: str = ""
    rows: tuple[tuple[str, ...], ...] = ()


def layout(sections: Iterable[Section]) -> Iterator[tuple[str, str]]:
    """Yield (heading, rest of the line) for each line; the heading is empty in the rows below one.

    Headings and first cells share one column, so that a record reads as a table.
    """
    listed = list(sections)
    titles = max((len(section.title) for section in listed), default=0)
    for section in listed:
        yield section.title.ljust(titles), section.summary
        widths = _widths(section.rows)
        for row in section.rows:
            cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=False))
            yield "", " " * titles + "  " + "  ".join(cells).rstrip()


def describe_version(version: VersionRecord) -> list[Section]:
    """Return the version's siglum: what names it, then code, data, parameters, metrics, environment and model."""
    return [
        _head(version),
        _code(version.code, version.run),
        _data(version),
        _mapping("parameters", version.parameters),
        _mapping("metrics", {key: number(value) for key, value in version.metrics.items()}),
        _environment(version.environment, version.seeds),
        _model(version),
        *_run(version.run),
        *(Section("note", remark) for remark in version.remarks),
    ]


def describe_diff(diff: VersionDiff) -> list[Section]:
    """Return what differs, section by section; an equal section is one line."""
    return [
        _folded("recipe", diff, _change_rows([diff.recipe] if diff.recipe else [], named=False)),
        _folded("code", diff, _code_rows(diff)),
        _folded("data", diff, [_data_row(change) for change in diff.data]),
        _folded("parameters", diff, _change_rows(diff.parameters)),
        _folded("metrics", diff, [metric_row(change) for change in diff.metrics]),
        _folded("environment", diff, _change_rows([*diff.environment, *diff.packages, *diff.seeds])),
        _folded("model", diff, _change_rows([diff.model] if diff.model else [], named=False)),
    ]


def describe_verdict(verdict: Verdict) -> list[Section]:
    """Return what came of a reproduction, component by component, equal ones in one line."""
    diff = verdict.diff
    differing = [metric_row(change) for change in diff.metrics]
    environment = _change_rows([*diff.environment, *diff.packages, *diff.seeds])
    outputs = [(o.path, _side(o.recorded), "→", _side(o.rebuilt)) for o in verdict.outputs if not o.equal]
    content = f"content hash equal: {verdict.recorded_content}"
    model: list[tuple[str, ...]] = []
    if not verdict.model_equal:
        content = "content hash differs" if verdict.recorded_content else "content hash not on record"
        model = [("on record", _side(verdict.recorded_content)), ("rebuilt", _side(verdict.rebuilt_content))]
    sections = [
        _folded("code", diff, _code_rows(diff)),
        _folded("data", diff, [_data_row(change) for change in diff.data]),
        _folded("parameters", diff, _change_rows(diff.parameters)),
        _folded("environment", diff, environment),
        Section("metrics", "differ" if differing else f"all {verdict.metrics} equal", _fold(differing)),
    ]
    if verdict.outputs:
        same = len(verdict.outputs) - len(outputs)
        sections.append(Section("outputs", f"{same} of {len(verdict.outputs)} equal", _fold(outputs)))
    return [*sections, Section("model", content, tuple(model))]


def number(value: float) -> str:
    """Return a metric value with all the digits that tell it from its neighbours."""
    return repr(value)


def metric_row(change: MetricChange) -> tuple[str, ...]:
    """Return name, old, arrow, new and signed difference of a metric."""
    old = "none" if change.old is None else number(change.old)
    new = "none" if change.new is None else number(change.new)
    difference = "" if change.difference is None else f"({change.difference:+.6g})"
    return change.name, old, "→", new, difference


def _head(version: VersionRecord) -> Section:
    rows = [("registered", f"{timestamp(version.created)}{f' by {version.created_by}' if version.created_by else ''}")]
    if version.aliases:
        rows.append(("aliases", ", ".join(version.aliases)))
    if version.stage != "None":
        rows.append(("stage", version.stage))
    if version.description:
        rows.append(("description", version.description.splitlines()[0]))
    rows.append(("recipe", version.recipe_digest or NOT_ON_RECORD))
    rows.append(("content", version.model.content_hash or NOT_ON_RECORD))
    return Section("version", version.siglum, tuple(rows))


def _code(code: CodeRecord | None, run: RunRecord | None) -> Section:
    command = [("command", shlex.join(run.command))] if run and run.command else []
    if run and run.stage:
        command.append(("stage", run.stage))
    if code is None:
        return Section("code", NOT_ON_RECORD, tuple(command))
    where = code.commit + (f" ({', '.join(code.tags)})" if code.tags else "")
    if code.known_here is False:
        where += ", which is not in this clone"
    rows = [("commit", where)]
    if code.branch:
        rows.append(("branch", code.branch))
    if code.remote:
        rows.append(("remote", code.remote))
    changed = "none"
    if code.diff_sha256 is not None:
        changed = f"sha256:{code.diff_sha256}, {'kept with the run' if code.kept else 'not kept'}"
    rows.append(("uncommitted", changed))
    return Section("code", code.label, tuple(rows + command))


def _data(version: VersionRecord) -> Section:
    if version.data is None:
        return Section("data", NOT_ON_RECORD)
    if not version.data:
        return Section("data", "none")
    rows = tuple(
        (
            entry.path,
            entry.hash,
            size(entry.size) if entry.size is not None else "",
            _held(entry) + (f", behind {entry.via}" if entry.via else ""),
        )
        for entry in version.data
    )
    return Section("data", count(len(rows), "input"), _fold(rows))


def _held(entry: DataRecord) -> str:
    if not entry.revisions:
        return "not committed" if entry.pointer or entry.hash.startswith("md5:") else ""
    names = labels(entry.revisions)
    return "in " + ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _environment(environment: EnvironmentRecord | None, seeds: dict[str, str]) -> Section:
    seeded = tuple((f"seed {key}", value) for key, value in sorted(seeds.items()))
    if environment is None:
        return Section("environment", NOT_ON_RECORD, seeded)
    rows: list[tuple[str, ...]] = [(key, value) for key, value in environment.place.items() if key != "python"]
    hardware = environment.detail.hardware if environment.detail else None
    if hardware is not None:
        rows.extend(hardware.words().items())
    if environment.versions:
        rows.append(("packages", f"{len(environment.versions)} (--json lists them)"))
    if environment.digest:
        rows.append(("digest", environment.digest))
    python = environment.detail.python if environment.detail else NOT_ON_RECORD
    return Section("environment", f"Python {python}", (*rows, *seeded))


def _model(version: VersionRecord) -> Section:
    files = version.model.files
    total = sum(entry.size for entry in files)
    rows = _fold([(e.path, size(e.size), f"sha256:{e.sha256}" if e.sha256 else "") for e in files])
    if version.model.requirements:
        rows += (("requires", ", ".join(version.model.requirements)),)
    return Section("model", f"{count(len(files), 'file')}, {size(total)}" if files else version.model.source, rows)


def _run(run: RunRecord | None) -> list[Section]:
    if run is None:
        return []
    around = [("repro", run.repro)] if run.repro else []
    took = f", {(run.end_time - run.start_time) / 1000:.1f} s" if run.end_time is not None else ""
    rows = ((run.status.lower(), f"{timestamp(run.start_time)}{took}"), *around)
    return [Section("run", f"{run.run_id} {run.name}", rows)]


def _mapping(title: str, values: dict[str, str]) -> Section:
    rows = tuple((key, value.splitlines()[0] if value else "") for key, value in sorted(values.items()))
    return Section(title, count(len(rows), title.removesuffix("s")) if rows else "none", _fold(rows))


def _fold(rows: Sequence[tuple[str, ...]]) -> tuple[tuple[str, ...], ...]:
    if len(rows) <= MAX_ROWS:
        return tuple(rows)
    return (*rows[: MAX_ROWS - 1], (f"… and {len(rows) - MAX_ROWS + 1} more (--json shows all)",))


def _folded(title: str, diff: VersionDiff, rows: Sequence[tuple[str, ...]]) -> Section:
    if title in diff.unknown:
        return Section(title, "not on record for both", _fold(rows))
    return Section(title, "differs" if rows else "equal", _fold(rows))


def _code_rows(diff: VersionDiff) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    if diff.code is not None:
        rows.append(("commit", _code_label(diff.code.old), "→", _code_label(diff.code.new)))
        rows.extend(_file_row(change) for change in diff.code.files or ())
        if diff.code.files is None and _commits_differ(diff.code):
            rows.append(("files", "cannot be compared: a commit is not in this clone"))
        rows.extend((path, "uncommitted change differs") for path in diff.code.uncommitted)
    if diff.command is not None:
        rows.extend(_change_rows([diff.command]))
    return rows


def _commits_differ(code: CodeChange) -> bool:
    return code.old is not None and code.new is not None and code.old.commit != code.new.commit


def _code_label(code: CodeRecord | None) -> str:
    return NOT_ON_RECORD if code is None else code.label


def _file_row(change: FileChange) -> tuple[str, ...]:
    if change.added is None or change.deleted is None:
        return change.path, "binary"
    return change.path, f"+{change.added} -{change.deleted}"


def _data_row(change: DataChange) -> tuple[str, ...]:
    if change.old is None and change.new is not None:
        return change.path, "added", "", _data_label(change.new)
    if change.new is None and change.old is not None:
        return change.path, "removed", _data_label(change.old)
    assert change.old is not None
    assert change.new is not None
    return change.path, _data_label(change.old), "→", _data_label(change.new)


def _data_label(entry: DataRecord) -> str:
    algorithm, _, digest = entry.hash.partition(":")
    kept = f"{algorithm}:{digest[:10]}"
    details = [size(entry.size)] if entry.size is not None else []
    details.extend(labels(entry.revisions)[:1])
    return f"{kept} ({', '.join(details)})" if details else kept


def _change_rows(changes: Iterable[FieldChange], *, named: bool = True) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for change in changes:
        cells = (_side(change.old), "→", _side(change.new))
        if not named:  # whole hashes side by side say no more than their beginnings; --json has them
            cells = (cells[0][:19], "→", cells[2][:19])
        rows.append((change.name, *cells) if named else cells)
    return rows


def _side(value: str | None) -> str:
    return "none" if value is None else value.splitlines()[0] if value else "''"


def _widths(rows: Sequence[tuple[str, ...]]) -> list[int]:
    # The last cell of a row pushes nothing to the right, so it does not widen its column.
    columns = max((len(row) for row in rows), default=0)
    return [max((len(row[i]) for row in rows if i < len(row) - 1), default=0) for i in range(columns)]
