"""`siglum diff`: tracked data of two Git revisions, or two model versions, by what the arguments name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import Any

import click

from siglum.cli.command import command, tracking_option
from siglum.cli.console import Console
from siglum.cli.many_values import ManyValuesCommand
from siglum.core.errors import SiglumError, UsageError
from siglum.core.text import did_you_mean

_MISSING = "not in cache"  # as `diff_value` names it
_STATES = ("added", "deleted", "renamed", "modified")
_COLOURS = {"added": "green", "deleted": "red", "renamed": "green", "modified": "yellow", _MISSING: "yellow"}
_BOTH_FORMS = "Compare two model versions (siglum diff churn@1 churn@2) or two revisions (siglum diff v1.0 main)."


@command("diff", cls=ManyValuesCommand)
@click.argument("references", nargs=-1, metavar="[REV [REV] | NAME@VERSION NAME@VERSION]")
@click.option("--targets", multiple=True, metavar="PATH...", help="Compare these paths, .dvc files and stages only.")
@click.option("--show-hash", is_flag=True, help="Show hashes, too.")
@click.option("--md", "markdown", is_flag=True, help="Print a Markdown table.")
@click.option("--hide-missing", is_flag=True, help="Leave out what the cache does not have.")
@tracking_option
def diff(
    console: Console,
    references: tuple[str, ...],
    targets: tuple[str, ...],
    show_hash: bool,
    markdown: bool,
    hide_missing: bool,
    tracking_uri: str | None,
) -> None:
    """Compare tracked data of two Git revisions, or of one (HEAD, if none is named) with the workspace.

    With two model versions instead of revisions: compare what they were made from, and what came of it.
    """
    if len(references) > 2:
        raise UsageError(f"'siglum diff' compares two things; {len(references)} are given.", hint=_BOTH_FORMS)
    if _are_models(references, tracking_uri):
        given = {"--targets": targets, "--show-hash": show_hash, "--md": markdown, "--hide-missing": hide_missing}
        _refuse(given, "model versions")
        from siglum.cli.lineage import diff_models

        diff_models(console, references, tracking_uri)
        return
    _refuse({"--tracking-uri": tracking_uri}, "Git revisions")
    _diff_data(console, references, targets, show_hash=show_hash, markdown=markdown, hide_missing=hide_missing)


def _refuse(options: Mapping[str, object], what: str) -> None:
    """Raise for an option that means nothing when two of `what` are compared."""
    for option, value in options.items():
        if value:
            raise UsageError(f"{option} has no meaning when {what} are compared.", hint="Leave it out.")


def _are_models(references: Sequence[str], tracking_uri: str | None) -> bool:
    """Whether the references name model versions. Raises UsageError when some do and some do not, or all might."""
    models = [each for each in references if _has_models_form(each)]
    if not models:
        return False
    # A branch or a tag may be called `name@1`.
    revisions = [each for each in models if _in_git(each)]
    if len(models) == len(references):
        if not revisions:
            return True
        if len(revisions) == len(models):
            if any(_is_registered(each, tracking_uri) for each in models):
                raise UsageError(
                    f"{models[0]!r} is a Git revision and a model version.",
                    hint="Write models:/NAME/VERSION or models:/NAME@ALIAS for the model, refs/tags/NAME for the tag.",
                )
            return False
        other = revisions[0]
    else:
        if len(revisions) == len(models):
            return False
        other = next(each for each in references if each not in models)
    model = next(each for each in models if each not in revisions)
    hint = did_you_mean(other, _known_names(tracking_uri)) if not _in_git(other) else None
    raise UsageError(
        f"{model!r} is a model version, but {other!r} is {'a Git revision' if _in_git(other) else 'not'}.",
        hint=hint or _BOTH_FORMS,
    )


def _has_models_form(reference: str) -> bool:
    from siglum.core.uris import parse_version_reference

    return reference.startswith("models:") or parse_version_reference(reference) is not None


def _in_git(reference: str) -> bool:
    import os

    from siglum.workspace.git import Git

    git = Git.find(os.getcwd())
    return git is not None and git.resolve(reference) is not None


def _is_registered(reference: str, tracking_uri: str | None) -> bool:
    return reference.partition("@")[0] in {name.partition("@")[0] for name in _model_names(tracking_uri)}


def _known_names(tracking_uri: str | None) -> list[str]:
    """Return what could have been meant: model versions, branches and tags."""
    import os

    from siglum.workspace.git import Git

    git = Git.find(os.getcwd())
    return [*_model_names(tracking_uri), *([*git.branches(), *git.tags()] if git is not None else ())]


def _model_names(tracking_uri: str | None) -> list[str]:
    """Return the latest versions of the registered models as `name@version`; nothing where there is no store."""
    from siglum.client.stores import open_stores

    try:
        with closing(open_stores(tracking_uri, create=False)) as stores:
            models = stores.registry.search_registered_models(max_results=1000)
            return [f"{model.name}@{each.version}" for model in models.items for each in model.latest_versions]
    except SiglumError:
        return []


def _diff_data(
    console: Console,
    revisions: Sequence[str],
    targets: Sequence[str],
    *,
    show_hash: bool,
    markdown: bool,
    hide_missing: bool,
) -> None:
    from siglum.pipeline.data.data_diff import diff_data
    from siglum.pipeline.data.diff_value import diff_value
    from siglum.workspace.folder_contents import FolderContents
    from siglum.workspace.repository import Repository

    repo = Repository.open()
    contents = FolderContents(repo)
    old = revisions[0] if revisions else "HEAD"
    new = revisions[1] if len(revisions) > 1 else None
    found = diff_data(repo, contents, old, new, targets)
    repo.index.save()
    for problem in contents.problems.values():
        console.warn(f"Files of some folders are not known: {problem}")
    value = diff_value(found, show_hash=show_hash)
    if new is not None or hide_missing:
        value.pop(_MISSING, None)
    console.result(value)
    if markdown:
        _say_markdown(console, value, show_hash=show_hash)
    else:
        _say_text(console, value)


def _rows(value: Mapping[str, list[dict[str, Any]]]) -> list[tuple[str, str, str]]:
    """Return (state, shortened hash, path) of every entry."""
    return [
        (state, _digest(entry.get("hash")), _path(entry["path"]))
        for state in (*_STATES, _MISSING)
        for entry in value.get(state, ())
    ]


def _path(path: str | dict[str, str]) -> str:
    return path if isinstance(path, str) else f"{path['old']} -> {path['new']}"


def _digest(data: str | dict[str, str | None] | None) -> str:
    if isinstance(data, dict):
        return f"{(data['old'] or '')[:8]}..{(data['new'] or '')[:8]}"
    return (data or "")[:8]


def _say_markdown(console: Console, value: Mapping[str, list[dict[str, Any]]], *, show_hash: bool) -> None:
    from siglum.cli.tables import markdown_table

    header = ("Status", "Hash", "Path") if show_hash else ("Status", "Path")
    rows = [row if show_hash else (row[0], row[2]) for row in _rows(value)]
    console.say("\n".join(markdown_table(header, rows)) + "\n")


def _say_text(console: Console, value: Mapping[str, list[dict[str, Any]]]) -> None:
    rows = _rows(value)
    summary = []
    for state in (*_STATES, _MISSING):
        entries = [(digest, path) for each, digest, path in rows if each == state]
        if entries:
            console.say(f"{console.style(state.capitalize(), _COLOURS[state])}:")
            console.say("\n".join(f"    {digest}{'  ' if digest else ''}{path}" for digest, path in entries) + "\n")
        files = sum(not path.endswith("/") for _, path in entries)
        if files:
            summary.append(f"{files} {state}")
    if summary:
        console.say(f"files summary: {', '.join(summary)}")
