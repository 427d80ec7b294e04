"""Who logs in to Azure, and how: from a remote's options, the environment, and the configuration of `az`.

The first that is there counts, in the order in which DVC's own client takes them: a connection string, the account's
key, a shared access signature (SAS), an application's secret; with none of them, what the environment or the machine
itself may log in with.
"""

from __future__ import annotations

import base64
import configparser
import os
import shutil
from collections.abc import Mapping
from typing import Any

import msgspec

from siglum.core.errors import InvalidInputError, UnauthenticatedError
from siglum.storage.remotes.options import RemoteOptions

# The account that every Azure emulator has; its key is published.
_EMULATOR = {
    "accountname": "devstoreaccount1",
    "accountkey": "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==",
    "blobendpoint": "http://127.0.0.1:10000/devstoreaccount1",
}
# DVC's option, the variable that `az` and DVC read, and its name in the section [storage] of ~/.azure/config.
_ELSEWHERE = {
    "connection_string": ("AZURE_STORAGE_CONNECTION_STRING", "connection_string"),
    "account_name": ("AZURE_STORAGE_ACCOUNT", "account"),
    "account_key": ("AZURE_STORAGE_KEY", "key"),
    "sas_token": ("AZURE_STORAGE_SAS_TOKEN", "sas_token"),
}
# For clouds with addresses of their own, where no connection string says it.
_ENDPOINT = "AZURE_STORAGE_ENDPOINT"
_APPLICATION = ("tenant_id", "client_id", "client_secret")
# Kinds of login that Siglum never tries: to exclude them asks for nothing, and neither does not to.
_NEVER_TRIED = ("exclude_visual_studio_code_credential", "exclude_shared_token_cache_credential")


class AzureLogin(msgspec.Struct, frozen=True):
    """obstore's settings for an account, and the secrets among them."""

    config: dict[str, Any]
    secrets: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"AzureLogin({self.config.get('account_name')!r}, {self.config.get('credential_type')!r})"

    @property
    def is_plain(self) -> bool:
        """Whether the endpoint is reached without TLS, as an emulator's is."""
        return str(self.config.get("endpoint", "")).lower().startswith("http://")


def find_login(read: RemoteOptions, environ: Mapping[str, str]) -> AzureLogin:
    """Return the login for a remote. Raises InvalidInputError when the account is not named anywhere."""
    for option in _NEVER_TRIED:
        read.boolean(option, default=False)
    around = {option: read.text(option) for option in ("account_name", "tenant_id", "client_id")}
    secret = {
        option: read.secret(option) for option in ("connection_string", "account_key", "sas_token", "client_secret")
    }
    anonymous = read.boolean("allow_anonymous_login", default=False)
    own_environment = not read.boolean("exclude_environment_credential", default=False)
    own_machine = not read.boolean("exclude_managed_identity_credential", default=False)
    given = _with_elsewhere(around | secret, environ)
    if given["connection_string"]:
        return _from_connection_string(read.remote, given["connection_string"])
    account = given["account_name"]
    if not account:
        raise InvalidInputError(
            f"Remote {read.remote!r} names neither an account nor a connection string.",
            hint=f"Set it: siglum remote modify {read.remote} account_name NAME",
        )
    base = {"account_name": account}
    endpoint = environ.get(_ENDPOINT)
    if endpoint:
        base["endpoint"] = endpoint
    if given["account_key"]:
        return _with_key(read.remote, base, given["account_key"])
    if given["sas_token"]:
        return _with_sas(base, given["sas_token"])
    if any(given[option] for option in _APPLICATION):
        return _with_application(read.remote, base, given)
    if anonymous:
        return AzureLogin(base | {"skip_signature": True})
    return _default(read.remote, base, environ, own_environment=own_environment, own_machine=own_machine)


def _with_elsewhere(given: Mapping[str, str | None], environ: Mapping[str, str]) -> dict[str, str | None]:
    """Add what the environment and `az`'s configuration say to what the options say."""
    folder = environ.get("AZURE_CONFIG_DIR") or os.path.join(os.path.expanduser("~"), ".azure")
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read(os.path.join(folder, "config"), encoding="utf-8")
    except (configparser.Error, UnicodeDecodeError) as e:
        problem = type(e).__name__  # its text would repeat the line, which may hold a key
        raise InvalidInputError(f"{os.path.join(folder, 'config')} cannot be read: {problem}.") from None
    found = dict(given)
    for option, (variable, name) in _ELSEWHERE.items():
        found[option] = given.get(option) or environ.get(variable) or parser.get("storage", name, fallback=None)
    return found


def _from_connection_string(remote: str, text: str) -> AzureLogin:
    parts: dict[str, str] = {}
    for part in filter(None, text.strip().split(";")):
        key, equals, value = part.partition("=")
        if not equals:
            raise _bad_connection_string(remote)
        parts[key.strip().lower()] = value
    if parts.get("usedevelopmentstorage", "").lower() == "true":
        parts = _EMULATOR | parts
    account, endpoint = parts.get("accountname"), parts.get("blobendpoint")
    if endpoint is None and account is not None:
        suffix = parts.get("endpointsuffix", "core.windows.net")
        endpoint = f"{parts.get('defaultendpointsprotocol', 'https')}://{account}.blob.{suffix}"
    if endpoint is None:
        raise _bad_connection_string(remote)
    # An endpoint names its account in its host: https://ACCOUNT.blob.core.windows.net.
    name = account or endpoint.partition("://")[2].partition(".")[0]
    base = {"account_name": name, "endpoint": endpoint.rstrip("/")}
    if parts.get("accountkey"):
        return _with_key(remote, base, parts["accountkey"])
    if parts.get("sharedaccesssignature"):
        return _with_sas(base, parts["sharedaccesssignature"])
    return AzureLogin(base | {"skip_signature": True})


def _with_key(remote: str, base: Mapping[str, str], key: str) -> AzureLogin:
    try:
        base64.b64decode(key, validate=True)
    except ValueError:
        raise InvalidInputError(
            f"Remote {remote!r}: the account's key is not Base64.",
            hint=f"Copy it anew: siglum remote modify --local {remote} account_key KEY",
        ) from None
    return AzureLogin({**base, "account_key": key, "credential_type": "access_key"}, (key,))


def _with_sas(base: Mapping[str, str], token: str) -> AzureLogin:
    return AzureLogin({**base, "sas_key": token.lstrip("?"), "credential_type": "sas_token"}, (token,))


def _with_application(remote: str, base: Mapping[str, str], given: Mapping[str, str | None]) -> AzureLogin:
    missing = [option for option in _APPLICATION if not given[option]]
    if missing:
        raise InvalidInputError(
            f"Remote {remote!r} does not set {' and '.join(missing)}, which an application logs in with.",
            hint=f"Set it: siglum remote modify --local {remote} {missing[0]} VALUE",
        )
    values = {option: given[option] for option in _APPLICATION}
    return AzureLogin({**base, **values, "credential_type": "client_secret"}, (given["client_secret"] or "",))


def _default(
    remote: str, base: dict[str, str], environ: Mapping[str, str], *, own_environment: bool, own_machine: bool
) -> AzureLogin:
    """Return what logs in where nothing was set: an application in the environment, the machine, or who used `az`."""
    application = {option: environ.get(f"AZURE_{option.upper()}") for option in _APPLICATION}
    if own_environment and all(application.values()):
        return _with_application(remote, base, application)
    if environ.get("AZURE_FEDERATED_TOKEN_FILE"):
        return AzureLogin(base | {"credential_type": "workload_identity"})
    if own_machine and any(environ.get(each) for each in ("IDENTITY_ENDPOINT", "MSI_ENDPOINT")):
        return AzureLogin(base | {"credential_type": "managed_identity"})
    if shutil.which("az") is not None:
        return AzureLogin(base | {"credential_type": "azure_cli"})
    if own_machine:
        return AzureLogin(base | {"credential_type": "managed_identity"})
    raise UnauthenticatedError(
        f"Remote {remote!r} sets no credentials, and there are none in the environment.",
        hint=f"Set one: siglum remote modify --local {remote} account_key KEY",
    )


def _bad_connection_string(remote: str) -> InvalidInputError:
    # It holds the key, and is not repeated.
    return InvalidInputError(
        f"Remote {remote!r}: connection_string is not of the form NAME=VALUE;NAME=VALUE;… with an account.",
        hint=f"Copy it anew: siglum remote modify --local {remote} connection_string VALUE",
    )
