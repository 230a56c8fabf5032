"""A city of any size, and the messages of its trucks."""

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
"""Device time between two readings of a truck: from the third on, each reading releases one from the reorder buffer."""
START_MS: Final = 1_790_000_000_000
_BATCH: Final = 500


def city_of(trucks: int, probes: int = 0) -> City:
    """The places of Jincheng with the trucks and probes of `simulators.load.generator`. Each truck has a permit for its
    route.
    """
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


def fleet_messages(trucks: int) -> Iterator[RawMessage]:
    """Messages of a fleet, without end, one truck after the other; receive time is device time."""
    traffic = Traffic(INTERVAL_S)
    topics = [reading_topic(device_id(n), Kind.POSITION) for n in range(trucks)]
    step = 0
    while True:
        ts = START_MS + step * INTERVAL_S * 1000
        for truck, topic in enumerate(topics):
            yield RawMessage(topic, traffic.position(truck, step, ts), ts)
        step += 1


def append_messages(log: RawLog, messages: Iterator[RawMessage], count: int) -> None:
    """Append the next `count` messages. Raises RawLogFull."""
    next_messages = islice(messages, count)
    while batch := list(islice(next_messages, _BATCH)):
        log.append(batch)
