"""Which sections and options a configuration may have, and what their values look like: DVC's, to share its files."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeAlias

from siglum.core.errors import InvalidInputError
from siglum.core.text import did_you_mean
from siglum.workspace.credentials import is_secret
from siglum.workspace.ini import IniValue

Check: TypeAlias = Callable[[IniValue], str | None]
"""Returns what a value should be, when it is not."""

TRUE_WORDS = frozenset({"true"})
FALSE_WORDS = frozenset({"false"})
LINK_TYPES = ("reflink", "hardlink", "symlink", "copy")


def _text(value: IniValue) -> str | None:
    return None if isinstance(value, str) else "one value, not a list (quote it when it holds a comma)"


def _boolean(value: IniValue) -> str | None:
    return None if isinstance(value, str) and value.lower() in TRUE_WORDS | FALSE_WORDS else "'true' or 'false'"


def _positive(value: IniValue) -> str | None:
    return None if isinstance(value, str) and value.isdecimal() and int(value) > 0 else "a number above 0"


def _integer(value: IniValue) -> str | None:
    return None if isinstance(value, str) and re.fullmatch(r"[-+]?\d+", value) else "a whole number"


def _seconds(value: IniValue) -> str | None:
    return None if isinstance(value, str) and re.fullmatch(r"\d+(\.\d*)?|\.\d+", value) else "a number of seconds"


def _days(value: IniValue) -> str | None:
    return None if _seconds(value) is None else "a number of days"


def _one_of(*words: str) -> Check:
    def check(value: IniValue) -> str | None:
        fits = isinstance(value, str) and value.lower() in words
        return None if fits else " or ".join(repr(word) for word in words)

    return check


def _link_types(value: IniValue) -> str | None:
    names = value.split(",") if isinstance(value, str) else value
    fits = bool(names) and all(name.strip() in LINK_TYPES for name in names)
    return None if fits else f"a list out of {', '.join(LINK_TYPES)}"


def _options(check: Check, names: str) -> dict[str, Check]:
    return dict.fromkeys(names.split(), check)


_REMOTE = (
    _options(_text, "url")
    | _options(_positive, "jobs checksum_jobs")
    | _options(_boolean, "worktree no_traverse version_aware verify")
)
_LOCAL = {"type": _link_types, "shared": _one_of("group")} | _options(_boolean, "protected slow_link_warning verify")
_HTTP = (
    {"auth": _one_of("basic", "digest", "custom")}
    | _options(_text, "custom_auth_header user password ssl_verify method")
    | _options(_boolean, "ask_password")
    | _options(_seconds, "connect_timeout read_timeout")
)
_WEBDAV = (
    _options(_text, "user password token bearer_token_command custom_auth_header cert_path key_path ssl_verify")
    | _options(_boolean, "ask_password")
    | _options(_integer, "timeout")
)
_BY_SCHEME: dict[str, dict[str, Check]] = {
    "": _LOCAL,
    "file": _LOCAL,
    "s3": _options(
        _text,
        "region profile credentialpath configpath endpointurl access_key_id secret_access_key session_token ssl_verify "
        "sse sse_kms_key_id sse_customer_algorithm sse_customer_key acl grant_read grant_read_acp grant_write_acp "
        "grant_full_control",
    )
    | _options(_boolean, "listobjects use_ssl allow_anonymous_login cache_regions")
    | _options(_integer, "read_timeout connect_timeout"),
    "gs": _options(_text, "projectname credentialpath endpointurl") | _options(_boolean, "allow_anonymous_login"),
    "ssh": {"type": _link_types}
    | _options(_text, "user password passphrase keyfile")
    | _options(_boolean, "ask_password ask_passphrase gss_auth allow_agent")
    | _options(_integer, "port timeout max_sessions"),
    "hdfs": _options(_text, "user kerb_ticket") | _options(_integer, "replication"),
    "webhdfs": _options(_text, "kerberos_principal proxy_to ssl_verify token user password data_proxy_target")
    | _options(_boolean, "kerberos use_https"),
    "azure": _options(_text, "connection_string sas_token account_name account_key tenant_id client_id client_secret")
    | _options(
        _boolean,
        "allow_anonymous_login exclude_environment_credential exclude_visual_studio_code_credential "
        "exclude_shared_token_cache_credential exclude_managed_identity_credential",
    )
    | _options(_integer, "timeout read_timeout connection_timeout"),
    "oss": _options(_text, "oss_key_id oss_key_secret oss_endpoint"),
    "gdrive": _options(
        _text,
        "profile gdrive_client_id gdrive_client_secret gdrive_user_credentials_file gdrive_service_account_user_email "
        "gdrive_service_account_json_file_path",
    )
    | _options(_boolean, "gdrive_use_service_account gdrive_trash_only gdrive_acknowledge_abuse"),
    "http": _HTTP,
    "https": _HTTP,
    "webdav": _WEBDAV,
    "webdavs": _WEBDAV,
}

SECTIONS: dict[str, dict[str, Check]] = {
    "core": _options(_text, "remote machine site_cache_dir")
    | _options(_positive, "checksum_jobs")
    | _options(_boolean, "interactive analytics hardlink_lock no_scm autostage experiments check_update"),
    "cache": _options(_text, "dir local s3 gs hdfs webhdfs ssh azure") | _LOCAL,
    "remote": {},
    "state": _options(_text, "dir row_limit row_cleanup_quota"),
    "index": _options(_text, "dir"),
    "machine": {},
    # DVC takes any option in this section, so that one of ours in a shared file does not stop it.
    "feature": _options(_boolean, "machine record_runs")
    | _options(_text, "experiment")
    | _options(_days, "gc_grace_days"),
    "plots": _options(_text, "html_template out_dir") | _options(_boolean, "auto_open"),
    "exp": _options(_text, "code data models metrics params plots live git_remote") | _options(_boolean, "auto_push"),
    "parsing": {"bool": _one_of("store_true", "boolean_optional"), "list": _one_of("nargs", "append")},
    "hydra": _options(_text, "config_dir config_module config_name plugins_path") | _options(_boolean, "enabled"),
    "studio": _options(_text, "token url repo_url") | _options(_boolean, "offline"),
    "db": {},
}
NAMED_SECTIONS = ("remote", "machine", "db")
_MACHINE = _options(
    _text,
    "cloud region image spot spot_price instance_hdd_size instance_type instance_gpu ssh_private startup_script "
    "setup_script",
)
_DB = _options(_text, "url username password")

# Options that hold paths: kept relative to the folder of the file that they stand in.
PATH_OPTIONS = {
    "cache": frozenset({"dir"}),
    "remote": frozenset(
        {
            "url",
            "gdrive_user_credentials_file",
            "gdrive_service_account_json_file_path",
            "credentialpath",
            "configpath",
            "keyfile",
            "cert_path",
            "key_path",
        }
    ),
    "machine": frozenset({"startup_script", "setup_script"}),
}


def check_option(section: str, option: str, value: IniValue, where: str) -> None:
    """Raise InvalidInputError unless `section.option` exists and takes `value`. For sections without a name."""
    known = SECTIONS.get(section)
    if known is None:
        raise InvalidInputError(
            f"{where}: there is no section {section!r}.",
            hint=did_you_mean(section, SECTIONS) or f"Sections: {', '.join(SECTIONS)}.",
        )
    _check_in(known, f"{section}.{option}", option, value, where, prefix=f"{section}.")


def check_named(kind: str, name: str, options: dict[str, IniValue], where: str) -> None:
    """Raise InvalidInputError unless the options of a remote, machine or database are ones it can have."""
    if kind == "remote":
        url = options.get("url")
        if not isinstance(url, str) or not url:
            raise InvalidInputError(
                f"{where}: the remote {name!r} has no url.", hint=f"Give it one: siglum remote modify {name} url URL."
            )
        scheme = url.partition("://")[0].lower() if "://" in url else ""
        if scheme == "remote":
            return  # has the options of the remote that it refers to
        if scheme not in _BY_SCHEME:
            raise InvalidInputError(
                f"{where}: the remote {name!r} has a URL of an unknown kind, {scheme}://.",
                hint=f"Known are {', '.join(f'{known}://' for known in _BY_SCHEME if known)} and paths.",
            )
        known = _REMOTE | _BY_SCHEME[scheme]
    else:
        known = _MACHINE if kind == "machine" else _DB
    for option, value in options.items():
        _check_in(known, f"{kind}.{name}.{option}", option, value, where, prefix=f"{kind}.{name}.")


def _check_in(known: dict[str, Check], full: str, option: str, value: IniValue, where: str, prefix: str) -> None:
    check = known.get(option)
    if check is None:
        near = did_you_mean(option, known)
        raise InvalidInputError(
            f"{where}: there is no option {full!r}.",
            hint=near or f"Options: {', '.join(prefix + name for name in known)}.",
        )
    wanted = check(value)
    if wanted is not None:
        told = "set" if is_secret(full.partition(".")[0], option) else repr(value)
        raise InvalidInputError(f"{where}: {full} is {told}, but should be {wanted}.")
