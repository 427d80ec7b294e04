"""`move`, in a repository that may have pipelines: what a stage writes is not moved, and nothing is moved there."""

from __future__ import annotations

from siglum.pipeline.inventory.claims import check_unclaimed
from siglum.workspace.move import Moved, destination
from siglum.workspace.move import move as move_data
from siglum.workspace.repository import Repository


def move(repo: Repository, source: str, target: str) -> Moved:
    """Move tracked data as `workspace.move.move` does, unless source or target belongs to a stage (ConflictError)."""
    check_unclaimed(repo, [source])
    check_unclaimed(repo, [destination(repo, source, target)])
    return move_data(repo, source, target)
