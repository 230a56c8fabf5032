"""The line between an indicator and who reads it: spoils bytes, and offers them on a pseudo terminal or over TCP."""

import asyncio
import os
import tty
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from random import Random


@dataclass(frozen=True, slots=True)
class Faults:
    """Shares of frames that are spoiled, 0 to 1."""

    cut: float = 0.0
    """Ends in its middle."""
    flipped: float = 0.0
    """One bit is turned."""
    noise: float = 0.0
    """Stray bytes before it."""
    doubled: float = 0.0
    """Its first byte comes twice."""


def spoiled(frames: Iterable[bytes], faults: Faults, rng: Random) -> Iterator[bytes]:
    """The frames as they arrive over a bad line."""
    for frame in frames:
        sent = frame
        if rng.random() < faults.cut:
            sent = sent[: rng.randrange(1, len(sent))]
        if rng.random() < faults.flipped:
            place, bit = rng.randrange(len(sent)), rng.randrange(8)
            sent = sent[:place] + bytes([sent[place] ^ 1 << bit]) + sent[place + 1 :]
        if rng.random() < faults.doubled:
            sent = sent[:1] + sent
        if rng.random() < faults.noise:
            sent = rng.randbytes(rng.randrange(1, 8)) + sent
        yield sent


class PtyLine:
    """A serial line of which this side is the indicator. `path` is the other side's port."""

    def __init__(self) -> None:
        self._ours, self._theirs = os.openpty()
        tty.setraw(self._theirs)
        os.set_blocking(self._ours, False)
        self.path = os.ttyname(self._theirs)

    async def write(self, data: bytes) -> None:
        """What nobody reads is lost, as on a real line."""
        with suppress(BlockingIOError):
            os.write(self._ours, data)
        await asyncio.sleep(0)

    def close(self) -> None:
        os.close(self._ours)
        os.close(self._theirs)


class TcpLine:
    """A converter from serial to TCP: whoever connects gets what the indicator sends from then on."""

    def __init__(self) -> None:
        self._writers: set[asyncio.StreamWriter] = set()
        self._served: set[asyncio.Task[None] | None] = set()
        self.connections = 0

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection until it ends."""
        self.connections += 1
        self._writers.add(writer)
        self._served.add(asyncio.current_task())
        try:
            with suppress(OSError):
                while await reader.read(1_024):
                    pass  # nothing is asked of an indicator that sends by itself
        finally:
            self._writers.discard(writer)
            self._served.discard(asyncio.current_task())
            writer.close()

    async def write(self, data: bytes) -> None:
        """Send to everybody who is connected."""
        for writer in tuple(self._writers):
            with suppress(OSError):
                writer.write(data)
                await writer.drain()

    async def hang_up(self) -> None:
        """End every connection."""
        for writer in self._writers:
            writer.close()
        await asyncio.gather(*(task for task in self._served if task is not None))


@asynccontextmanager
async def tcp_line(host: str, port: int) -> AsyncIterator[TcpLine]:
    """Listen for the length of the block. Raises OSError."""
    line = TcpLine()
    server = await asyncio.start_server(line.take, host, port)
    try:
        yield line
    finally:
        server.close()
        await line.hang_up()
