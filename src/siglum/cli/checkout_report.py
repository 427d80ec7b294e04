"""What a checkout changed, in DVC's words: a line for each output with M, A or D, or the numbers of files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from siglum.cli.console import Console
from siglum.core.text import count

if TYPE_CHECKING:
    from siglum.workspace.checkout import CheckedOut, CheckoutResult
    from siglum.workspace.repository import Repository


def say_checkout(console: Console, repo: Repository, result: CheckoutResult, *, summary: bool = False) -> None:
    """Print what was changed: what was modified, then added, then deleted, each sorted."""
    if result.relinked:
        console.say(f"Linked {count(result.relinked, 'file')} again.")
    if summary:
        console.say(_summary(result))
        return
    for each in result.changed:
        console.say(f"{each.outcome[0].upper():8}{_shown(repo, each)}")


def outcomes(repo: Repository, result: CheckoutResult) -> dict[str, Any]:
    """Return the changed paths by what was done, and the numbers of files, as DVC's Python interface does."""
    paths: dict[str, Any] = {"added": [], "deleted": [], "modified": []}
    for each in result.changed:
        paths[each.outcome].append(_shown(repo, each))
    return paths | {"stats": result.stats(), "relinked": result.relinked}


def _shown(repo: Repository, each: CheckedOut) -> str:
    """Return a path as seen from the current folder; a folder's ends in a slash."""
    return repo.shown(each.path) + ("/" if each.is_dir else "")


def _summary(result: CheckoutResult) -> str:
    parts = [f"{count(number, 'file')} {outcome}" for outcome, number in result.stats().items() if number]
    if not parts:
        return "No changes."
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
