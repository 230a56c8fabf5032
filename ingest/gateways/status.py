"""The status of a gateway: a small file that it writes each second, and that /readyz and /metrics read."""

import asyncio
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from ingest.process.heartbeat import EVERY_S
from ingest.process.pause import pause
from ingest.process.status_file import replace_status


@dataclass(frozen=True, slots=True)
class GatewayFigures:
    """What a gateway does now, and what it did since its start."""

    broker_connected: bool
    devices: int
    """Devices that are connected and have named themselves."""
    connections: int
    """With those that have not shown who they are."""
    received: int
    """Messages or frames of devices."""
    published: int
    """Messages that the broker acknowledged."""
    not_published: int
    """Messages that the broker did not take; their devices got no answer, and send them again."""
    refused: Mapping[str, int] = field(default_factory=dict)
    """Refused connections and messages, by a reason of a short fixed list."""
    troubles: Sequence[str] = ()
    """What a person should look at now, by words of a short fixed list, such as `port_closed`."""


@dataclass(frozen=True, slots=True)
class GatewayStatus:
    """The newest status of a gateway."""

    at: int
    """ms since 1970 UTC."""
    figures: GatewayFigures


async def keep_reporting(path: Path, stop: asyncio.Event, figures: Callable[[], GatewayFigures]) -> None:
    """Write the status from the event loop that does the work, until `stop` is set."""
    while not stop.is_set():
        report_once(path, figures())
        await pause(stop, EVERY_S)


def report_once(path: Path, figures: GatewayFigures) -> None:
    """Write the status of this moment. Never raises: a full disk keeps the old one."""
    status = GatewayStatus(time.time_ns() // 1_000_000, figures)
    replace_status(path, json.dumps(asdict(status)).encode())


def read_gateway_status(path: Path) -> GatewayStatus | None:
    """Read a status file; None if there is none or it cannot be read."""
    try:
        fields = json.loads(path.read_bytes())
        return GatewayStatus(int(fields["at"]), GatewayFigures(**fields["figures"]))
    except (OSError, ValueError, TypeError, LookupError):
        return None
