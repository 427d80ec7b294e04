"""A whole series of a run, in columns of bytes, page by page: never held in memory."""

from __future__ import annotations

from typing import Final

from siglum.server.columns import choose_media, writer_of
from siglum.server.exchange import DOWNLOAD_HEADERS, Exchange
from siglum.server.route import Services
from siglum.tracking.own_calls import MetricSeries
from siglum.tracking.series import Point
from siglum.tracking.table import Columns

PORTION: Final = 50_000
"""Points that are read, packed and sent at once."""


async def metric_series(services: Services, request: MetricSeries, exchange: Exchange) -> None:
    """Return all points of one key as Arrow's stream or in a packed format, as Accept says."""
    media = choose_media(exchange.headers.accept)
    run_id = request.run
    first, last = request.start_step, request.end_step

    def read(after: Point | None) -> Columns:
        return services.tracking.metric_columns(run_id, request.metric_key, after=after, limit=PORTION)

    def pack(columns: Columns) -> bytes:
        wanted = columns.between(first, last)
        return writer.write(wanted) if wanted.values else b""

    columns = await exchange.in_thread(read, None)  # before the answer begins: an error is then an answer of its own
    writer = await exchange.in_thread(writer_of, media)
    headers = ((b"content-type", media.encode()), (b"vary", b"Accept"), (b"content-disposition", b"attachment"))
    await exchange.start(200, (*headers, *DOWNLOAD_HEADERS))
    body = writer.begin()
    while (end := columns.last) is not None:
        body += await exchange.in_thread(pack, columns)
        await exchange.send({"type": "http.response.body", "body": body, "more_body": True})
        body = b""
        columns = await exchange.in_thread(read, end)
    await exchange.send({"type": "http.response.body", "body": body + writer.end()})
