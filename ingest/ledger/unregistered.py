"""Unregistered devices that sent readings: found in the dead letters of reason `unknown_device`."""

from collections.abc import Container, Iterator
from typing import Final

from pydantic import BaseModel, ConfigDict

from devices.codecs.registry import decode
from devices.readings.models import Kind, Position
from devices.readings.refusals import Reason
from ingest.ledger.dead_letters import DeadLetter, DeadLetters

_PAGE_LETTERS: Final = 500


class UnregisteredDevice(BaseModel):
    """An unregistered device, as its dead letters show it."""

    model_config = ConfigDict(frozen=True)

    device: str
    waiting: int
    """Quarantined readings, which adoption redrives."""
    first_seen: int
    last_seen: int
    """Collector's clock, ms since 1970 UTC."""
    kinds: tuple[str, ...]
    lat: float | None = None
    lon: float | None = None
    """WGS-84, from the last received position."""


def waiting_letters(letters: DeadLetters, device: str | None = None) -> Iterator[DeadLetter]:
    """Letters of unregistered devices that were not redriven, oldest first. Raises StateUnavailable."""
    after = 0
    while page := letters.list(device=device, reason=Reason.UNKNOWN_DEVICE, after_id=after, limit=_PAGE_LETTERS):
        yield from page
        after = page[-1].id


def unregistered_devices(letters: DeadLetters, registered: Container[str]) -> list[UnregisteredDevice]:
    """Devices that wait to be registered, the last received first. Raises StateUnavailable."""
    found: dict[str, UnregisteredDevice] = {}
    last_position: dict[str, DeadLetter] = {}
    for letter in waiting_letters(letters):
        if letter.device in registered:
            continue
        kind = letter.topic.rpartition("/")[2]  # of a native topic; for another dialect its last level
        before = found.get(letter.device)
        found[letter.device] = UnregisteredDevice(
            device=letter.device,
            waiting=(before.waiting if before else 0) + letter.stands_for,
            first_seen=min(before.first_seen, letter.received_at) if before else letter.received_at,
            last_seen=max(before.last_seen, letter.received_at) if before else letter.received_at,
            kinds=tuple(sorted({*(before.kinds if before else ()), kind})),
        )
        if kind == Kind.POSITION:
            last_position[letter.device] = letter
    for device_id, letter in last_position.items():
        found[device_id] = found[device_id].model_copy(update=_lat_lon(letter.topic, letters.payload(letter.id)))
    return sorted(found.values(), key=lambda device: (-device.last_seen, device.device))


def _lat_lon(topic: str, payload: bytes) -> dict[str, float]:
    """Latitude and longitude of a refused position; it can be decoded, since only its device was unknown."""
    readings = [reading for reading in decode(topic, payload) if isinstance(reading, Position)]
    return {"lat": readings[-1].lat, "lon": readings[-1].lon} if readings else {}
