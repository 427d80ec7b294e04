"""Who asks: from a remote's options, the environment and AWS's own files to keys, in the order that AWS's tools take.

What needs no service of AWS is done here. Roles and single sign-on are left to boto3, where it is installed; tokens of
a cluster and the keys of a machine of AWS's to obstore.
"""

from __future__ import annotations

import importlib.util
import os
import shlex
import socket
import subprocess
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, TypeAlias

import msgspec

from siglum.core.errors import InvalidInputError, NotSupportedError, UnauthenticatedError
from siglum.storage.remotes.options import RemoteOptions
from siglum.storage.remotes.s3_profiles import S3Profile

_BY_BOTO = ("role_arn", "sso_session", "sso_start_url")
_BY_OBSTORE = (
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
)
_MACHINE = ("169.254.169.254", 80)
_MACHINE_SECONDS = 1.0
_PROCESS_SECONDS = 60

Provider: TypeAlias = Callable[[], Any]
"""Returns keys in obstore's shape, anew when they expire."""


class S3Login(msgspec.Struct, frozen=True):
    """Keys, or what makes them; neither when nothing is signed or obstore finds them."""

    keys: tuple[str, str, str | None] | None = None
    make_provider: Callable[[], Provider] | None = None
    anonymous: bool = False

    def __repr__(self) -> str:
        return "S3Login(…)"

    @property
    def secrets(self) -> tuple[str, ...]:
        """What no message may hold."""
        return tuple(key for key in self.keys[1:] if key) if self.keys is not None else ()

    def config(self) -> dict[str, Any]:
        """Return this as obstore's settings."""
        if self.anonymous:
            return {"skip_signature": True}
        if self.keys is None:
            return {}
        key, secret, token = self.keys
        settings = {"access_key_id": key, "secret_access_key": secret}
        # An empty one keeps a token of the environment, which belongs to other keys, from being taken.
        return settings | {"session_token": token} if token else settings

    @property
    def signs(self) -> bool:
        """Whether the keys can be had here, to sign with."""
        return self.keys is not None or self.make_provider is not None

    def current_keys(self) -> tuple[str, str, str | None]:
        """Return id, key and token of now. Only for a login that `signs`."""
        if self.keys is not None:
            return self.keys
        assert self.make_provider is not None
        found = self.make_provider()()
        return found["access_key_id"], found["secret_access_key"], found.get("token")

    def provider(self) -> Provider | None:
        """Return what obstore asks for keys, None where it has them or finds them."""
        return self.make_provider() if self.make_provider is not None else None


def find_login(read: RemoteOptions, profile: S3Profile, environ: Mapping[str, str]) -> S3Login:
    """Return the keys to use.

    Raises UnauthenticatedError where there are none, NotSupportedError for what needs boto3 where it is missing.
    """
    anonymous = read.boolean("allow_anonymous_login", default=False)
    key, secret, token = read.text("access_key_id"), read.secret("secret_access_key"), read.secret("session_token")
    if anonymous:
        return S3Login(anonymous=True)
    if key is not None or secret is not None:
        if key is None or secret is None:
            missing = "access_key_id" if key is None else "secret_access_key"
            raise InvalidInputError(
                f"Remote {read.remote!r} sets one of access_key_id and secret_access_key without the other.",
                hint=f"Set it: siglum remote modify --local {read.remote} {missing} KEY",
            )
        return S3Login((key, secret, token))
    if not profile.explicit and (found := _keys(environ, "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")):
        return S3Login((*found, environ.get("AWS_SESSION_TOKEN") or environ.get("AWS_SECURITY_TOKEN")))
    if any(profile.get(setting) for setting in _BY_BOTO):
        _require_boto(read.remote, profile)
        return S3Login(make_provider=lambda: _boto_provider(profile))
    for source in (profile.credentials, profile.config):
        if found := _keys(source, "aws_access_key_id", "aws_secret_access_key"):
            return S3Login((*found, source.get("aws_session_token") or None))
        if command := source.get("credential_process"):
            return S3Login(make_provider=partial(_process_provider, read.remote, command))
    if any(environ.get(variable) for variable in _BY_OBSTORE) or _is_machine_of_aws(environ):
        return S3Login()
    raise UnauthenticatedError(
        f"Remote {read.remote!r}: there are no credentials for S3, neither in its options, nor in the environment, nor "
        f"in the profile {profile.name!r}.",
        hint=f"Set access_key_id and secret_access_key with `siglum remote modify --local {read.remote}`, or "
        "allow_anonymous_login for a public bucket.",
    )


def _keys(source: Mapping[str, str], key: str, secret: str) -> tuple[str, str] | None:
    found = source.get(key), source.get(secret)
    return (found[0], found[1]) if found[0] and found[1] else None


def _is_machine_of_aws(environ: Mapping[str, str]) -> bool:
    """Whether this machine answers for its own keys. Asked here, since obstore would go on asking for minutes."""
    if environ.get("AWS_EC2_METADATA_DISABLED", "").lower() == "true":
        return False
    try:
        with socket.create_connection(_MACHINE, _MACHINE_SECONDS):
            return True
    except OSError:
        return False


def _require_boto(remote: str, profile: S3Profile) -> None:
    if importlib.util.find_spec("boto3") is None:
        raise NotSupportedError(
            f"Remote {remote!r}: the profile {profile.name!r} takes on a role or signs on at AWS, which needs boto3.",
            hint="Install it: pip install boto3",
        )


def _boto_provider(profile: S3Profile) -> Provider:
    import botocore.session  # not ours to install: asked for above
    from obstore.auth.boto3 import Boto3CredentialProvider

    session = botocore.session.Session(profile=profile.name)
    session.set_config_variable("config_file", profile.config_path)
    session.set_config_variable("credentials_file", profile.credentials_path)
    return Boto3CredentialProvider(session, ttl=timedelta(minutes=10))


class _ProcessAnswer(msgspec.Struct, rename="pascal"):
    version: int
    access_key_id: str
    secret_access_key: str
    session_token: str | None = None
    expiration: datetime | None = None


def _process_provider(remote: str, command: str) -> Provider:
    def ask() -> dict[str, Any]:
        ended = subprocess.run(
            shlex.split(command), stdout=subprocess.PIPE, check=False, timeout=_PROCESS_SECONDS, env=dict(os.environ)
        )
        if ended.returncode != 0:
            raise UnauthenticatedError(
                f"Remote {remote!r}: the profile's credential_process ended with status {ended.returncode}."
            )
        try:
            answer = msgspec.json.decode(ended.stdout, type=_ProcessAnswer)
        except msgspec.DecodeError:
            # Not chained: the error might quote a key.
            raise UnauthenticatedError(
                f"Remote {remote!r}: the profile's credential_process did not answer as AWS's tools expect."
            ) from None
        expires = answer.expiration
        return {
            "access_key_id": answer.access_key_id,
            "secret_access_key": answer.secret_access_key,
            "token": answer.session_token,
            "expires_at": expires.astimezone(UTC) if expires is not None else None,
        }

    return ask
