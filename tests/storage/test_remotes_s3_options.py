"""DVC's options for S3, AWS's own files, and who asks."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from siglum.core.errors import (
    FileFormatError,
    InvalidInputError,
    NotFoundError,
    NotSupportedError,
    UnauthenticatedError,
    UnavailableError,
)
from siglum.storage.remotes import Remote, open_remote
from siglum.testing.s3_server import ACCESS_KEY, SECRET_KEY, S3Server

KEYS = {"access_key_id": ACCESS_KEY, "secret_access_key": SECRET_KEY}


@pytest.fixture(autouse=True)
def no_credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody's files and environment, and no machine at AWS."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    (tmp_path / "home/.aws").mkdir(parents=True)


@pytest.fixture
def server() -> Iterator[S3Server]:
    with S3Server(["bucket"]) as running:
        running.store("bucket", "there", b"1")
        yield running


def keys_of(remote: Remote) -> set[str]:
    return set(remote.list(""))


@pytest.mark.parametrize(
    "options",
    [
        {"acl": "private"},
        {"grant_read": "id=1"},
        {"listobjects": "true"},
        {"version_aware": "true"},
        {"worktree": "true"},
        {"no_such_option": "1"},
    ],
)
def test_an_option_that_cannot_be_honoured_is_named(options: dict[str, str]) -> None:
    name = next(iter(options))
    with pytest.raises(NotSupportedError, match=name) as caught:
        open_remote("r", "s3://bucket", KEYS | options)
    assert caught.value.hint is not None
    assert f"siglum remote modify --unset r {name}" in caught.value.hint


@pytest.mark.parametrize(
    "options",
    [
        {"use_ssl": "perhaps"},
        {"read_timeout": "soon"},
        {"connect_timeout": "0"},
        {"sse_customer_algorithm": "AES256"},
        {"sse_customer_algorithm": "DES", "sse_customer_key": "AAAA"},
        {"secret_access_key": ""},
        {"access_key_id": ""},
    ],
)
def test_an_option_that_cannot_be_right_is_named_without_its_value(options: dict[str, str]) -> None:
    with pytest.raises(InvalidInputError, match=next(iter(options))) as caught:
        open_remote("r", "s3://bucket", KEYS | options)
    assert SECRET_KEY not in str(caught.value)


def test_a_url_without_a_bucket() -> None:
    with pytest.raises(InvalidInputError, match="names no bucket"):
        open_remote("r", "s3:///path", KEYS)


@pytest.mark.parametrize(
    "options",
    [
        {"sse": "AES256"},
        {"sse": "aws:kms", "sse_kms_key_id": "arn:aws:kms:us-east-1:1:key/2"},
        {"sse_kms_key_id": "arn:aws:kms:us-east-1:1:key/2"},
        {"sse_customer_key": "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=", "sse_customer_algorithm": "AES256"},
        {"cache_regions": "true", "listobjects": "false", "use_ssl": "false", "ssl_verify": "true"},
        {"read_timeout": "5", "connect_timeout": "5", "region": "eu-central-1", "jobs": "3", "verify": "true"},
    ],
)
def test_options_that_are_honoured(server: S3Server, options: dict[str, str]) -> None:
    remote = open_remote("r", "s3://bucket", {"endpointurl": server.url, **KEYS, **options})
    assert keys_of(remote) == {"there"}


def test_encryption_is_asked_for(server: S3Server, tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"x")
    sent: dict[str, str] = {}
    for options in (
        {"sse": "aws:kms", "sse_kms_key_id": "key"},
        {"sse_customer_key": "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="},
    ):
        remote = open_remote("r", "s3://bucket", {"endpointurl": server.url, **KEYS, **options})
        remote.put(str(tmp_path / "f"), "key", None)
        sent |= server.web.log[-1].headers
    assert sent["x-amz-server-side-encryption"] == "aws:kms"
    assert sent["x-amz-server-side-encryption-aws-kms-key-id"] == "key"
    assert sent["x-amz-server-side-encryption-customer-algorithm"] == "AES256"


def test_profiles_of_aws(server: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "home/.aws"
    (folder / "credentials").write_text(
        f"[default]\naws_access_key_id = wrong\naws_secret_access_key = wrong\n"
        f"[work]\naws_access_key_id = {ACCESS_KEY}\naws_secret_access_key = {SECRET_KEY}\n"
    )
    (folder / "config").write_text(
        f"[profile work]\nregion = eu-west-1\nendpoint_url = {server.url}\ns3 =\n    addressing_style = path\n"
        f"[profile ready]\nendpoint_url = {server.url}\nregion = x\naws_access_key_id = {ACCESS_KEY}\n"
        f"aws_secret_access_key = {SECRET_KEY}\n"
    )
    assert keys_of(open_remote("r", "s3://bucket", {"profile": "work"})) == {"there"}
    assert "/eu-west-1/s3/" in server.web.log[-1].headers["authorization"]
    assert keys_of(open_remote("r", "s3://bucket", {"profile": "ready"})) == {"there"}
    monkeypatch.setenv("AWS_PROFILE", "work")
    assert keys_of(open_remote("r", "s3://bucket")) == {"there"}
    # A profile that the remote names goes before keys of the environment; one of the environment behind them.
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "wrong")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    assert keys_of(open_remote("r", "s3://bucket", {"profile": "work"})) == {"there"}
    with pytest.raises(UnauthenticatedError):
        keys_of(open_remote("r", "s3://bucket"))
    elsewhere = tmp_path / "elsewhere"
    (folder / "credentials").rename(elsewhere)
    options = {"profile": "work", "credentialpath": str(elsewhere), "endpointurl": server.url}
    assert keys_of(open_remote("r", "s3://bucket", options)) == {"there"}
    with pytest.raises(NotFoundError, match=r"'wrok' is neither in .*Did you mean 'work'"):
        open_remote("r", "s3://bucket", {"profile": "wrok"})
    with pytest.raises(NotFoundError, match="credentialpath"):
        open_remote("r", "s3://bucket", {"credentialpath": str(tmp_path / "none")})


def test_a_damaged_file_of_aws_is_not_quoted(tmp_path: Path) -> None:
    (tmp_path / "home/.aws/credentials").write_text(f"[default]\naws_secret_access_key {SECRET_KEY}\n")
    with pytest.raises(FileFormatError, match="credentials:2") as caught:
        open_remote("r", "s3://bucket")
    assert SECRET_KEY not in str(caught.value)


def test_keys_of_the_environment_and_none(server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
    with pytest.raises(UnauthenticatedError, match="no credentials for S3"):
        open_remote("r", "s3://bucket")
    server.anonymous.add("bucket")
    assert keys_of(open_remote("r", "s3://bucket", {"allow_anonymous_login": "true"})) == {"there"}
    assert "authorization" not in server.web.log[-1].headers
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
    assert keys_of(open_remote("r", "s3://bucket")) == {"there"}
    assert "authorization" in server.web.log[-1].headers


def test_a_program_that_has_the_keys(server: S3Server, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    answer = {"Version": 1, "AccessKeyId": ACCESS_KEY, "SecretAccessKey": SECRET_KEY}
    program.write_text(f"print({json.dumps(answer)!r})\n")
    config = tmp_path / "home/.aws/config"
    config.write_text(f"[default]\ncredential_process = {sys.executable} {program}\n")
    assert keys_of(open_remote("r", "s3://bucket", {"endpointurl": server.url})) == {"there"}
    program.write_text("print('no JSON, but a-secret')\n")
    with pytest.raises((UnauthenticatedError, UnavailableError)) as caught:
        keys_of(open_remote("r", "s3://bucket", {"endpointurl": server.url}))
    assert "credential_process" in str(caught.value)
    assert "a-secret" not in str(caught.value)


def test_a_role_needs_boto3(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "home/.aws/config").write_text("[profile role]\nrole_arn = arn:aws:iam::1:role/x\n")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "boto3" else object())
    with pytest.raises(NotSupportedError, match=r"needs boto3.*pip install boto3"):
        open_remote("r", "s3://bucket", {"profile": "role"})


def test_without_obstore(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(NotSupportedError, match=r"needs the package obstore.*pip install 'siglum\[remotes\]'"):
        open_remote("r", "s3://bucket", KEYS)
