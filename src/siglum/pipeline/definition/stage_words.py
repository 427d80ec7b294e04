"""What a stage is about, in one line. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from siglum.pipeline.definition.schema import OutputKind
from siglum.pipeline.definition.stages import Stage

_WIDTH = 80


def stage_line(stage: Stage) -> str:
    """Return a stage's description, or what it writes or reads, in at most 80 characters: DVC's words."""
    first = (stage.desc or "").strip().partition("\n")[0].rstrip()
    text = first or _from_paths(stage)
    return text if len(text) <= _WIDTH else text[: _WIDTH - 1] + "…"


def _from_paths(stage: Stage) -> str:
    outs = [out.path for out in stage.outs if out.kind is OutputKind.OUTS]
    reports = [out.path for out in stage.outs if out.kind is not OutputKind.OUTS]
    if outs or reports:
        return "; ".join(
            f"{verb} {_listed(paths)}" for verb, paths in (("Outputs", outs), ("Reports", reports)) if paths
        )
    deps = [*(dep.path for dep in stage.deps), *(dep.path for dep in stage.params)]
    return f"Depends on {_listed(deps)}" if deps else "No outputs or dependencies"


def _listed(paths: Sequence[str]) -> str:
    return ", ".join(paths)
