"""The options of a remote as they stand in `.dvc/config`, read by the kind of remote that they are for.

An option that no reader asked for is one that Siglum does not have; it is named in an error, never ignored.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from siglum.core.errors import InvalidInputError, NotFoundError, NotSupportedError

_TRUE = ("true", "yes", "on", "1")
_FALSE = ("false", "no", "off", "0")


class RemoteOptions:
    """Options of one remote by name. `kind` says what the remote is in messages, as `s3://`."""

    def __init__(self, remote: str, kind: str, options: Mapping[str, str]) -> None:
        self.remote = remote
        self.kind = kind
        self.secrets: list[str] = []
        self._options = dict(options)
        self._asked: set[str] = set()

    def text(self, name: str) -> str | None:
        """Return an option, None when it is not set."""
        self._asked.add(name)
        return self._options.get(name) or None

    def secret(self, name: str) -> str | None:
        """Return an option whose value must not be shown: it is kept in `secrets`, for messages to be cleaned of."""
        value = self.text(name)
        if value is not None:
            self.secrets.append(value)
        return value

    def boolean(self, name: str, default: bool) -> bool:
        """Return an option that says yes or no."""
        value = self.text(name)
        if value is None:
            return default
        if value.lower() not in _TRUE + _FALSE:
            raise self.wrong(name, "'true' or 'false'")
        return value.lower() in _TRUE

    def seconds(self, name: str) -> float | None:
        """Return a time in seconds."""
        value = self.text(name)
        if value is None:
            return None
        try:
            seconds = float(value)
        except ValueError:
            seconds = -1.0
        if not 0 < seconds < float("inf"):
            raise self.wrong(name, "a number of seconds above 0")
        return seconds

    def path(self, name: str) -> str | None:
        """Return the path of a file that must be there. Raises NotFoundError."""
        value = self.text(name)
        if value is None:
            return None
        path = os.path.expanduser(value)
        if not os.path.isfile(path):
            raise NotFoundError(
                f"Remote {self.remote!r}: {name} is {path}, which is not a file.",
                hint=f"Correct it: siglum remote modify {self.remote} {name} PATH",
            )
        return path

    def refuse(self, name: str, why: str) -> None:
        """Raise NotSupportedError if an option is set that Siglum cannot honour, saying why."""
        if self.text(name) is not None:
            raise NotSupportedError(
                f"Remote {self.remote!r} sets {name}, which Siglum does not support for {self.kind}: {why}.",
                hint=f"Remove it: siglum remote modify --unset {self.remote} {name}",
            )

    def refuse_others(self) -> None:
        """Raise NotSupportedError naming options that nothing asked for. Call it when all others were read."""
        unknown = sorted(set(self._options) - self._asked)
        if unknown:
            raise NotSupportedError(
                f"Remote {self.remote!r} sets {', '.join(unknown)}, which Siglum does not support for {self.kind}.",
                hint=f"Remove it: siglum remote modify --unset {self.remote} {unknown[0]}",
            )

    def wrong(self, name: str, wanted: str) -> InvalidInputError:
        """Return the error for an option whose value cannot be. The value is not shown: it may be a secret."""
        return InvalidInputError(
            f"Remote {self.remote!r}: {name} should be {wanted}.",
            hint=f"Correct it: siglum remote modify {self.remote} {name} VALUE",
        )
