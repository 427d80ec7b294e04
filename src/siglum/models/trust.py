"""Who has agreed to run a model's code: the caller, the environment, or the user who made the model on this machine.

A pickle is a program, and so is a skops file whose types nobody checked. What passes Siglum's own allow-list
(`policy`) is data and loads without being asked for. Anything else loads only when

- the caller says so: `load_model(…, trust=True)`;
- the environment says so: `SIGLUM_TRUST_MODELS=1`;
- the model is one that this user saved on this machine: `save_model` notes the content hash in a private file,
  `$XDG_STATE_HOME/siglum/trusted_models` (`~/.local/state/siglum/trusted_models`): one hash a line, only appended to.

Nothing inside a model can speak for it.
"""

from __future__ import annotations

import os
import stat
import warnings
from collections.abc import Mapping, Sequence

import msgspec

from siglum.core.errors import IntegrityError, UntrustedError
from siglum.core.hashes import content_hash, sha256_hex
from siglum.core.text import count
from siglum.models.content import file_digests
from siglum.models.layout import MLMODEL, path_inside, read_bytes

ENVIRONMENT_VARIABLE = "SIGLUM_TRUST_MODELS"
HOW_TO_AGREE = (
    "If you trust whoever made the model, agree with trust=True "
    f"(load_model(…, trust=True)) or {ENVIRONMENT_VARIABLE}=1 in the environment."
)


class ModelWarning(UserWarning):
    """Something about a model that does not stop its use."""


class VersionMismatchWarning(ModelWarning):
    """A model was made with another version of a package than the one that is installed."""


class Decision(msgspec.Struct, frozen=True):
    """Whether a model's code may run. `digests` (path to SHA-256) is set when the files themselves were the reason."""

    trusted: bool
    digests: dict[str, str] | None = None


def decide(folder: str, *, trust: bool = False, environ: Mapping[str, str] = os.environ) -> Decision:
    """Decide whether the code of the model in a folder may run. Hashes all its files unless it is agreed anyway."""
    if trust or agreed_by_environment(environ):
        return Decision(True)
    path = state_file(environ)
    if not os.path.exists(path):
        return Decision(False)
    digests = file_digests(folder)
    if is_recorded(content_hash(digests), path):
        return Decision(True, {digest.path: digest.sha256 for digest in digests})
    return Decision(False)


def read_model_file(folder: str, relative: object, decision: Decision) -> bytes:
    """Return the bytes of a file that the `MLmodel` names: those that were decided on, not others put there since."""
    path = path_inside(folder, relative, os.path.join(folder, MLMODEL))
    data = read_bytes(path)
    if decision.digests is not None and decision.digests.get(str(relative)) != sha256_hex(data):
        raise IntegrityError(f"{path} was changed while the model was being loaded.", hint="Load it again.")
    return data


def remember(folder: str, environ: Mapping[str, str] = os.environ) -> str:
    """Note that this user made the model in a folder, and return its content hash.

    Call it only for what this process has just saved, never for what came from elsewhere. Where nothing can be noted
    (a read-only home), it warns: the model is whole, and loading it may ask for `trust=True`.
    """
    hash_ = content_hash(file_digests(folder))
    try:
        record_trusted(hash_, state_file(environ))
    except OSError as error:
        message = f"It could not be noted in {state_file(environ)} that you made this model ({error.strerror})."
        warnings.warn(message, ModelWarning, stacklevel=3)
    return hash_


def untrusted(where: str, problems: Sequence[str]) -> UntrustedError:
    """Return the error for a file that would run code: `problems` are the names that no allow-list holds."""
    shown = ", ".join(problems[:8]) + (f" and {len(problems) - 8} more" if len(problems) > 8 else "")
    return UntrustedError(
        f"{where} would run code that nobody agreed to: it uses {shown} "
        f"({count(len(problems), 'name')} outside the allow-list).",
        hint=HOW_TO_AGREE,
    )


def agreed_by_environment(environ: Mapping[str, str]) -> bool:
    """Whether the environment agrees to run the code of any model."""
    return environ.get(ENVIRONMENT_VARIABLE, "").strip().lower() in ("1", "true", "yes")


def state_file(environ: Mapping[str, str]) -> str:
    """Return the path of the private file of content hashes."""
    base = environ.get("XDG_STATE_HOME") or os.path.join(os.path.expanduser("~"), ".local", "state")
    return os.path.join(base, "siglum", "trusted_models")


def record_trusted(content_hash: str, path: str) -> None:
    """Note that this user made the model with that content hash. Durable on return; noting it again does nothing.

    `path` is `state_file(…)`. Raises OSError when the file cannot be written.
    """
    if is_recorded(content_hash, path):
        return
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(path, flags, 0o600)
    try:
        os.write(descriptor, f"{content_hash}\n".encode())  # one write: appends of several processes do not mix
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def is_recorded(content_hash: str, path: str) -> bool:
    """Whether this user made the model with that content hash on this machine.

    A record that anybody else could have written is no record: the file must be this user's and private.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return False
    with os.fdopen(descriptor, "r", encoding="utf-8", errors="replace") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & 0o022:
            return False
        return any(line.rstrip("\n") == content_hash for line in file)
