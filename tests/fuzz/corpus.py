"""The messages that are mutated: every case folder, every kind of reading, a day in a small town, hostile messages.

Every device that they name is registered, so that most of them reach the rules and the store.
"""

from collections.abc import Iterable, Iterator, Sequence
from random import Random
from typing import Any, Final, get_args

from msgspec.structs import FieldInfo, fields

from devices.city.model import City, Device, DeviceRole
from devices.codecs.native import encode, encode_array
from devices.codecs.topics import parse_topic, reading_topic
from devices.readings.models import MODELS, Kind, Load, Position, Reading, Status, Throughput, Weighing
from devices.readings.refusals import DecodeError
from ingest.log.records import RawMessage
from simulators.staging.hostile import hostile_messages
from tests import ROOT
from tests.rules.town import T0, Trip, fills, in_time, ticket, town

CASES: Final = ROOT / "tests" / "devices" / "codecs" / "cases"
_ROLES: Final = {
    Kind.POSITION: DeviceRole.TRUCK,
    Kind.STATUS: DeviceRole.TRUCK,
    Kind.FILL: DeviceRole.RECYCLING_POINT,
    Kind.WEIGHING: DeviceRole.WEIGHBRIDGE,
    Kind.THROUGHPUT: DeviceRole.STATION_LINE,
}
_DELAY_MS: Final = 800
_LONGEST_ID: Final = "x" * 64


def seeds() -> tuple[RawMessage, ...]:
    """Messages to mutate, in no order."""
    hostile = [
        RawMessage(message.topic, message.payload, message.at_ms + _DELAY_MS)
        for message in hostile_messages(town(), T0, T0 + 3_600_000, Random(1))
        if len(message.payload) < 10_000
    ]
    return (*_cases(), *hostile, *_whole_readings(), *day())


def day() -> tuple[RawMessage, ...]:
    """Two hours in which every rule raises alerts; in order, to be sent unchanged between mutated messages."""
    east = Trip("T1", 0, 0).drive(4_000, 0).drive(4_000, 900).stand(120, lift_up=True, load="loaded").drive(9_900, 0)
    permitless = Trip("T6", 0, 0, at_s=30).drive(3_000, 0, cover_open=True).stand(180, lift_up=True).quiet(1_800)
    rows: list[Iterable[Reading]] = [
        east.readings,
        permitless.drive(10_000, 0).readings,
        Trip("T2", 0, 0, at_s=60).drive(10_000, 0).stand(300).readings,
        fills([5, 30, 60, 88, 95, 97, 99, 99, 2, 3], every_s=300, temperature_c=31.5),
        fills([10, 90, 98, 98, 98], point="P02", part="glass", every_s=300, smoke=True),
        [ticket("T1", 1_500), ticket("T2", 2_000, net_kg=30_000, manifest="M-1", material="渣土")],
    ]
    return tuple(_message(reading) for reading in in_time(*rows))


def fuzz_city(messages: Sequence[RawMessage]) -> City:
    """The small town, with every device that the messages name."""
    devices = dict(town().devices)
    for message in messages:
        try:
            topic = parse_topic(message.topic)
        except DecodeError:
            continue
        role = _ROLES[topic.kind]
        site = None if role is DeviceRole.TRUCK else "tip"
        devices.setdefault(topic.device_id, Device(topic.device_id, role, site_id=site, district="泽州, east"))
    return town(devices=devices)


def _cases() -> Iterator[RawMessage]:
    for case in sorted(CASES.iterdir()):
        payload = next(case.glob("payload.*")).read_bytes()
        yield RawMessage((case / "topic.txt").read_text().rstrip("\n"), payload, 1_767_225_600_000 + _DELAY_MS)


def _whole_readings() -> Iterator[RawMessage]:
    """Each kind with every field, alone and as an upload of five; one device has the longest valid id."""
    text = "晋E·12 345"
    kinds: list[tuple[str, dict[str, Any]]] = [
        (_LONGEST_ID, {"lat": 35.49, "lon": 112.85, "load": Load.LOADED}),
        ("bridge", {"gross_kg": 31_000.0, "ticket": text, "direction": "in"}),
        ("point", {"fill_pct": 50.0, "compartment": "glass_2"}),
        ("line", {"running": True, "rate_t_per_h": 40.0}),
        ("truck", {"online": True, "session": 7, "cause": "birth"}),
    ]
    models = (Position, Weighing, MODELS[Kind.FILL], Throughput, Status)
    for model, (device_id, given) in zip(models, kinds, strict=True):
        rest = {info.name: _any(info, text) for info in fields(model) if info.name not in given}
        readings = [model(**rest | given | {"device_id": device_id, "ts": T0 + n, "seq": n}) for n in range(5)]
        yield _message(readings[0])
        yield RawMessage(reading_topic(device_id, model.kind), encode_array(readings), T0 + _DELAY_MS)


def _any(info: FieldInfo, text: str) -> Any:
    """A value that is valid for the field."""
    types = {inner for outer in (info.type, *get_args(info.type)) for inner in (outer, *get_args(outer))}
    for kind, value in ((bool, True), (float, 12.5), (int, 3), (str, text)):
        if kind in types:
            return value
    return None


def _message(reading: Reading) -> RawMessage:
    return RawMessage(reading_topic(reading.device_id, reading.kind), encode(reading), reading.ts + _DELAY_MS)
