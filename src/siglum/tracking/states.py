"""The states that runs and models can be in, with the names and the helpers that MLflow's have."""

from __future__ import annotations

import enum


class RunStatus(enum.StrEnum):
    """The life of a run. The last three are final."""

    RUNNING = "RUNNING"
    SCHEDULED = "SCHEDULED"
    FINISHED = "FINISHED"
    FAILED = "FAILED"
    KILLED = "KILLED"

    @property
    def is_final(self) -> bool:
        """Whether a run in this status has ended."""
        return self in (RunStatus.FINISHED, RunStatus.FAILED, RunStatus.KILLED)

    @staticmethod
    def from_string(status_str: str) -> RunStatus:
        """Return a status by its name. Raises ValueError."""
        return RunStatus(status_str)

    @staticmethod
    def to_string(status: str) -> str:
        """Return the name of a status. Raises ValueError."""
        return RunStatus(status).value

    @staticmethod
    def is_terminated(status: str) -> bool:
        """Whether a run in a status has ended."""
        return RunStatus(status).is_final

    @staticmethod
    def all_status() -> list[RunStatus]:
        """Return all of them."""
        return list(RunStatus)


class LifecycleStage(enum.StrEnum):
    """Whether something is there or has been deleted and can be restored."""

    ACTIVE = "active"
    DELETED = "deleted"

    @staticmethod
    def is_valid(lifecycle_stage: str) -> bool:
        """Whether there is such a stage."""
        return lifecycle_stage in list(LifecycleStage)

    @staticmethod
    def view_type_to_stages(view_type: int) -> list[LifecycleStage]:
        """Return the stages that a search of a kind looks at."""
        return [each for each in LifecycleStage if LifecycleStage.matches_view_type(view_type, each)]

    @staticmethod
    def matches_view_type(view_type: int, lifecycle_stage: str) -> bool:
        """Whether a search of a kind looks at a stage."""
        return bool(view_type & (1 if lifecycle_stage == LifecycleStage.ACTIVE else 2))


class ViewType(enum.IntEnum):
    """Which life-cycle stages a search looks at."""

    ACTIVE_ONLY = 1
    DELETED_ONLY = 2
    ALL = 3

    @staticmethod
    def from_string(view_str: str) -> ViewType:
        """Return a kind of search by its name in small letters. Raises KeyError."""
        return ViewType[view_str.upper()]

    @staticmethod
    def to_string(view_type: int) -> str:
        """Return the name of a kind of search, in small letters. Raises ValueError."""
        return ViewType(view_type).name.lower()


class LoggedModelStatus(enum.StrEnum):
    """The life of a logged model's files."""

    UNSPECIFIED = "UNSPECIFIED"
    PENDING = "PENDING"
    READY = "READY"
    FAILED = "FAILED"

    @property
    def wire_name(self) -> str:
        """What it is called on the wire and in databases; MLflow's scripts know the short name only."""
        return _WIRE_NAMES[self]

    @staticmethod
    def from_wire(name: str) -> LoggedModelStatus:
        """Return a status by its name on the wire. Raises ValueError."""
        return next((each for each, known in _WIRE_NAMES.items() if known == name), None) or LoggedModelStatus(name)


_WIRE_NAMES = {
    LoggedModelStatus.UNSPECIFIED: "LOGGED_MODEL_STATUS_UNSPECIFIED",
    LoggedModelStatus.PENDING: "LOGGED_MODEL_PENDING",
    LoggedModelStatus.READY: "LOGGED_MODEL_READY",
    LoggedModelStatus.FAILED: "LOGGED_MODEL_UPLOAD_FAILED",
}
