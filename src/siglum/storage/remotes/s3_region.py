"""In which region of AWS a bucket is, where nobody says: its servers tell anybody who asks."""

from __future__ import annotations

import http.client

from siglum.core.errors import UnavailableError

_HOST = "s3.amazonaws.com"
_SECONDS = 10.0


def bucket_region(bucket: str) -> str:
    """Return a bucket's region. The answer holds it even when it is a refusal. Raises UnavailableError."""
    connection = http.client.HTTPSConnection(_HOST, timeout=_SECONDS)
    try:
        connection.request("HEAD", f"/{bucket}")
        answer = connection.getresponse()
    except OSError as e:
        raise UnavailableError(
            f"The region of the bucket {bucket!r} could not be asked for: {_HOST} does not answer ({e}).",
            hint="Set the remote's option 'region', or 'endpointurl' for a server that is not AWS's.",
        ) from None
    finally:
        connection.close()
    region = answer.getheader("x-amz-bucket-region")
    if answer.status == http.client.NOT_FOUND or region is None:
        raise UnavailableError(f"There is no bucket {bucket!r} at AWS.", hint="Correct the remote's URL.")
    return region
