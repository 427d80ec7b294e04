"""What leaves the server in one packet."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from siglum.server.protocol import MOST_HELD_BACK, JoinedWrites


class Recorder(asyncio.Transport):
    """Keeps what would be sent at once, and whether it was closed after it."""

    def __init__(self) -> None:
        super().__init__({"peername": ("192.0.2.7", 4000)})
        self.sent: list[bytes] = []

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview]) -> None:
        self.sent.append(b"".join(list_of_data))

    def close(self) -> None:
        self.sent.append(b"closed")


def test_what_is_written_in_one_turn_of_the_loop_is_sent_together() -> None:
    async def write() -> list[bytes]:
        recorder = Recorder()
        transport = JoinedWrites(recorder, asyncio.get_running_loop())
        assert transport.get_extra_info("peername") == ("192.0.2.7", 4000)
        transport.write(b"head")
        transport.write(b"body")
        await asyncio.sleep(0)
        transport.write(b"next")
        await asyncio.sleep(0)
        transport.write(b"last")
        transport.close()
        await asyncio.sleep(0)
        return recorder.sent

    assert asyncio.run(write()) == [b"headbody", b"next", b"last", b"closed"]


def test_what_is_long_does_not_wait() -> None:
    async def write() -> list[bytes]:
        recorder = Recorder()
        transport = JoinedWrites(recorder, asyncio.get_running_loop())
        transport.write(b"head")
        transport.write(b"x" * MOST_HELD_BACK)
        sent = list(recorder.sent)
        await asyncio.sleep(0)
        assert recorder.sent == sent, "and is not sent twice"
        return sent

    assert asyncio.run(write()) == [b"head" + b"x" * MOST_HELD_BACK]
