"""Unregistered devices that sent readings: found in the dead letters of reason `unknown_device`."""

from collections.abc import Container, Iterator, Sequence
from typing import Final

from pydantic import BaseModel, ConfigDict

from devices.codecs.codec import Flaw
from devices.codecs.registry import decode, dialect_of
from devices.readings.decoding import NATIVE_DIALECT
from devices.readings.models import Kind, Position, Reading
from devices.readings.refusals import DecodeError, Reason
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
    """Of its readings; in a dialect other than the native one, those of the last message."""
    dialect: str = NATIVE_DIALECT
    """Of the last message."""
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
    last_foreign: dict[str, DeadLetter] = {}
    for letter in waiting_letters(letters):
        if letter.device in registered:
            continue
        dialect = dialect_of(letter.topic)
        kinds = {letter.topic.rpartition("/")[2]} if dialect == NATIVE_DIALECT else set()
        before = found.get(letter.device)
        found[letter.device] = UnregisteredDevice(
            device=letter.device,
            waiting=(before.waiting if before else 0) + letter.stands_for,
            first_seen=min(before.first_seen, letter.received_at) if before else letter.received_at,
            last_seen=max(before.last_seen, letter.received_at) if before else letter.received_at,
            kinds=tuple(sorted({*(before.kinds if before else ()), *kinds})),
            dialect=dialect,
        )
        if Kind.POSITION in kinds:
            last_position[letter.device] = letter
        if dialect != NATIVE_DIALECT:
            last_foreign[letter.device] = letter
    for device_id, letter in last_foreign.items():
        readings = _readings(letter, letters)
        kinds = {*found[device_id].kinds, *(str(reading.kind) for reading in readings)}
        shown: dict[str, object] = {"kinds": tuple(sorted(kinds)), **_lat_lon(readings)}
        found[device_id] = found[device_id].model_copy(update=shown)
    for device_id, letter in last_position.items():
        found[device_id] = found[device_id].model_copy(update=_lat_lon(_readings(letter, letters)))
    return sorted(found.values(), key=lambda device: (-device.last_seen, device.device))


def waiting_dialect(letters: DeadLetters, device_id: str) -> str | None:
    """The dialect in which an unregistered device was heard last; None if nothing of it waits.

    Raises StateUnavailable.
    """
    dialect = None
    for letter in waiting_letters(letters, device_id):
        dialect = dialect_of(letter.topic)
    return dialect


def _readings(letter: DeadLetter, letters: DeadLetters) -> Sequence[Reading]:
    """What a message holds, as far as it can be read without what the registry would say of its device."""
    try:
        decoded = decode(letter.topic, letters.payload(letter.id))
    except DecodeError:
        return ()
    return [item for item in decoded if not isinstance(item, Flaw)]


def _lat_lon(readings: Sequence[Reading]) -> dict[str, float]:
    """Latitude and longitude of the last position."""
    positions = [reading for reading in readings if isinstance(reading, Position) and reading.located]
    return {"lat": positions[-1].lat, "lon": positions[-1].lon} if positions else {}
