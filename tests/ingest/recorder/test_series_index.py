"""A reading's series is found by device, kind and part, whatever topic it came by."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from devices.codecs import registry
from devices.codecs.codec import MAX_PAYLOAD_BYTES, Flaw
from devices.readings.decoding import UNREGISTERED, Decoding
from devices.readings.models import Kind, Reading, Status
from devices.readings.series import SeriesKey, series_key
from ingest.log.records import RawMessage
from ingest.recorder.series_index import SeriesIndex
from tests.ingest.recorder.parts import CITY, NOW, T0, Bench, counts, fill, position

TRUCK, POINT = CITY.devices["truck-1"], CITY.devices["point-1"]


def test_devices_kinds_and_compartments_are_series_of_their_own() -> None:
    index = SeriesIndex({})
    status = Status(device_id="truck-1", ts=T0, online=True, session=1)
    readings = (position(1), status, position(1, device="truck-2"), fill(1, "glass", 5.0), fill(1, "paper", 5.0))
    assert [index.find(reading) for reading in readings] == [None] * 5
    series = [index.get(series_key(reading)) for reading in readings]
    assert len({id(one) for one in series}) == 5
    assert [index.find(reading) for reading in readings] == series


def test_a_series_with_committed_readings_is_there_from_the_start() -> None:
    index = SeriesIndex({SeriesKey(Kind.FILL, "point-1", "glass"): T0})
    found = index.find(fill(1, "glass", 5.0))
    assert found is not None
    assert (found.newest_ts, found.device) == (T0, None)


def test_another_revision_of_the_city_makes_it_look_up_devices_again() -> None:
    index = SeriesIndex({})
    index.use_city(CITY)
    series = index.assign(position(1), TRUCK)
    assert index.find(position(2)) is series
    index.use_city(CITY)
    assert index.get(series_key(position(1))).device is TRUCK
    index.use_city(replace(CITY, name="renamed"))
    assert index.get(series_key(position(1))).device is None


class GatewayCodec:
    """One topic carries several kinds of reading of one device."""

    dialect = "gateway"
    topic_filters: tuple[str, ...] = ("other/#",)
    readings: Sequence[Reading] = ()

    def matches(self, topic: str) -> bool:
        return topic.startswith("gateway/")

    def device_of(self, topic: str) -> str:
        return topic.removeprefix("gateway/")

    def decode(
        self,
        topic: str,
        payload: bytes,
        *,
        max_bytes: int = MAX_PAYLOAD_BYTES,
        decoding: Decoding = UNREGISTERED,
    ) -> list[Reading | Flaw]:
        return list(self.readings)

    def split(self, payload: bytes) -> list[bytes]:
        return [payload] * len(self.readings)

    def join(self, elements: Sequence[bytes]) -> bytes:
        return elements[0]


async def test_one_topic_of_another_dialect_may_carry_several_kinds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    codec = GatewayCodec()
    status = Status(device_id="point-1", ts=T0, online=True, session=1)
    codec.readings = [fill(1, "glass", 5.0), fill(1, "paper", 6.0), status]
    monkeypatch.setitem(registry.CODECS._by_dialect, codec.dialect, codec)
    point = replace(POINT, dialect=codec.dialect)
    bench = Bench(tmp_path, city=replace(CITY, devices={**CITY.devices, point.id: point}))
    for _ in range(2):
        bench.log.append([RawMessage("gateway/point-1", b"\x7e\x01", NOW, codec.dialect)])
    assert counts(await bench.drain()) == {"received": 6, "stored": 3, "duplicate": 3}
    assert [await bench.store.count(kind) for kind in ("fill", "status")] == [2, 1]
