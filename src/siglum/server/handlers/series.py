"""A whole series of a run, in columns of bytes, page by page: never held in memory."""

from __future__ import annotations

from typing import Final

from siglum.server.columns import choose_media, writer_of
from siglum.server.exchange import DOWNLOAD_HEADERS, Exchange
from siglum.server.route import Services
from siglum.tracking.entities import Metric
from siglum.tracking.own_calls import MetricSeries
from siglum.tracking.series import Point
from siglum.tracking.store import Page

PORTION: Final = 50_000
"""Points that are read, packed and sent at once."""


async def metric_series(services: Services, request: MetricSeries, exchange: Exchange) -> None:
    """Return all points of one key as Arrow's stream or in a packed format, as Accept says."""
    media = choose_media(exchange.headers.accept)
    run_id = request.run
    first, last = request.start_step, request.end_step

    def read(token: str | None) -> Page[Metric]:
        return services.tracking.metric_history(run_id, request.metric_key, max_results=PORTION, page_token=token)

    def pack(page: Page[Metric]) -> bytes:
        points: list[Point] = [
            (point.step, point.timestamp, point.value)
            for point in page.items
            if (first is None or point.step >= first) and (last is None or point.step <= last)
        ]
        return writer.write(points) if points else b""

    page = await exchange.in_thread(read, None)  # before the answer begins: an error is then an answer of its own
    writer = await exchange.in_thread(writer_of, media)
    headers = ((b"content-type", media.encode()), (b"vary", b"Accept"), (b"content-disposition", b"attachment"))
    await exchange.start(200, (*headers, *DOWNLOAD_HEADERS))
    body = writer.begin()
    while True:
        body += await exchange.in_thread(pack, page)
        await exchange.send({"type": "http.response.body", "body": body, "more_body": True})
        body = b""
        if page.next_token is None:
            break
        page = await exchange.in_thread(read, page.next_token)
    await exchange.send({"type": "http.response.body", "body": writer.end()})
