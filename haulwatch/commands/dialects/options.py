"""The options of `haulwatch simulate --dialect`, as every dialect gets them."""

import asyncio
from dataclasses import dataclass
from typing import Final

from haulwatch.commands.shared import fail, host_and_port

_ANSWERS_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class DialectOptions:
    """What a person asked for."""

    to: str
    """Where the devices connect: HOST:PORT, or what the dialect takes."""
    devices: int
    seed: int
    interval_s: int
    """Device time between two reports of a device."""
    speed: float
    """Device seconds per second."""
    reports: int | None
    """Of each device; None: until Ctrl-C."""
    faults: float
    """Share of messages with each fault, 0 to 1."""
    as_json: bool

    def address(self) -> tuple[str, int]:
        """Host and port. Ends with a message if `to` is none."""
        return host_and_port("--to", self.to)

    def start_ms(self, now_ms: int) -> int:
        """Device time of the first report: it must not run ahead of the clock. Ends with a message if it would."""
        if self.speed <= 1:
            return now_ms
        if self.reports is None:
            fail("--speed above 1 needs --reports: device time begins as far in the past as it will catch up")
        return now_ms - round(self.reports * self.interval_s * 1000 * (1 - 1 / self.speed))


def require_listener(to: tuple[str, int], hint: str) -> None:
    """End with a message if nobody listens there."""
    try:
        asyncio.run(_connect(*to))
    except (OSError, TimeoutError) as exc:
        fail(f"nobody listens at {to[0]}:{to[1]}: {str(exc) or 'no answer'}: {hint}")


async def _connect(host: str, port: int) -> None:
    async with asyncio.timeout(_ANSWERS_S):
        _, writer = await asyncio.open_connection(host, port)
    writer.close()
