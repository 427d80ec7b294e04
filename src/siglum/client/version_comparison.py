"""Two model versions, and what differs between them: code, data, parameters, metrics, environment, model."""

from __future__ import annotations

from siglum.core.html import escaped, table
from siglum.lineage.compare import VersionDiff
from siglum.lineage.describe import Section, describe_diff


class VersionComparison:
    """What differs between two versions; `diff` has it as a value. In a notebook, tables."""

    def __init__(self, diff: VersionDiff) -> None:
        self.diff = diff

    def sections(self) -> list[Section]:
        """Return what differs, section by section, in words."""
        return describe_diff(self.diff)

    def __repr__(self) -> str:
        lines = []
        for section in self.sections():
            lines.append(f"{section.title}: {section.summary}")
            lines += [f"  {' '.join(row)}" for row in section.rows]
        return "\n".join([f"VersionComparison of {self.diff.old} → {self.diff.new}", *lines])

    def _repr_html_(self) -> str:
        parts = [f"<div><strong>{escaped(self.diff.old)} → {escaped(self.diff.new)}</strong></div>"]
        for section in self.sections():
            parts.append(f"<div><em>{escaped(section.title)}</em> {escaped(section.summary)}</div>")
            if section.rows:
                parts.append(table((), section.rows))
        return f"<div>{''.join(parts)}</div>"
