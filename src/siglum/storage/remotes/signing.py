"""Signed URLs: version 4 of AWS's signature, Google's twin of it, and Azure's shared access signature.

obstore signs URLs without a query only, which an upload in parts has; and for Azure, of names with percent signs in
their URLs, what Azure does not. It signs where the keys are none that one can hold, as those of a machine of a cloud.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Protocol
from urllib.parse import quote

import msgspec

_UNRESERVED = "-_.~"
_AZURE_VERSION = "2023-11-03"


class QuerySigner(Protocol):
    """Makes signed URLs for one bucket."""

    def url(self, method: str, path: str, query: Mapping[str, str], seconds: int) -> str:
        """Return the URL by which anybody may make this request for some time. `path` is the object's name."""
        ...


class Version4(msgspec.Struct, frozen=True, kw_only=True):
    """A login and a bucket as the signature takes them.

    Args:
        base: The bucket's URL, without a slash at its end.
        prefix: How parameters begin: `X-Amz-` or `X-Goog-`.
        algorithm: The name of the algorithm.
        who: The access key's id, or the service account.
        scope: Region, service and the scope's last word.
        sign: Signs a text for a day (YYYYMMDD); returns hexadecimal digits.
        token: The token of a login that expires.
    """

    base: str
    prefix: str
    algorithm: str
    who: str
    scope: tuple[str, str, str]
    sign: Callable[[str, str], str]
    token: str | None = None

    def __repr__(self) -> str:
        return f"Version4({self.base!r})"

    def url(self, method: str, path: str, query: Mapping[str, str], seconds: int) -> str:
        return self.url_at(datetime.now(UTC), method, path, query, seconds)

    def url_at(self, now: datetime, method: str, path: str, query: Mapping[str, str], seconds: int) -> str:
        """Do as `url`, at a given time."""
        scheme, _, rest = self.base.partition("://")
        host, slash, bucket = rest.partition("/")
        time = now.strftime("%Y%m%dT%H%M%SZ")
        scope = "/".join((time[:8], *self.scope))
        asked = {
            **query,
            f"{self.prefix}Algorithm": self.algorithm,
            f"{self.prefix}Credential": f"{self.who}/{scope}",
            f"{self.prefix}Date": time,
            f"{self.prefix}Expires": str(seconds),
            f"{self.prefix}SignedHeaders": "host",
        }
        if self.token:
            asked[f"{self.prefix}Security-Token"] = self.token
        pairs = sorted((_quoted(name), _quoted(value)) for name, value in asked.items())
        encoded = "&".join(f"{name}={value}" for name, value in pairs)
        where = quote(f"{slash}{bucket}/{path}", safe=f"/{_UNRESERVED}")
        request = "\n".join((method, where, encoded, f"host:{host.lower()}\n", "host", "UNSIGNED-PAYLOAD"))
        digest = hashlib.sha256(request.encode()).hexdigest()
        signature = self.sign(time[:8], f"{self.algorithm}\n{time}\n{scope}\n{digest}")
        return f"{scheme}://{host}{where}?{encoded}&{self.prefix}Signature={signature}"


def aws_signer(base: str, region: str, key: str, secret: str, token: str | None) -> Version4:
    """Return what signs for S3 with an access key."""

    def sign(day: str, text: str) -> str:
        found = f"AWS4{secret}".encode()
        for part in (day, region, "s3", "aws4_request", text):
            found = hmac.new(found, part.encode(), hashlib.sha256).digest()
        return found.hex()

    return Version4(
        base=base,
        prefix="X-Amz-",
        algorithm="AWS4-HMAC-SHA256",
        who=key,
        scope=(region, "s3", "aws4_request"),
        sign=sign,
        token=token,
    )


def google_signer(base: str, email: str, private_key: str) -> Version4:
    """Return what signs for Google Cloud Storage with a service account's key. Raises ValueError for one that is none.

    Needs `cryptography`.
    """
    # An optional extra.
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import padding, rsa

    loaded = serialization.load_pem_private_key(private_key.encode(), None)
    if not isinstance(loaded, rsa.RSAPrivateKey):
        raise ValueError("it is no RSA key")  # noqa: TRY004  -- one error for a key that will not do

    def sign(_day: str, text: str) -> str:
        return loaded.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256()).hex()

    return Version4(
        base=base,
        prefix="X-Goog-",
        algorithm="GOOG4-RSA-SHA256",
        who=email,
        scope=("auto", "storage", "goog4_request"),
        sign=sign,
    )


class AzureSignature(msgspec.Struct, frozen=True):
    """An account's key and a container. `base` is the container's URL, without a slash at its end."""

    base: str
    account: str
    container: str
    key: str

    def __repr__(self) -> str:
        return f"AzureSignature({self.base!r})"

    def url(self, method: str, path: str, query: Mapping[str, str], seconds: int) -> str:
        now = datetime.now(UTC)
        asked = {
            "sv": _AZURE_VERSION,
            "st": _azure_time(now - timedelta(minutes=5)),  # clocks differ
            "se": _azure_time(now + timedelta(seconds=seconds)),
            "sr": "b",
            "sp": "r" if method == "GET" else "cw",
        }
        resource = f"/blob/{self.account}/{self.container}/{path}"
        fields = (asked["sp"], asked["st"], asked["se"], resource, "", "", "", asked["sv"], asked["sr"], *[""] * 7)
        digest = hmac.new(base64.b64decode(self.key), "\n".join(fields).encode(), hashlib.sha256).digest()
        signed = {**asked, "sig": base64.b64encode(digest).decode(), **query}
        encoded = "&".join(f"{name}={_quoted(value)}" for name, value in signed.items())
        return f"{self.base}/{quote(path, safe=f'/{_UNRESERVED}')}?{encoded}"


def _azure_time(time: datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


def _quoted(text: str) -> str:
    return quote(text, safe=_UNRESERVED)
