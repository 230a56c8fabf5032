"""A dialect that exists only in tests: a level meter whose values mean something by its profile only.

Topic `haulwatch/v1/{device}/meter`; a payload is lines `ts raw`, each a level and a sign of life. By a profile with
`factor` the level is raw × factor percent; by one with `measures: distance`, raw is mm below the sensor.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final

import pytest

from devices.codecs import registry
from devices.codecs.codec import MAX_PAYLOAD_BYTES, Codec, Flaw
from devices.codecs.topics import dialect_topic
from devices.readings.decoding import UNREGISTERED, Decoding
from devices.readings.models import Fill, Reading, Status
from devices.readings.refusals import DecodeError, Reason, Refusal
from ingest.log.records import RawMessage

METER: Final = "meter"
OWN_PROFILES: Final = {"plain": 1.0, "double": 2.0}


class MeterCodec:
    dialect: Final = METER
    topic_filters: Final[tuple[str, ...]] = ()
    has_weighings: bool = False

    def matches(self, topic: str) -> bool:
        return self.device_of(topic) != ""

    def device_of(self, topic: str) -> str:
        levels = topic.split("/")
        return levels[2] if len(levels) == 4 and levels[:2] + levels[3:] == ["haulwatch", "v1", METER] else ""

    def decode(
        self,
        topic: str,
        payload: bytes,
        *,
        max_bytes: int = MAX_PAYLOAD_BYTES,
        decoding: Decoding = UNREGISTERED,
    ) -> list[Reading | Flaw]:
        if len(payload) > max_bytes:
            raise DecodeError(Refusal(Reason.TOO_LARGE, "payload: split it", field="payload"))
        device_id = self.device_of(topic)
        return [item for line in payload.splitlines() for item in _items(device_id, line, decoding)]

    def split(self, payload: bytes) -> list[bytes]:
        return [payload]

    def join(self, elements: Sequence[bytes]) -> bytes:
        return b"\n".join(elements)

    def profiles(self) -> Collection[str]:
        return OWN_PROFILES.keys()

    def check_settings(self, settings: Mapping[str, Any]) -> Sequence[tuple[str, str]]:
        unknown = [(key, "no such setting: remove it") for key in settings if key not in {"factor", "measures"}]
        factor = settings.get("factor", 1.0)
        is_number = isinstance(factor, int | float) and not isinstance(factor, bool)
        return unknown if is_number else [*unknown, ("factor", f"{factor!r} does not fit: write a number")]


def _items(device_id: str, line: bytes, decoding: Decoding) -> Iterator[Reading | Flaw]:
    try:
        ts, raw = (int(word) for word in line.split())
    except ValueError:
        yield Flaw(line, Refusal(Reason.NOT_A_READING, "payload: write `ts raw`", field="payload"))
        return
    level = _level(raw, decoding)
    if level is None or not 0 <= level <= 120:
        yield Flaw(line, Refusal(Reason.MISSING_FIELD, "profile: register one with the device", field="profile"))
    else:
        yield Fill(device_id=device_id, ts=ts, fill_pct=level)
    yield Status(device_id=device_id, ts=ts, online=True, session=1)


def _level(raw: int, decoding: Decoding) -> float | None:
    if decoding.settings.get("measures") == "distance":
        return None if decoding.depth_mm is None else 100.0 * (1 - raw / decoding.depth_mm)
    if decoding.dialect != METER:
        return None
    return raw * float(decoding.settings.get("factor", OWN_PROFILES.get(decoding.profile, 1.0)))


def add_codec(monkeypatch: pytest.MonkeyPatch, codec: Codec) -> None:
    """Put a codec into the registry of this process, before the native one."""
    monkeypatch.setattr(registry.CODECS, "_asked", (codec, *registry.CODECS._asked))
    monkeypatch.setitem(registry.CODECS._by_dialect, codec.dialect, codec)


def metered(device_id: str, ts: int, raw: int, received_at: int | None = None) -> RawMessage:
    """One message of a meter."""
    at = ts + 500 if received_at is None else received_at
    return RawMessage(dialect_topic(device_id, METER), f"{ts} {raw}".encode(), at, METER)
