"""What the server says of itself."""

from __future__ import annotations

import html

from siglum import __version__
from siglum.server.exchange import Exchange
from siglum.server.route import Call, Services
from siglum.tracking.messages import Message

_TEXT = ((b"content-type", b"text/plain; charset=utf-8"),)
_JSON = ((b"content-type", b"application/json"),)
_PROMETHEUS = ((b"content-type", b"text/plain; version=0.0.4; charset=utf-8"),)
_HTML = (
    (b"content-type", b"text/html; charset=utf-8"),
    (b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'"),
)
_PAGE = f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Siglum server</title>
<style>
body {{ font: 1rem/1.5 system-ui, sans-serif; max-width: 44rem; margin: 3rem auto; padding: 0 1rem; color: #1c1c1c; }}
code, pre {{ font: 0.9rem/1.5 ui-monospace, monospace; background: #f2f2f0; border-radius: 4px; }}
code {{ padding: 0.1em 0.3em; }} pre {{ padding: 0.8rem 1rem; overflow-x: auto; }}
</style>
</head>
<body>
<h1>Siglum {__version__}</h1>
<p>This server keeps runs, models and the model registry. It speaks MLflow's REST API: Siglum's and MLflow's own
clients connect to it. Use the address of this page:</p>
<pre>export SIGLUM_TRACKING_URI={{url}}   # for Siglum
export MLFLOW_TRACKING_URI={{url}}   # for MLflow, unchanged</pre>
<p>or in Python:</p>
<pre>siglum.set_tracking_uri("{{url}}")
mlflow.set_tracking_uri("{{url}}")</pre>
<p><a href="/health">/health</a> says whether it works, <a href="/version">/version</a> which release it is.</p>
</body>
</html>
"""


class ServerInfo(Message, kw_only=True):
    """GET server-info, which MLflow's client asks for before it uses what only some servers have."""

    store_type: str
    workspaces_enabled: bool
    trace_archival_enabled: bool
    multipart_uploads_enabled: bool
    multipart_downloads_enabled: bool
    presigned_upload_run_id_supported: bool
    presigned_upload_model_id_supported: bool
    siglum_version: str


def server_info(services: Services, _request: Message, _call: Call) -> ServerInfo:
    """Say what this server has."""
    direct = services.direct
    return ServerInfo(
        store_type="SqlStore",
        workspaces_enabled=False,
        trace_archival_enabled=False,
        multipart_uploads_enabled=direct is not None and direct.takes_parts,
        multipart_downloads_enabled=direct is not None,
        presigned_upload_run_id_supported=direct is not None,
        presigned_upload_model_id_supported=direct is not None,
        siglum_version=__version__,
    )


async def health(_services: Services, _request: Message, exchange: Exchange) -> None:
    """Answer `OK`."""
    await exchange.respond(200, b"OK", _TEXT)


async def version(_services: Services, _request: Message, exchange: Exchange) -> None:
    """Answer with Siglum's version."""
    await exchange.respond(200, __version__.encode(), _TEXT)


async def metrics(services: Services, _request: Message, exchange: Exchange) -> None:
    """Answer with what Prometheus collects."""
    await exchange.respond(200, await exchange.in_thread(services.statistics.render), _PROMETHEUS)


async def openapi(services: Services, _request: Message, exchange: Exchange) -> None:
    """Answer with the description of Siglum's own routes."""
    await exchange.respond(200, services.openapi(), _JSON)


async def page(_services: Services, _request: Message, exchange: Exchange) -> None:
    """Answer with a page for people who open the server's address in a browser; it names the address they used."""
    url = html.escape(f"http://{exchange.headers.host}")
    await exchange.respond(200, _PAGE.replace("{url}", url).encode(), _HTML)
