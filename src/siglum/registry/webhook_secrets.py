"""The secrets of webhooks as they are kept: encrypted, with a key that is not in the database.

The key is that in the environment (`SIGLUM_WEBHOOK_SECRET_ENCRYPTION_KEY`, or MLflow's own variable), else that in a
file beside the database, which is made when it is first needed.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import os
import stat
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from siglum.core.errors import ConflictError, InvalidInputError, NotSupportedError, PermissionDeniedError
from siglum.storage.durability import fsync_path, temporary_name

if TYPE_CHECKING:
    from cryptography.fernet import MultiFernet

VARIABLES: Final = ("SIGLUM_WEBHOOK_SECRET_ENCRYPTION_KEY", "MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY")
SEALED: Final = "fernet:v1:"
"""How an encrypted secret begins. Others were stored before there was encryption."""


class SecretBox:
    """Encrypts and decrypts secrets. May be used from any thread.

    Several keys in the environment, with commas between them: the first encrypts, and all decrypt, so that a key can be
    replaced.
    """

    def __init__(self, key_file: str, environ: Mapping[str, str]) -> None:
        self._key_file = key_file
        self._name = next((name for name in VARIABLES if environ.get(name)), None)
        self._keys = environ[self._name] if self._name is not None else None

    def __repr__(self) -> str:
        return f"SecretBox({self._key_file!r})"

    def seal(self, secret: str) -> str:
        """Return a secret as it is kept."""
        return SEALED + self._cipher(create=True).encrypt(secret.encode()).decode("ascii")

    def open(self, kept: str) -> str:
        """Return the secret. Raises ConflictError when it was encrypted with another key."""
        if not kept.startswith(SEALED):
            return kept
        cipher = self._cipher(create=False)
        from cryptography.fernet import InvalidToken  # there, since the cipher is

        try:
            return cipher.decrypt(kept.removeprefix(SEALED)).decode()
        except InvalidToken:
            raise ConflictError(
                "The secret of a webhook was encrypted with another key.",
                hint=f"Give all servers of a database the same {VARIABLES[0]}, or set the webhook's secret anew.",
            ) from None

    def check(self) -> None:
        """Raise InvalidInputError when the key in the environment is none, before anybody needs it."""
        if self._keys is not None:
            self._cipher(create=False)

    def _cipher(self, *, create: bool) -> MultiFernet:
        if importlib.util.find_spec("cryptography") is None:
            raise NotSupportedError(
                "Secrets of webhooks are kept encrypted, which needs the package cryptography.",
                hint="Install it on the server: pip install 'siglum[webhooks]'",
            )
        if self._keys is not None:
            return _cipher_of(self._keys, self._name or "")
        return _cipher_of(_read_key(self._key_file, create=create), self._key_file)


@functools.cache
def _cipher_of(keys: str, where: str) -> MultiFernet:
    from cryptography.fernet import Fernet, MultiFernet  # an optional extra

    try:
        return MultiFernet([Fernet(key.strip()) for key in keys.split(",") if key.strip()])
    except ValueError:  # not chained: it may quote the key
        raise InvalidInputError(
            f"{where} holds no key: it must be 32 bytes in URL-safe Base64.",
            hint="Make one: python -c 'from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())'",
        ) from None


def _read_key(path: str, *, create: bool) -> str:
    """Return the key in a file, which is made, readable by its owner only, when it is not there and may be."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        if not create:
            raise ConflictError(
                f"The key to the secrets of webhooks is not there: {path}.",
                hint=f"Bring it back, or set {VARIABLES[0]}; else set the webhooks' secrets anew.",
            ) from None
        _make_key(path)
        return _read_key(path, create=False)
    with os.fdopen(fd, encoding="ascii", errors="replace") as file:
        if stat.S_IMODE(os.fstat(fd).st_mode) & 0o077:
            raise PermissionDeniedError(
                f"The key to the secrets of webhooks may be read by others: {path}.", hint=f"Run: chmod 600 {path}"
            )
        return file.read(4096)


def _make_key(path: str) -> None:
    from cryptography.fernet import Fernet  # an optional extra

    folder = os.path.dirname(path) or "."
    beside = f"{folder}/{temporary_name()}"
    fd = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(Fernet.generate_key() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):  # another server was faster: its key is the one
            os.link(beside, path)
        fsync_path(folder)  # before any secret is stored that only this key opens
    finally:
        os.unlink(beside)
