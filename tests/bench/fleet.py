"""A city of any size, and what its trucks said, as it stands in a raw log."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from typing import Final

from devices.cities import JINCHENG
from devices.city.files import read_city
from devices.city.model import City, Device, DeviceRole, Permit, Vehicle
from devices.codecs.topics import reading_topic
from devices.readings.models import Kind
from ingest.log.raw_log import RawLog
from ingest.log.records import RawMessage
from simulators.load.generator import Traffic, device_id, probe_id

INTERVAL_S: Final = 20
"""Device time between two readings of a truck: each from the third on lets one go to judgement."""
_START_MS: Final = 1_790_000_000_000
_APPEND: Final = 500


def city_of(trucks: int, probes: int = 0) -> City:
    """The places of Jincheng with the trucks and probes of `simulators.load.generator`; each truck may drive its
    route."""
    jincheng = read_city(JINCHENG)
    devices = {
        device_id(n): Device(
            device_id(n), DeviceRole.TRUCK, vehicle_id=f"vehicle-{n}", fleet=f"fleet-{n % 20}", district="bench"
        )
        for n in range(trucks)
    }
    devices |= {probe_id(n): Device(probe_id(n), DeviceRole.RECYCLING_POINT, district="bench") for n in range(probes)}
    vehicles = {f"vehicle-{n}": Vehicle(f"vehicle-{n}", f"plate-{n}", tare_kg=12_000.0) for n in range(trucks)}
    permits = tuple(
        Permit(f"permit-{n}", f"vehicle-{n}", route_ids=(jincheng.routes[n % len(jincheng.routes)].id,))
        for n in range(trucks)
    )
    return replace(jincheng, devices=devices, vehicles=vehicles, permits=permits)


def said(trucks: int) -> Iterator[RawMessage]:
    """What a fleet says, without end, one truck after the other; received when it was measured."""
    traffic = Traffic(INTERVAL_S)
    topics = [reading_topic(device_id(n), Kind.POSITION) for n in range(trucks)]
    step = 0
    while True:
        ts = _START_MS + step * INTERVAL_S * 1000
        for truck, topic in enumerate(topics):
            yield RawMessage(topic, traffic.position(truck, step, ts), ts)
        step += 1


def fill(log: RawLog, messages: Iterator[RawMessage], count: int) -> None:
    """Append the next `count`. Raises RawLogFull."""
    some = islice(messages, count)
    while batch := list(islice(some, _APPEND)):
        log.append(batch)
