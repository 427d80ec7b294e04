"""What obstore says went wrong, as an error of ours: short, and without credentials.

obstore's messages hold URLs (with their queries) and the server's whole answer, in which some servers repeat what was
signed, session tokens included. Only the server's code and message are taken from it, and known secrets blotted out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from siglum.core.errors import (
    NotFoundError,
    PermissionDeniedError,
    SiglumError,
    StorageFullError,
    UnauthenticatedError,
    UnavailableError,
)

BLOT = "***"
_CODE = re.compile(r"<Code>\s*([A-Za-z0-9_.]{1,80})\s*</Code>")
_MESSAGE = re.compile(r"<Message>\s*([^<]{1,300}?)\s*(?:</Message>|\n)")
_STATUS = re.compile(r"status(?: code)?:? ?(\d{3})|\b([45]\d\d) (?:[A-Z][a-z]+ ?)+", re.IGNORECASE)
_QUERY = re.compile(r"\?[^\s\"')>]+")
_NO_CONTAINER = ("NoSuchBucket", "ContainerNotFound", "bucket does not exist", "container does not exist")
_FULL = (
    "QuotaExceeded",
    "XMinioStorageFull",
    "InsufficientStorage",
    "EntityTooLarge",
    "AccountQuota",
    "507 Insufficient",
)
_NOT_LET_IN = (
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "ExpiredToken",
    "InvalidToken",
    "AuthenticationFailed",
    "AuthenticationRequired",
    "401 Unauthorized",
    "invalid_client",
    "invalid_grant",
)
_WRONG_REGION = ("PermanentRedirect", "AuthorizationHeaderMalformed", "Received redirect without LOCATION")
_DEBUG = "\n\nDebug source:"


def cleaned(text: str, secrets: Iterable[str]) -> str:
    """Return `text` without the queries of URLs and without the secrets."""
    text = _QUERY.sub(f"?{BLOT}", text)
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= 4:
            text = text.replace(secret, BLOT)
    return text


def port_error(error: BaseException, remote: str, url: str, key: str, secrets: Iterable[str]) -> SiglumError:
    """Return what an exception of obstore means. `key` is what was asked for, "" when that was the whole place.

    Raise it `from None`: the original may hold credentials.
    """
    text = str(error).partition(_DEBUG)[0]
    code = next(iter(_CODE.findall(text)), "")
    reason = cleaned(_reason(text, code), secrets)
    kind = type(error).__name__
    said = f"Remote {remote!r}{f', {key}' if key else ''}: {reason}"
    if any(word in text for word in _NO_CONTAINER):
        return UnavailableError(
            f"Remote {remote!r} is not there: nothing is at {url}.",
            hint="Create the bucket or container, or correct the URL with `siglum remote modify`.",
        )
    if isinstance(error, FileNotFoundError):
        return NotFoundError(f"Remote {remote!r} does not have {key}.")
    if any(word in text for word in _NOT_LET_IN) or kind == "UnauthenticatedError":
        return UnauthenticatedError(said, hint=f"Check the credentials of remote {remote!r}.")
    if kind == "PermissionDeniedError" or code in ("AccessDenied", "AllAccessDisabled", "AuthorizationFailure"):
        return PermissionDeniedError(said, hint="Ask its owner for the rights, or check the credentials.")
    if any(word in text for word in _WRONG_REGION):
        return UnavailableError(
            f"Remote {remote!r}: the bucket is in another region.",
            hint=f"Set it: siglum remote modify {remote} region REGION",
        )
    if any(word in text for word in _FULL):
        return StorageFullError(said, hint="Free some space there, or use another remote.")
    return UnavailableError(
        f"Remote {remote!r} does not answer: {reason}", hint="Check the network and its URL, then try again."
    )


def _reason(text: str, code: str) -> str:
    """Return the part of a message that a person can use, as one line that ends in a full stop."""
    message = next(iter(_MESSAGE.findall(text)), "")
    if code or message:
        reason = f"{code}: {message}" if code and message else code or message
    else:
        status = _STATUS.search(text)
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        reason = lines[0] if lines else "no reason was given"
        # "Generic S3 error: Error performing PUT URL in 2s, after 3 retries, … - HTTP error: error sending request"
        reason = reason.rpartition(" - ")[2][:300]
        if status is not None and status.group(0) not in reason:
            reason = f"{reason} ({status.group(0).strip()})"
    return " ".join(reason.split()).rstrip(".:") + "."
