"""Unregistered devices that were heard: gathered from the readings quarantined as `unknown_device`."""

from collections.abc import Container, Iterator
from typing import Final

from pydantic import BaseModel, ConfigDict

from devices.codecs.registry import decode
from devices.readings.models import Kind, Position
from devices.readings.refusals import Reason
from ingest.ledger.dead_letters import DeadLetter, DeadLetters

_PAGE: Final = 500


class UnregisteredDevice(BaseModel):
    """What is known of a device that nobody registered."""

    model_config = ConfigDict(frozen=True)

    device: str
    waiting: int
    """Quarantined readings, which adoption drives again."""
    first_seen: int
    last_seen: int
    """Collector's clock, ms since 1970 UTC."""
    kinds: tuple[str, ...]
    lat: float | None = None
    lon: float | None = None
    """WGS-84, of the position received last."""


def waiting_letters(letters: DeadLetters, device: str | None = None) -> Iterator[DeadLetter]:
    """Letters of unknown devices that were not driven again, oldest first. Raises StateUnavailable."""
    after = 0
    while page := letters.list(device=device, reason=Reason.UNKNOWN_DEVICE, after_id=after, limit=_PAGE):
        yield from page
        after = page[-1].id


def unregistered_devices(letters: DeadLetters, registered: Container[str]) -> list[UnregisteredDevice]:
    """Who waits to be registered, the latest heard first. Raises StateUnavailable."""
    found: dict[str, UnregisteredDevice] = {}
    last_fix: dict[str, DeadLetter] = {}
    for letter in waiting_letters(letters):
        if letter.device in registered:
            continue
        kind = letter.topic.rpartition("/")[2]
        before = found.get(letter.device)
        found[letter.device] = UnregisteredDevice(
            device=letter.device,
            waiting=before.waiting + 1 if before else 1,
            first_seen=min(before.first_seen, letter.received_at) if before else letter.received_at,
            last_seen=max(before.last_seen, letter.received_at) if before else letter.received_at,
            kinds=tuple(sorted({*(before.kinds if before else ()), kind})),
        )
        if kind == Kind.POSITION:
            last_fix[letter.device] = letter
    for device, letter in last_fix.items():
        found[device] = found[device].model_copy(update=_place(letter.topic, letters.payload(letter.id)))
    return sorted(found.values(), key=lambda stranger: (-stranger.last_seen, stranger.device))


def _place(topic: str, payload: bytes) -> dict[str, float]:
    """Of a reading that was refused only because nobody knew its device, so that it can be read."""
    readings = [reading for reading in decode(topic, payload) if isinstance(reading, Position)]
    return {"lat": readings[-1].lat, "lon": readings[-1].lon} if readings else {}
