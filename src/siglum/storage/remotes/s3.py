"""Remotes on S3 and what is compatible with it: DVC's option names, told to obstore."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from siglum.core.errors import InvalidInputError
from siglum.storage.remotes.base import Remote
from siglum.storage.remotes.object_store import ObjectPlace, ObjectStoreRemote, require_obstore
from siglum.storage.remotes.options import RemoteOptions
from siglum.storage.remotes.s3_credentials import S3Login, find_login
from siglum.storage.remotes.s3_profiles import S3Profile, read_profile
from siglum.storage.remotes.s3_region import bucket_region
from siglum.storage.remotes.signing import QuerySigner, aws_signer

if TYPE_CHECKING:
    from obstore.store import ObjectStore

_KIND = "s3://"
_NO_HEADERS = "it cannot be sent with every upload; set it on the bucket instead"
_UNSENT = ("acl", "grant_read", "grant_read_acp", "grant_write_acp", "grant_full_control")
_ENDPOINT_VARIABLES = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
_REGION_VARIABLES = ("AWS_REGION", "AWS_DEFAULT_REGION")


def open_s3(name: str, url: str, options: Mapping[str, str]) -> Remote:
    """Return the remote at `s3://bucket/path`. Options, profiles and environment variables mean what they do in DVC.

    Raises NotSupportedError for an option that cannot be honoured, InvalidInputError and NotFoundError for one that
    cannot be right. No request is made before the remote is used.
    """
    require_obstore(name, _KIND)
    bucket, _, prefix = url.partition("://")[2].partition("/")
    if not bucket:
        raise InvalidInputError(
            f"Remote {name!r} is at {url}, which names no bucket.",
            hint=f"Correct it: siglum remote modify {name} url s3://BUCKET/PATH",
        )
    read = RemoteOptions(name, _KIND, options)
    for option in _UNSENT:
        read.refuse(option, _NO_HEADERS)
    if read.boolean("listobjects", default=False):
        read.refuse("listobjects", "it lists with version 2 of the protocol only")
    read.boolean("cache_regions", default=False)  # a region that nobody named is looked up once in any case
    profile = read_profile(read, os.environ)
    login = find_login(read, profile, os.environ)
    encryption = _encryption(read)
    address = _Address(read, profile, bucket)
    client = _client_options(read, address.plain)
    place = ObjectPlace(
        make_store=lambda client, retry: _make_store(bucket, address, login, encryption, client, retry),
        prefix=prefix.strip("/"),
        secrets=(*read.secrets, *login.secrets),
        connect_timeout=read.seconds("connect_timeout"),
        read_timeout=read.seconds("read_timeout"),
        client_options=client,
        etag_is_md5=encryption.get("server_side_encryption") in (None, "AES256"),
        # What is to be encrypted by a header, the header must be sent with: who has only a URL does not.
        signer=partial(_signer, address, login) if login.signs and not encryption else None,
    )
    read.refuse_others()
    return ObjectStoreRemote(name, url, place)


class _Address:
    """Where a bucket is: the endpoint, the region, and how requests name the bucket."""

    def __init__(self, read: RemoteOptions, profile: S3Profile, bucket: str) -> None:
        environ = os.environ
        use_ssl = read.boolean("use_ssl", default=True)
        self._bucket = bucket
        self.endpoint = read.text("endpointurl") or _first(environ, _ENDPOINT_VARIABLES) or profile.get("endpoint_url")
        self._region = read.text("region") or _first(environ, _REGION_VARIABLES) or profile.get("region")
        self._virtual = profile.s3_setting("addressing_style") == "virtual"
        self.plain = self.endpoint.lower().startswith("http://") if self.endpoint else not use_ssl

    def settings(self) -> dict[str, Any]:
        """Return this as obstore's settings. Where nobody names the region of a bucket at AWS, asks for it."""
        region = self._region or ("us-east-1" if self.endpoint else bucket_region(self._bucket))
        endpoint = self.endpoint or (f"http://s3.{region}.amazonaws.com" if self.plain else None)
        settings: dict[str, Any] = {"region": region, "virtual_hosted_style_request": self._virtual}
        if endpoint is not None:
            if self._virtual:
                scheme, _, host = endpoint.rstrip("/").partition("://")
                endpoint = f"{scheme}://{self._bucket}.{host}"
            settings["endpoint"] = endpoint
        return settings

    def base(self, settings: Mapping[str, Any]) -> str:
        """Return the bucket's URL."""
        host = f"{'http' if self.plain else 'https'}://s3.{settings['region']}.amazonaws.com"
        endpoint = str(settings.get("endpoint") or host).rstrip("/")
        if not self._virtual:
            return f"{endpoint}/{self._bucket}"
        return endpoint if "endpoint" in settings else endpoint.replace("://", f"://{self._bucket}.", 1)


def _signer(address: _Address, login: S3Login) -> QuerySigner:
    settings = address.settings()
    key, secret, token = login.current_keys()
    return aws_signer(address.base(settings), settings["region"], key, secret, token)


def _make_store(
    bucket: str,
    address: _Address,
    login: S3Login,
    encryption: Mapping[str, Any],
    client: dict[str, Any],
    retry: dict[str, Any],
) -> ObjectStore:
    from obstore.store import S3Store  # an optional extra

    config: dict[str, Any] = {**address.settings(), **encryption, **login.config()}
    options: dict[str, Any] = {"config": config, "client_options": client, "retry_config": retry}
    return S3Store(bucket, **options, credential_provider=login.provider())


def _encryption(read: RemoteOptions) -> dict[str, Any]:
    kind, kms_key = read.text("sse"), read.text("sse_kms_key_id")
    algorithm, own_key = read.text("sse_customer_algorithm"), read.secret("sse_customer_key")
    if own_key is not None:
        if algorithm not in (None, "AES256"):
            raise read.wrong("sse_customer_algorithm", "'AES256'")
        return {"server_side_encryption": "sse-c", "sse_customer_key_base64": own_key}
    if algorithm is not None:
        raise InvalidInputError(
            f"Remote {read.remote!r} sets sse_customer_algorithm without sse_customer_key.",
            hint=f"Set it: siglum remote modify --local {read.remote} sse_customer_key KEY",
        )
    if kms_key is not None:
        return {"server_side_encryption": kind or "aws:kms", "sse_kms_key_id": kms_key}
    return {"server_side_encryption": kind} if kind is not None else {}


def _client_options(read: RemoteOptions, plain: bool) -> dict[str, Any]:
    client: dict[str, Any] = {"allow_http": plain}
    verify = read.text("ssl_verify")
    if verify is not None and verify.lower() == "false":
        client["allow_invalid_certificates"] = True
        return client
    bundle = read.path("ssl_verify") if verify is not None and verify.lower() != "true" else None
    bundle = bundle or os.environ.get("AWS_CA_BUNDLE") or None
    if bundle is not None:
        with open(bundle, "rb") as file:
            client["root_certificate"] = file.read()
    return client


def _first(environ: Mapping[str, str], names: tuple[str, ...]) -> str | None:
    return next((environ[name] for name in names if environ.get(name)), None)
