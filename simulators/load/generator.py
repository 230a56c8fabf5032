"""A load generator that is not the bottleneck: QoS 1 publishes, encoded beforehand, over a few plain connections.

    python -m simulators.load.generator --port 1883 --messages 100000 --devices 1000

One process, blocking sockets, every PUBACK counted; the last line of its output is `Sent` as JSON. A connection
carries many devices, and a device stays on one connection, so that its messages keep their order. Devices are trucks
that drive the approved routes of Jincheng to and fro; `probe-…` are recycling points that overflow.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Final

from devices.cities import JINCHENG
from devices.city.files import read_city
from devices.city.sites import Route
from devices.codecs.topics import reading_topic
from devices.geo.geometry import XY, LatLon, LocalPlane
from devices.readings.models import Kind
from simulators.load.connection import LoadConnection
from simulators.load.packets import Version

SPEED_KMH: Final = 40.0
PROBE_STEP_MS: Final = 60_000
"""A probe sends four full readings at once, a minute apart, the last measured now. The fourth releases the third from
the reorder buffer, and the third raises the alert."""
_PROBE_READINGS: Final = 4
_BLOCK: Final = 250
"""Devices that share one write to a connection."""
_IDLE_S: Final = 0.001


@dataclass(frozen=True, slots=True)
class Plan:
    """A load to send. Without `rate` (messages/s) as fast as the broker acknowledges."""

    port: int
    messages: int
    devices: int
    rate: float | None = None
    interval_s: float = 10.0
    """Device time between two readings of a device; with `rate` it follows from the rate."""
    connections: int = 4
    window: int = 2_000
    """Unacknowledged publishes allowed on each connection."""
    version: Version = Version.V311
    probe_every_s: float | None = None
    """With `rate`: seconds between two probes."""


@dataclass(frozen=True, slots=True)
class Sent:
    """The result of a plan. Times are seconds of the machine's monotonic clock."""

    sent: int
    acknowledged: int
    refused: int
    """Acknowledged with a reason code of failure (MQTT 5)."""
    probes: int
    began: float
    ended: float
    rate: float
    """Messages/s from the first byte written to the last acknowledgement."""
    cpu_us: float
    """CPU microseconds per message sent; without encoding, except with `rate`."""


def device_id(number: int) -> str:
    """Device id of a truck, numbered from 0."""
    return f"load-{number:06d}"


def probe_id(number: int) -> str:
    return f"probe-{number:05d}"


class Traffic:
    """Payloads of position readings, some 220 bytes each."""

    def __init__(self, interval_s: float) -> None:
        """`interval_s`: device time between two steps of one truck."""
        city = read_city(JINCHENG)
        step_m = max(1.0, SPEED_KMH / 3.6 * interval_s)
        self._roads = [_to_and_fro(route, city.plane, step_m) for route in city.routes]

    def position(self, device: int, step: int, ts: int) -> bytes:
        """The reading of truck `device` at its step number `step`, device time `ts` in ms."""
        road = self._roads[device % len(self._roads)]
        fields = road[(device * 7 + step) % len(road)]
        return (
            b'{"ts":%d,"seq":%d,%b,"accuracy_m":4.2,"satellites":11,"hdop":0.9,"lift_up":false,"cover_open":false,'
            b'"load":"loaded","load_kg":12400.0,"ignition_on":true}' % (ts, step, fields)
        )


def _to_and_fro(route: Route, plane: LocalPlane, step_m: float) -> list[bytes]:
    """Fields of a position for each step along the route and back."""
    corners = [plane.xy(LatLon(lat=lat, lon=lon)) for lon, lat in route.line.coords]
    steps = list(_along(corners, step_m))
    places = [plane.latlon(xy) for xy in (*steps, *reversed(steps))]
    return [b'"lat":%.6f,"lon":%.6f,"speed_kmh":%.1f' % (place.lat, place.lon, SPEED_KMH) for place in places]


def _along(corners: Sequence[XY], step_m: float) -> Iterator[XY]:
    """Places every `step_m` metres of a line."""
    ahead_m = 0.0
    for start, end in pairwise(corners):
        length_m = start.distance_m(end)
        while ahead_m < length_m:
            share = ahead_m / length_m
            yield XY(start.x + share * (end.x - start.x), start.y + share * (end.y - start.y))
            ahead_m += step_m
        ahead_m -= length_m


def run(plan: Plan) -> Sent:
    """Send the load; return when every message is acknowledged. Raises OSError."""
    connections = [LoadConnection(plan.port, f"load-{number}", plan.version) for number in range(plan.connections)]
    traffic = Traffic(plan.interval_s if plan.rate is None else plan.devices / plan.rate)
    if plan.rate is None:
        chunks = list(_encoded(plan, traffic, connections))
        began, cpu_s = time.monotonic(), time.process_time()
        for connection, count, packets in chunks:
            connection.send(packets, count, plan.window)
        sent, probes = plan.messages, 0
    else:
        began, cpu_s = time.monotonic(), time.process_time()
        sent, probes = _at_rate(plan, plan.rate, traffic, connections)
    for connection in connections:
        connection.finish()
    ended, cpu_s = time.monotonic(), time.process_time() - cpu_s
    for connection in connections:
        connection.close()
    return Sent(
        sent=sent,
        acknowledged=sum(connection.acknowledged for connection in connections) - probes * _PROBE_READINGS,
        refused=sum(connection.refused for connection in connections),
        probes=probes,
        began=began,
        ended=ended,
        rate=sent / (ended - began),
        cpu_us=cpu_s / sent * 1e6,
    )


def _encoded(
    plan: Plan, traffic: Traffic, connections: Sequence[LoadConnection]
) -> Iterator[tuple[LoadConnection, int, bytes]]:
    """Encode round by round: no device is ahead of the others by more than the window. The last round is dated now."""
    block = min(_BLOCK, -(-plan.devices // len(connections)))
    interval_ms = int(plan.interval_s * 1000)
    start = _now_ms() - -(-plan.messages // plan.devices) * interval_ms
    left, step = plan.messages, 0
    while left:
        for number, first in enumerate(range(0, plan.devices, block)):
            connection = connections[number % len(connections)]
            members = range(first, min(first + block, plan.devices, first + left))
            ts = start + step * interval_ms
            packets = [connection.encode(_topic(device), traffic.position(device, step, ts)) for device in members]
            left -= len(packets)
            if packets:
                yield connection, len(packets), b"".join(packets)
        step += 1


def _at_rate(plan: Plan, rate: float, traffic: Traffic, connections: Sequence[LoadConnection]) -> tuple[int, int]:
    """Messages and probes sent. Device time is the time of sending, each millisecond of a device once."""
    sent, probes, last_ts = 0, 0, 0
    began = time.monotonic()
    while sent < plan.messages:
        elapsed_s = time.monotonic() - began
        until = min(plan.messages, sent + plan.devices, int(elapsed_s * rate) + 1)
        ts = _now_ms()
        if until == sent or ts <= last_ts:
            time.sleep(_IDLE_S)
            continue
        last_ts = ts
        packets: list[list[bytes]] = [[] for _ in connections]
        for number in range(sent, until):
            step, device = divmod(number, plan.devices)
            at = device % len(connections)
            packets[at].append(connections[at].encode(_topic(device), traffic.position(device, step, ts)))
        sent = until
        if plan.probe_every_s is not None and elapsed_s >= probes * plan.probe_every_s:
            packets[0] += _probe(connections[0], probes, ts)
            probes += 1
        for connection, own in zip(connections, packets, strict=True):
            if own:
                connection.send(b"".join(own), len(own), plan.window)
    return sent, probes


def _probe(connection: LoadConnection, number: int, ts: int) -> list[bytes]:
    topic = reading_topic(probe_id(number), Kind.FILL)
    times = [ts - PROBE_STEP_MS * back for back in reversed(range(_PROBE_READINGS))]
    return [connection.encode(topic, b'{"ts":%d,"fill_pct":97.0,"deposits":0}' % at) for at in times]


def _topic(device: int) -> str:
    return reading_topic(device_id(device), Kind.POSITION)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def main(arguments: Sequence[str] | None = None) -> None:
    """Send as the options say, and print the result."""
    parser = argparse.ArgumentParser(
        prog="python -m simulators.load.generator", description="Push position readings over MQTT."
    )
    parser.add_argument("--port", type=int, required=True, help="port of a broker on loopback")
    parser.add_argument("--messages", type=int, required=True)
    parser.add_argument("--devices", type=int, required=True)
    parser.add_argument("--rate", type=float, help="messages/s; without it as fast as the broker acknowledges")
    parser.add_argument("--interval-s", type=float, default=10.0, help="device time between readings of a device")
    parser.add_argument("--connections", type=int, default=4)
    parser.add_argument("--window", type=int, default=2_000, help="most publishes without PUBACK on each connection")
    parser.add_argument("--version", type=Version, choices=list(Version), default=Version.V311)
    parser.add_argument(
        "--probe-every-s", type=float, help="with --rate: seconds between two recycling points that overflow"
    )
    sys.stdout.write(json.dumps(asdict(run(Plan(**vars(parser.parse_args(arguments)))))) + "\n")


if __name__ == "__main__":
    main()
