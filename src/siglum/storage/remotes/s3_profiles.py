"""The profiles of AWS's own configuration files, `~/.aws/config` and `~/.aws/credentials`."""

from __future__ import annotations

import configparser
import os
from collections.abc import Mapping

import msgspec

from siglum.core.errors import FileFormatError, NotFoundError
from siglum.core.text import did_you_mean
from siglum.storage.remotes.options import RemoteOptions


class S3Profile(msgspec.Struct, frozen=True):
    """One profile: what each of the two files says of it. `explicit` when the remote's own options name it."""

    name: str
    explicit: bool
    config_path: str
    credentials_path: str
    config: dict[str, str]
    credentials: dict[str, str]

    def __repr__(self) -> str:
        return f"S3Profile({self.name!r})"  # the rest may be secret

    def get(self, setting: str) -> str | None:
        """Return a setting of the configuration file, else of the credentials file."""
        return self.config.get(setting) or self.credentials.get(setting) or None

    def s3_setting(self, setting: str) -> str | None:
        """Return a setting of the indented block `s3 =`."""
        for line in self.config.get("s3", "").splitlines():
            name, equals, value = line.partition("=")
            if equals and name.strip() == setting:
                return value.strip()
        return None


def read_profile(read: RemoteOptions, environ: Mapping[str, str]) -> S3Profile:
    """Return the profile that a remote's options or the environment name, else `default`.

    Raises NotFoundError when one that was named is in neither file, FileFormatError for a damaged file.
    """
    named = read.text("profile")
    name = named or environ.get("AWS_PROFILE") or environ.get("AWS_DEFAULT_PROFILE") or "default"
    config_path = read.path("configpath") or os.path.expanduser(environ.get("AWS_CONFIG_FILE") or "~/.aws/config")
    credentials_path = read.path("credentialpath") or os.path.expanduser(
        environ.get("AWS_SHARED_CREDENTIALS_FILE") or "~/.aws/credentials"
    )
    configured = {_profile_of(section): values for section, values in _sections(config_path).items()}
    credentials = _sections(credentials_path)
    if name not in configured and name not in credentials and name != "default":
        known = [each for each in {**configured, **credentials} if each]
        raise NotFoundError(
            f"Remote {read.remote!r}: the profile {name!r} is neither in {credentials_path} nor in {config_path}.",
            hint=did_you_mean(name, known) or "Add it there, or correct the remote's option 'profile'.",
        )
    return S3Profile(
        name, named is not None, config_path, credentials_path, configured.get(name, {}), credentials.get(name, {})
    )


def _profile_of(section: str) -> str:
    """Return the profile that a section of the configuration file is for; "" for sections of another kind."""
    if section == "default":
        return section
    kind, _, name = section.partition(" ")
    return name.strip().strip("\"'") if kind == "profile" else ""


def _sections(path: str) -> dict[str, dict[str, str]]:
    parser = configparser.RawConfigParser(default_section="\0", strict=False)
    try:
        with open(path, encoding="utf-8") as file:
            parser.read_file(file)
    except FileNotFoundError:
        return {}
    except (configparser.Error, UnicodeDecodeError) as e:
        # The error's text quotes the line, which may hold a key.
        line = getattr(e, "lineno", None) or next((number for number, _ in getattr(e, "errors", ())), None)
        raise FileFormatError(path, "not an AWS configuration file.", line=line) from None
    return {section: dict(parser.items(section)) for section in parser.sections()}
